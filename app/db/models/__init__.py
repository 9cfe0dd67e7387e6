"""Importing this package registers every table on Base.metadata (Alembic and foreign keys need them all)."""

from app.db.models import groups, installation, jobs, labelers, prompts, rankings, versions

__all__ = ["groups", "installation", "jobs", "labelers", "prompts", "rankings", "versions"]
