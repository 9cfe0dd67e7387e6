"""The tables; importing this package registers them all on Base.metadata."""

from app.db.models import groups, installation, jobs, labelers, prompts, rankings, versions

__all__ = ["groups", "installation", "jobs", "labelers", "prompts", "rankings", "versions"]
