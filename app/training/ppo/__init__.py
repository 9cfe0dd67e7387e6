"""Reinforcement learning with PPO: sampled episodes, what is measured of them, and the update of the policy."""
