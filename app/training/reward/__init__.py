"""The reward model: data, network, head, training, and report (docs/reward-model.md)."""
