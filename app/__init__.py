"""Fourfold: rank four answers, watch the reward model and the policy learn from it."""

__version__ = "0.1.0"
