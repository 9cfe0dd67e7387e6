"""Races of training beside the programs that a user could pick instead, each contestant in a process of its own."""
