"""The arena: pairs of answers that are judged blind, the votes on them, and what its settings say.

Pairs are no groups. What is ranked is trained on: of every answer in `completions` a training may read the tokens (the
reward model's scores are normalized on a version's newest ones, whatever their prompts), and every group is a card. A
pair is most often about a held-out prompt, which no training may ever touch; so it lies where no training looks. What a
group of several versions' answers has, a pair has too: the exact tokens, who wrote which one, and a shuffled order. A
vote that is to be trained on becomes a ranking of two, with a group of its own (app/services/arena/learning.py).
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db.base import Base, string_enum, utc_now
from app.db.models.labelers import Labeler
from app.db.models.prompts import Prompt

_IN_FORCE, _WITHDRAWN = text("withdrawn_at IS NULL"), text("withdrawn_at IS NOT NULL")
_OF_IMPORT = text("import_id IS NOT NULL")


class PairSource(StrEnum):
    """Where a pair's prompt is from."""

    HELD_OUT = "held_out"
    DRAWN = "drawn"  # one of those that people rank and policies practise on
    OWN = "own"


class PairStatus(StrEnum):
    READY = "ready"  # nobody has seen it
    HELD = "held"  # shown to its labeler
    VOTED = "voted"
    SKIPPED = "skipped"
    SAME_TEXT = "same_text"  # both versions wrote the same: shown to nobody, but counted


class Verdict(StrEnum):
    A = "a"
    B = "b"
    TIE = "tie"
    BOTH_BAD = "both_bad"


class Pair(Base):
    """Two answers to one prompt. A is the one that is shown first: which version that is was drawn by lot."""

    __tablename__ = "pairs"
    __table_args__ = (
        Index(None, "status", "id"),
        Index(None, "version_a_id", "version_b_id"),
        Index(None, "labeler_id", "status"),
        Index("ix_pairs_import", "import_id", sqlite_where=_OF_IMPORT, postgresql_where=_OF_IMPORT),
        CheckConstraint("finish_reason_a IN ('stop', 'length')", name="finish_reason_a"),
        CheckConstraint("finish_reason_b IN ('stop', 'length')", name="finish_reason_b"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    prompt_id: Mapped[int] = mapped_column(ForeignKey("prompts.id"), index=True)
    source: Mapped[PairSource] = mapped_column(string_enum(PairSource))
    version_a_id: Mapped[int | None] = mapped_column(ForeignKey("versions.id"))
    """Who wrote A; None where it came with a file and that version is not here."""
    version_b_id: Mapped[int | None] = mapped_column(ForeignKey("versions.id"), index=True)
    writer_a: Mapped[str | None]
    """The name of a version that is not here, as the file gave it: "policy 7 #0123456789abcdef"."""
    writer_b: Mapped[str | None]
    text_a: Mapped[str]
    text_b: Mapped[str]
    token_ids_a: Mapped[list[int]] = mapped_column(JSON)
    """As its version drew them; never re-tokenized."""
    token_ids_b: Mapped[list[int]] = mapped_column(JSON)
    finish_reason_a: Mapped[str]
    finish_reason_b: Mapped[str]
    score_a: Mapped[float | None]
    """By the reward model `reward_version_id`, when it was sampled; None where none could."""
    score_b: Mapped[float | None]
    reward_version_id: Mapped[int | None] = mapped_column(ForeignKey("versions.id"))
    seed: Mapped[int]
    """Of both answers: what is left to chance is the same for both versions."""
    settings: Mapped[dict[str, Any]] = mapped_column(JSON)
    """SamplingParams as a dict, of both answers."""
    status: Mapped[PairStatus] = mapped_column(string_enum(PairStatus), default=PairStatus.READY)
    labeler_id: Mapped[int | None] = mapped_column(ForeignKey("labelers.id"))
    """To whom it was shown."""
    held_at: Mapped[datetime | None]
    digest: Mapped[str | None] = mapped_column(unique=True)
    """sha256 of what an imported pair and its vote hold: the same is taken in once."""
    import_id: Mapped[int | None]
    """The import that brought it and is not over (see PromptImport): its vote is stored as withdrawn until then."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)

    prompt: Mapped[Prompt] = relationship(lazy="raise")


class Vote(Base):
    """One person's verdict on one pair. A withdrawn one is kept and counts no more."""

    __tablename__ = "votes"
    __table_args__ = (
        Index(
            "uq_votes_pair_labeler",
            "pair_id",
            "labeler_id",
            unique=True,
            sqlite_where=_IN_FORCE,
            postgresql_where=_IN_FORCE,
        ),
        UniqueConstraint("labeler_id", "idempotency_key"),
        Index("ix_votes_labeler", "labeler_id", "withdrawn_at", "id"),
        Index("ix_votes_in_force", "id", sqlite_where=_IN_FORCE, postgresql_where=_IN_FORCE),
        Index("ix_votes_withdrawn", "id", sqlite_where=_WITHDRAWN, postgresql_where=_WITHDRAWN),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    pair_id: Mapped[int] = mapped_column(ForeignKey("pairs.id"), index=True)
    labeler_id: Mapped[int] = mapped_column(ForeignKey("labelers.id"))
    verdict: Mapped[Verdict] = mapped_column(string_enum(Verdict))
    duration_ms: Mapped[int | None]
    idempotency_key: Mapped[str | None]
    ranking_id: Mapped[int | None] = mapped_column(ForeignKey("rankings.id"), unique=True)
    """The ranking of two that it became, where votes are trained on."""
    activated_version_id: Mapped[int | None] = mapped_column(ForeignKey("versions.id"))
    """The version that the rule activated with this vote."""
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    withdrawn_at: Mapped[datetime | None]

    pair: Mapped[Pair] = relationship(lazy="raise")
    labeler: Mapped[Labeler] = relationship(lazy="raise")


class ArenaSettings(Base):
    """What follows from votes: one row, once somebody chose."""

    __tablename__ = "arena_settings"
    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint("activate_above BETWEEN 0.5 AND 0.95", name="activate_above"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    train_on_votes: Mapped[bool] = mapped_column(default=False)
    activate_above: Mapped[float | None]
    """A candidate is activated once the lower end of its win rate's interval is above this; None: never by itself."""
