"""Data in and out: files that are imported, exports, and what training reads."""
