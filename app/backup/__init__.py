"""The whole installation as one file (docs/deployment.md)."""
