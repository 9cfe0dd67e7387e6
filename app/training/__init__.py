"""Trainers as generators: no web, no database, no logger."""
