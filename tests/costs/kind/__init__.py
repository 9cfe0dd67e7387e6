"""A kind of job that trains: IPO (Azar et al. 2023)."""
