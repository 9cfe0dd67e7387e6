"""Prompts: what a person asks. Held-out prompts are never ranked or trained on; evaluation uses them."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, string_enum, utc_now


class PromptSplit(StrEnum):
    TRAIN = "train"
    HELD_OUT = "held_out"


class PromptSource(StrEnum):
    SHIPPED = "shipped"
    OWN = "own"
    IMPORTED = "imported"


class Prompt(Base):
    __tablename__ = "prompts"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    """The last user message, as shown on the page."""
    messages: Mapped[list[dict[str, str]]] = mapped_column(JSON)
    """The whole conversation, `[{"role", "content"}]`, ending with the user's message."""
    digest: Mapped[str] = mapped_column(unique=True)
    """sha256 of the canonical JSON of `messages`: the same prompt is stored once."""
    split: Mapped[PromptSplit] = mapped_column(string_enum(PromptSplit), default=PromptSplit.TRAIN, index=True)
    source: Mapped[PromptSource] = mapped_column(string_enum(PromptSource))
    language: Mapped[str] = mapped_column(default="en")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
