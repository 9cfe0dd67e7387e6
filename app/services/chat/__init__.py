"""Conversations with the versions: kept as a tree of turns, answered by runs that belong to them."""
