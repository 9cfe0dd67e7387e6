"""A kind of job that trains: DPO (Rafailov et al. 2023)."""
