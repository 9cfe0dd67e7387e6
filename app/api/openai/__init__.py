"""OpenAI's API under /v1: what it takes and what it answers."""
