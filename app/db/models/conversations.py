"""Conversations that people hold with the versions, and their turns as a tree: what is edited or written anew stands
beside what was there before, and nothing is overwritten."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    UniqueConstraint,
    or_,
    select,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db.base import Base, string_enum, utc_now
from app.db.models.prompts import PromptImport

_OF_IMPORT = text("import_id IS NOT NULL")


class TurnRole(StrEnum):
    USER = "user"
    ASSISTANT = "assistant"


class TurnStatus(StrEnum):
    WRITING = "writing"
    """An answer that is not whole: it is being written, or will be as soon as somebody looks."""
    DONE = "done"
    STOPPED = "stopped"
    """A person stopped it: what was there is kept."""
    FAILED = "failed"


class Conversation(Base):
    __tablename__ = "conversations"
    __table_args__ = (
        Index(None, "labeler_id", "number"),
        UniqueConstraint("labeler_id", "idempotency_key"),
        Index("ix_conversations_import", "import_id", sqlite_where=_OF_IMPORT, postgresql_where=_OF_IMPORT),
        {"sqlite_autoincrement": True},  # an address that was shared never leads to another conversation
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    labeler_id: Mapped[int] = mapped_column(ForeignKey("labelers.id"))
    number: Mapped[int]
    """Grows with everything that happens in any conversation: which one was used last."""
    title: Mapped[str]
    system: Mapped[str] = mapped_column(default="")
    """The system line; empty for none. It stands before all turns, so it is fixed once there are any."""
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"))
    """Which version answers next. It may have been removed since: the conversation can go on with another one."""
    other_version_id: Mapped[int | None] = mapped_column(ForeignKey("versions.id"))
    """The version that answers beside it; None where one answers alone."""
    is_blind: Mapped[bool] = mapped_column(default=False)
    """Whether it is hidden which of the two wrote which answer."""
    is_swapped: Mapped[bool] = mapped_column(default=False)
    """Whether `other_version_id` answers on the first side."""
    settings: Mapped[dict[str, Any]] = mapped_column(JSON)
    """How answers are sampled: some of SamplingParams, by name."""
    reads_from: Mapped[int | None]
    """The user's turn from which on the versions read; None for the first. What stands before was left out by choice.
    No foreign key: the two tables would refer to each other in a circle, and a turn that is gone is the first."""
    idempotency_key: Mapped[str | None]
    opened_as: Mapped[str | None]
    """Hash of what it was opened with, by which a repetition is told from another use of the same key. None before
    there was such a mark."""
    digest: Mapped[str | None] = mapped_column(unique=True, index=True)
    """sha256 of what one that came with a file holds: the same is taken in once."""
    import_id: Mapped[int | None]
    """The import that brought it and is not over (PromptImport): nobody sees it until then."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)

    turns: Mapped[list["Turn"]] = relationship(lazy="raise", order_by="Turn.id")

    @classmethod
    def is_visible(cls) -> ColumnElement[bool]:
        """Those that are there for people: of an import only once all of it is."""
        done = select(PromptImport.id).where(PromptImport.staged_at.is_not(None))
        return or_(cls.import_id.is_(None), cls.import_id.in_(done))


class Turn(Base):
    """One message. Turns behind the same one are its alternatives, numbered; an alternative is a user's message, one
    answer, or two of two versions, side by side."""

    __tablename__ = "turns"
    __table_args__ = (
        UniqueConstraint("conversation_id", "parent_id", "alternative", "side", name="uq_turns_place"),
        UniqueConstraint("conversation_id", "idempotency_key", name="uq_turns_key"),
        CheckConstraint("side IN (0, 1)", name="side"),
        {"sqlite_autoincrement": True},  # a page that shows a deleted turn never means another one
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("turns.id"), index=True)
    """The turn before it; None for the first."""
    alternative: Mapped[int] = mapped_column(default=1)
    side: Mapped[int] = mapped_column(default=0)
    """0 is shown first. Of two answers, which version stands where is chance."""
    is_current: Mapped[bool] = mapped_column(default=True)
    """Whether its alternative is the one that is shown, of those behind the same turn."""
    is_chosen: Mapped[bool] = mapped_column(default=False)
    """Of two answers: whether the conversation goes on with this one."""
    role: Mapped[TurnRole] = mapped_column(string_enum(TurnRole))
    status: Mapped[TurnStatus] = mapped_column(string_enum(TurnStatus), default=TurnStatus.DONE)
    text: Mapped[str] = mapped_column(default="")
    version_id: Mapped[int | None] = mapped_column(ForeignKey("versions.id"))
    """Which one wrote the answer; None where it came with a file and the version is not here."""
    written_by: Mapped[str | None]
    """The name of such a version, and its files' hash (app/formats/writers.py)."""
    token_ids: Mapped[list[int] | None] = mapped_column(JSON(none_as_null=True))
    """The tokens that were drawn, of a whole answer or of one that was stopped, which goes on from them; never
    re-tokenized."""
    finish_reason: Mapped[str | None]
    seed: Mapped[int | None]
    settings: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """How the answer is sampled, with the length that there was room for."""
    reads_from: Mapped[int | None]
    """As of the conversation, when the answer was begun."""
    error: Mapped[str | None]
    """Why it failed, in a sentence."""
    idempotency_key: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
