"""A loss of the reward model, chosen by a hyper-parameter: Rao-Kupper."""
