"""Simulated labelers with a known taste, for the command line and the benchmarks alone."""
