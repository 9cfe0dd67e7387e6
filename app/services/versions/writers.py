"""The versions as those who wrote answers: named in a file so that another installation knows them, and found again."""

from collections import defaultdict

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models.versions import Version
from app.formats.writers import Writer


def writers_by_id(session: Session) -> dict[int, Writer]:
    rows = session.execute(select(Version.id, Version.kind, Version.content_hash))
    return {number: Writer(f"{kind.value} {number}", content_hash) for number, kind, content_hash in rows}


class VersionsByFiles:
    """Which version here has the files that wrote an answer elsewhere."""

    def __init__(self, session: Session) -> None:
        self._here: dict[str, list[int]] = defaultdict(list)
        for version_id, content_hash in session.execute(select(Version.id, Version.content_hash)):
            self._here[content_hash].append(version_id)

    def find(self, writer: Writer | None) -> int | None:
        """None where none has them, and where several have."""
        same = [] if writer is None else self._here.get(writer.content_hash or "", [])
        return same[0] if len(same) == 1 else None
