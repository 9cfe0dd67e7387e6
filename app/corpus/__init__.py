"""The corpus that the shipped models learn from, written and generated here (docs/corpus.md)."""
