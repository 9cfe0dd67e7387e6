"""Prompts: checked, stored once, looked through, archived and deleted."""
