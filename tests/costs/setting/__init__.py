"""A setting with its range: how good a new reward model must be to take over."""
