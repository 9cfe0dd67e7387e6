"""Which tokenizers there are: each version has one, and what is trained from a version shares its own."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.db.models.versions import Version
from app.services.versions import versions

MAX_TEXT_CHARACTERS = 10_000
"""Longest text that is cut for a reader."""


def tokenizing_version(session: Session, version_id: int | None) -> Version:
    """The named version, of whatever kind, or the one that answers."""
    return versions.active_answerer(session) if version_id is None else versions.usable_version(session, version_id)


@dataclass(frozen=True)
class TokenizerChoice:
    """`source`: the version that brought the tokenizer along; `shared_by`: all that read with it, itself included."""

    source: Version
    shared_by: frozenset[int]


def tokenizers(session: Session) -> list[TokenizerChoice]:
    """One for each version with files that was not trained from another one, oldest first: training never changes a
    tokenizer, and the files of what a version was made from are kept as long as its own."""
    rows = {version.id: version for version in versions.with_files(session)}
    shared: dict[int, set[int]] = {}
    for version in rows.values():
        root = version
        while root.parent_id in rows:
            root = rows[root.parent_id]
        shared.setdefault(root.id, set()).add(version.id)
    return [TokenizerChoice(rows[source], frozenset(shared[source])) for source in sorted(shared)]
