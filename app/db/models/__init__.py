"""Importing this package registers every table on Base.metadata (Alembic and foreign keys need them all)."""

from app.db.models import groups, jobs, labelers, prompts, rankings, versions

__all__ = ["groups", "jobs", "labelers", "prompts", "rankings", "versions"]
