"""Processes of this program: how they are started, watched and stopped, and what memory they may still take."""
