"""Who ranks: people, simulated labelers that are always marked as such, and whoever filled an imported file."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, string_enum, utc_now


class LabelerKind(StrEnum):
    PERSON = "person"
    SIMULATED = "simulated"
    IMPORTED = "imported"  # of a file that does not say who ranked: perhaps people, perhaps a program


_OF_IMPORT = text("import_id IS NOT NULL")


class Labeler(Base):
    __tablename__ = "labelers"
    __table_args__ = (Index("ix_labelers_import", "import_id", sqlite_where=_OF_IMPORT, postgresql_where=_OF_IMPORT),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[LabelerKind] = mapped_column(string_enum(LabelerKind), default=LabelerKind.PERSON)
    languages: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    """Codes of the languages that they chose to read prompts in; none of them is any; None: they never chose."""
    import_id: Mapped[int | None]
    """The import that named them first and is not over (see PromptImport): if it comes to nothing they go with it, and
    nobody sees them until then. Whoever comes here by that name meanwhile stays."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
