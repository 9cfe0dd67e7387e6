"""Groups: the answers to one prompt that are ranked together. Four that were written here, by one version or by
several, and are shown to one labeler in a shuffled order, who may add a fifth; or two and more that came with a file,
together with their ranking."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, UniqueConstraint, and_, false, text
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from app.db.base import Base, string_enum, utc_now
from app.db.models.labelers import Labeler
from app.db.models.prompts import Prompt
from app.db.models.tags import Tag, Tagged
from app.db.models.versions import Version

ANSWERS_PER_GROUP = 4
MOST_IMPORTED_ANSWERS = 16
_OF_IMPORT = text("import_id IS NOT NULL")
_SECOND = text("second_of IS NOT NULL")


class GroupStatus(StrEnum):
    SAMPLING = "sampling"  # a person's own prompt whose answers are streaming
    READY = "ready"
    LEASED = "leased"
    RANKED = "ranked"
    SKIPPED = "skipped"
    EXPIRED = "expired"  # its version answers no more, or its prompt was archived


class ChosenBy(StrEnum):
    """Why a sampled group and no other is on the label page."""

    AS_IT_CAME = "as_it_came"  # its prompt was drawn
    CONTROL = "control"  # so, too, while others are chosen: what choosing brings is judged by these
    EXPECTED_GAIN = "expected_gain"  # the one of several that was expected to teach the reward model most


class SkipReason(StrEnum):
    ALL_BAD = "all_bad"
    UNSAFE = "unsafe"
    UNCLEAR = "unclear"
    UNREADABLE = "unreadable"  # in a language that the labeler does not read
    TOO_SIMILAR = "too_similar"
    OTHER = "other"


class Group(Base):
    __tablename__ = "groups"
    __table_args__ = (
        Index(None, "status", "id"),
        Index(None, "leased_to", "lease_number"),
        Index("ix_groups_import", "import_id", sqlite_where=_OF_IMPORT, postgresql_where=_OF_IMPORT),
        Index("ix_groups_repeats", "id", sqlite_where=text("is_repeat = 1"), postgresql_where=text("is_repeat")),
        # a constraint, not an if, keeps two people from being the second one of a group
        Index("uq_groups_second_of", "second_of", unique=True, sqlite_where=_SECOND, postgresql_where=_SECOND),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    prompt_id: Mapped[int] = mapped_column(ForeignKey("prompts.id"), index=True)
    version_id: Mapped[int | None] = mapped_column(ForeignKey("versions.id"), index=True)
    """The version that writes all four; None where several do, or nobody here did. Each answer says who wrote it:
    whoever wants to know that asks the answers."""
    version_ids: Mapped[list[int] | None] = mapped_column(JSON(none_as_null=True))
    """Of answers sampled for the label page, which version writes which one, in the order of `sample_index`."""
    sampled_as: Mapped[str | None]
    """Of the same, the versions and settings, as label_settings.py writes them: a card that nobody holds expires where
    others are wanted now. None of answers that were given (from a chat), or came with a file."""
    digest: Mapped[str | None] = mapped_column(unique=True)
    """sha256 of what an imported group and its ranking hold: the same is taken in once. Of a vote's ranking, which vote
    it was (app/services/arena/learning.py). A group with one is no card."""
    import_id: Mapped[int | None]
    """The import that brought it and is not over (see PromptImport): its ranking is stored as withdrawn until then."""
    settings: Mapped[dict[str, Any]] = mapped_column(JSON)
    """SamplingParams as a dict: temperature, top_k, top_p, max_tokens, seed."""
    seed: Mapped[int]
    status: Mapped[GroupStatus] = mapped_column(string_enum(GroupStatus), default=GroupStatus.READY)
    leased_to: Mapped[int | None] = mapped_column(ForeignKey("labelers.id"))
    leased_at: Mapped[datetime | None]
    lease_expires_at: Mapped[datetime | None]
    lease_number: Mapped[int | None]
    """Grows with every lease of one labeler: which of their cards is the newest."""
    is_repeat: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether its labeler had ranked these answers before (app/services/labeling/repeats.py): what they say now tells
    how sure they are, and is not trained on."""
    second_of: Mapped[int | None] = mapped_column(ForeignKey("groups.id"))
    """The group with the same answers that somebody else ranked first (repeats.py); this one is a second person's."""
    ask_key: Mapped[str | None] = mapped_column(unique=True)
    """Of an own prompt: the page's name for that one sending of it, which may come more than once."""
    chosen_by: Mapped[str | None]
    """A ChosenBy; None of own prompts, answers of a chat, what came with a file, and groups of before."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)

    prompt: Mapped[Prompt] = relationship(lazy="raise")
    completions: Mapped[list["Completion"]] = relationship(lazy="raise", order_by="Completion.display_position")
    tags: Mapped[list[Tag]] = relationship(
        primaryjoin=lambda: and_(foreign(Tag.record_id) == Group.id, Tag.kind == Tagged.GROUP),
        order_by=Tag.name,
        viewonly=True,
        lazy="raise",
    )


class Completion(Base):
    """One answer. Of one that a version here sampled, with the exact token ids that it drew; never re-tokenized."""

    __tablename__ = "completions"
    __table_args__ = (
        UniqueConstraint("group_id", "sample_index"),
        UniqueConstraint("group_id", "display_position"),
        CheckConstraint("finish_reason IN ('stop', 'length')", name="finish_reason"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id"), index=True)
    version_id: Mapped[int | None] = mapped_column(ForeignKey("versions.id"), index=True)
    """The version that wrote it; None where a person did, or where it came with a file: its tokens are not read."""
    labeler_id: Mapped[int | None] = mapped_column(ForeignKey("labelers.id"), index=True)
    """The person here who wrote it, and who alone ranks it with the others."""
    written_by: Mapped[str | None]
    """Who wrote one that came with a file, by the name that the file gave."""
    sample_index: Mapped[int]
    display_position: Mapped[int]
    text: Mapped[str]
    token_ids: Mapped[list[int]] = mapped_column(JSON)
    finish_reason: Mapped[str]

    version: Mapped[Version | None] = relationship(lazy="raise")
    labeler: Mapped[Labeler | None] = relationship(lazy="raise")


class Skip(Base):
    __tablename__ = "skips"

    id: Mapped[int] = mapped_column(primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id"), index=True)
    labeler_id: Mapped[int] = mapped_column(ForeignKey("labelers.id"), index=True)
    reason: Mapped[SkipReason] = mapped_column(string_enum(SkipReason))
    newest_ranking_id: Mapped[int] = mapped_column(server_default="0")
    """The labeler's newest ranking when they skipped, 0 before the first: which of the two was later."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    withdrawn_at: Mapped[datetime | None]

    group: Mapped[Group] = relationship(lazy="raise")
    labeler: Mapped[Labeler] = relationship(lazy="raise")
