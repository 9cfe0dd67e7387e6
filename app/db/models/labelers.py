"""Who ranks: people, simulated labelers that are always marked as such, and whoever filled an imported file."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, string_enum, utc_now


class LabelerKind(StrEnum):
    PERSON = "person"
    SIMULATED = "simulated"
    IMPORTED = "imported"  # of a file that does not say who ranked: perhaps people, perhaps a program


class Labeler(Base):
    __tablename__ = "labelers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[LabelerKind] = mapped_column(string_enum(LabelerKind), default=LabelerKind.PERSON)
    languages: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    """Codes of the languages that they chose to read prompts in; none of them is any; None: they never chose."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
