"""Kernels: what a decode step computes, compiled for this processor, and kept on disk."""
