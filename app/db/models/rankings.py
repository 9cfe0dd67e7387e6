"""Rankings: the record that the whole product rests on. Withdrawn ones are kept and left out of training."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    CompoundSelect,
    ForeignKey,
    Index,
    Select,
    UniqueConstraint,
    and_,
    or_,
    select,
    text,
    union,
)
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from app.db.base import Base, utc_now
from app.db.models.arena import ArenaSettings, Vote
from app.db.models.groups import Completion, Group
from app.db.models.labelers import Labeler
from app.db.models.prompts import Prompt, PromptSplit
from app.db.models.tags import Tag, Tagged

_STANDS, _WITHDRAWN = text("withdrawn_at IS NULL"), text("withdrawn_at IS NOT NULL")
_TIMED = text("duration_ms IS NOT NULL")


class Ranking(Base):
    __tablename__ = "rankings"
    __table_args__ = (
        # a constraint, not an if, stops the double-clicked ranking; a withdrawn one may be given again
        Index(
            "uq_rankings_group_labeler",
            "group_id",
            "labeler_id",
            unique=True,
            sqlite_where=_STANDS,
            postgresql_where=_STANDS,
        ),
        UniqueConstraint("labeler_id", "idempotency_key"),
        # for pages of a million rankings: in their order, past those that a file is still bringing
        Index("ix_rankings_labeler", "labeler_id", "withdrawn_at", "id"),
        Index("ix_rankings_in_force", "id", sqlite_where=_STANDS, postgresql_where=_STANDS),
        Index("ix_rankings_withdrawn", "id", sqlite_where=_WITHDRAWN, postgresql_where=_WITHDRAWN),
        Index("ix_rankings_duration", "duration_ms", "id", sqlite_where=_TIMED, postgresql_where=_TIMED),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("groups.id"), index=True)
    labeler_id: Mapped[int] = mapped_column(ForeignKey("labelers.id"))
    ranks: Mapped[dict[str, int]] = mapped_column(JSON)
    """completion id (as text, JSON has no other keys) -> rank, 1 is best, equal numbers are ties."""
    comment: Mapped[str | None]
    duration_ms: Mapped[int | None]
    idempotency_key: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    withdrawn_at: Mapped[datetime | None]

    group: Mapped[Group] = relationship(lazy="raise")
    labeler: Mapped[Labeler] = relationship(lazy="raise")
    tags: Mapped[list[Tag]] = relationship(
        primaryjoin=lambda: and_(foreign(Tag.record_id) == Ranking.id, Tag.kind == Tagged.RANKING),
        order_by=Tag.name,
        viewonly=True,
        lazy="raise",
    )

    @property
    def answers(self) -> list[Completion]:
        """Those that were ranked, in the order shown: of a group with a person's own answer, which others do not see,
        not always all."""
        return [answer for answer in self.group.completions if str(answer.id) in self.ranks]

    @classmethod
    def in_force(cls) -> ColumnElement[bool]:
        """Those that are trained on: neither withdrawn nor about a prompt that is archived or held out, nor given a
        second time, and those that votes became only while votes are trained on."""
        on_votes = select(ArenaSettings.id).where(ArenaSettings.train_on_votes).exists()
        return and_(
            cls.withdrawn_at.is_(None),
            *(cls.group_id.not_in(groups) for groups in _left_out_groups()),
            or_(on_votes, cls.id.not_in(_of_votes())),
        )

    @classmethod
    def left_out(cls) -> CompoundSelect[Any]:
        """Ids of all others, withdrawn ones too, each once. Of a million rankings these are few, and are found by
        indexes: whoever counts those in force counts all, and these."""
        withdrawn = select(cls.id).where(cls.id > 0, cls.withdrawn_at.is_not(None))  # ids, so that their index is taken
        of_groups = (select(cls.id).where(cls.group_id.in_(groups)) for groups in _left_out_groups())
        off_votes = ~select(ArenaSettings.id).where(ArenaSettings.train_on_votes).exists()
        return union(withdrawn, *of_groups, _of_votes().where(off_votes))


def _left_out_groups() -> list[Select[int]]:
    about = select(Group.id).join(Prompt, Group.prompt_id == Prompt.id)
    archived = about.where(Prompt.archived_at.is_not(None))
    held_out = about.where(Prompt.split == PromptSplit.HELD_OUT)
    repeats = select(Group.id).where(Group.is_repeat)
    return [archived, held_out, repeats]


def _of_votes() -> Select[Any]:
    return select(Vote.ranking_id).where(Vote.ranking_id.is_not(None))
