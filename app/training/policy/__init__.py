"""What every trainer of a policy shares: sampled episodes and what is measured of them, formulas, and the update."""
