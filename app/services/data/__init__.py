"""Prompts and rankings from files and to files."""
