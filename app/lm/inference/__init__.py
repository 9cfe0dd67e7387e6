"""Sampling: a thread with continuous batching, its caches, and its compiled kernels (docs/sampling.md)."""
