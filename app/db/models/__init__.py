"""The tables; importing this package registers them all on Base.metadata."""

from app.db.models import (
    arena,
    conversations,
    groups,
    installation,
    jobs,
    label_settings,
    labelers,
    prompts,
    rankings,
    tags,
    versions,
)

__all__ = [
    "arena",
    "conversations",
    "groups",
    "installation",
    "jobs",
    "label_settings",
    "labelers",
    "prompts",
    "rankings",
    "tags",
    "versions",
]
