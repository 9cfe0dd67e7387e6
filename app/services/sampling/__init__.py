"""What the services ask of the language model, and groups that are sampled ahead."""
