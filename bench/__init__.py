"""Measurements, whose results stand in bench/results/."""
