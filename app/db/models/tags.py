"""Tags: words of people's own on prompts, groups and rankings, by which these are found again."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, string_enum, utc_now


class Tagged(StrEnum):
    """What may have tags."""

    PROMPT = "prompt"
    GROUP = "group"
    RANKING = "ranking"


class Tag(Base):
    """One tag of one record. No foreign key: the three tables are one's parents in turn; whoever deletes a record
    deletes its tags (app/services/labeling/tags.py)."""

    __tablename__ = "tags"
    __table_args__ = (Index("ix_tags_name", "kind", "name", "record_id"),)

    kind: Mapped[Tagged] = mapped_column(string_enum(Tagged), primary_key=True)
    record_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
