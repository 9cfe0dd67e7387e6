"""Prompts: what a person asks. Held-out prompts are never ranked or trained on; evaluation uses them."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, ColumnElement, Index, and_, or_, select, text
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from app.chat import Message
from app.db.base import Base, string_enum, utc_now
from app.db.models.tags import Tag, Tagged
from app.model_info.prompt_sets import EVERYBODYS


class PromptSplit(StrEnum):
    TRAIN = "train"
    HELD_OUT = "held_out"


class PromptSource(StrEnum):
    SHIPPED = "shipped"
    OWN = "own"
    IMPORTED = "imported"


IN_USE = text("archived_at IS NULL AND set_aside IS NULL AND import_id IS NULL")
_SET_ASIDE, _ARCHIVED = text("set_aside IS NOT NULL"), text("archived_at IS NOT NULL")
_OF_IMPORT = text("import_id IS NOT NULL")


class Prompt(Base):
    """Written with words of its columns, so that SQLite takes the partial indexes: `Prompt.in_use()`."""

    __tablename__ = "prompts"
    __table_args__ = (
        Index("ix_prompts_drawing", "split", "shown", "draw_key", sqlite_where=IN_USE, postgresql_where=IN_USE),
        Index(
            "ix_prompts_drawing_by_language",
            *("prompt_set", "language", "split", "shown", "draw_key"),
            sqlite_where=IN_USE,
            postgresql_where=IN_USE,
        ),
        Index("ix_prompts_set_aside", "set_aside_for", sqlite_where=_SET_ASIDE, postgresql_where=_SET_ASIDE),
        Index("ix_prompts_archived", "id", sqlite_where=_ARCHIVED, postgresql_where=_ARCHIVED),
        Index("ix_prompts_import", "import_id", sqlite_where=_OF_IMPORT, postgresql_where=_OF_IMPORT),
        Index("ix_prompts_shown", "shown", "id"),  # for pages of a million prompts, those shown most first
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    """The last user message, as shown on the page."""
    messages: Mapped[list[Message]] = mapped_column(JSON)
    """The whole conversation, `[{"role", "content"}]`, ending with the user's message."""
    digest: Mapped[str] = mapped_column(unique=True)
    """sha256 of the canonical JSON of `messages`: the same prompt is stored once."""
    split: Mapped[PromptSplit] = mapped_column(string_enum(PromptSplit), default=PromptSplit.TRAIN, index=True)
    source: Mapped[PromptSource] = mapped_column(string_enum(PromptSource))
    language: Mapped[str] = mapped_column(default="en")
    prompt_set: Mapped[str] = mapped_column(default=EVERYBODYS, server_default=EVERYBODYS)
    """The shipped set that it belongs to (app/model_info/prompt_sets.py): for versions of the models that it was
    written for. EVERYBODYS: for all of them."""
    shown: Mapped[int] = mapped_column(default=0)
    """Groups made for it, those that expired left out."""
    draw_key: Mapped[str]
    """16 hexadecimal digits: its place among prompts that were shown as often. At first those of the digest, so that
    held-out prompts, which are never shown, keep one order for good; new at each showing."""
    archived_at: Mapped[datetime | None]
    """Since when a person wants it neither shown nor trained on."""
    set_aside: Mapped[str | None]
    """Why the version at hand cannot answer it, in a sentence: neither shown nor trained on meanwhile."""
    set_aside_for: Mapped[str | None]
    """Whose tokens, and how many of them, that was judged by (app/services/sampling/fitting.py)."""
    import_id: Mapped[int | None]
    """The import that brought it and is not over; see PromptImport."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)

    tags: Mapped[list[Tag]] = relationship(
        primaryjoin=lambda: and_(foreign(Tag.record_id) == Prompt.id, Tag.kind == Tagged.PROMPT),
        order_by=Tag.name,
        viewonly=True,
        lazy="raise",
    )

    @classmethod
    def in_use(cls) -> ColumnElement[bool]:
        """Those that may be shown and trained on."""
        return and_(cls.archived_at.is_(None), cls.set_aside.is_(None), cls.import_id.is_(None))

    @classmethod
    def is_visible(cls) -> ColumnElement[bool]:
        """Those that are there for people: rows of an import only once all of them are."""
        done = select(PromptImport.id).where(PromptImport.staged_at.is_not(None))
        return or_(cls.import_id.is_(None), cls.import_id.in_(done))


class PromptImport(Base):
    """A file that is being imported. Its rows come in many short transactions, unseen (`staged_at` is null); setting
    `staged_at` shows them all at once; then they are let into use in as many short ones, and this row goes."""

    __tablename__ = "prompt_imports"

    id: Mapped[int] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    staged_at: Mapped[datetime | None]
