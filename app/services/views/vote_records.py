"""Votes of the arena as a record to be looked through: listed by whatever one asks, and opened."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session, contains_eager, defer

from app.db.models.arena import Pair, Verdict, Vote
from app.db.models.labelers import Labeler, LabelerKind
from app.db.models.prompts import Prompt
from app.errors import NotFoundError
from app.services.paging import Page
from app.services.views.ranking_records import Standing
from app.services.views.record_window import Order, look_through
from app.translation import _

NEWEST, OLDEST = Order((Vote.id,), falling=True), Order((Vote.id,), falling=False)


@dataclass(frozen=True)
class VotesWanted:
    standing: Standing = Standing.IN_FORCE
    labeler_id: int | None = None
    kind: LabelerKind | None = None
    verdict: Verdict | None = None
    words: str = ""
    """Part of the prompt's last message."""
    oldest_first: bool = False

    def along(self) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = []
        if self.labeler_id is not None:
            conditions.append(Vote.labeler_id == self.labeler_id)
        if self.standing is Standing.IN_FORCE:
            conditions.append(Vote.withdrawn_at.is_(None))
        elif self.standing is Standing.WITHDRAWN:
            conditions.append(Vote.withdrawn_at.is_not(None))
        return conditions

    def wanted(self) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = []
        if self.standing is not Standing.IN_FORCE:
            conditions.append(Pair.import_id.is_(None))
        if self.kind is not None:
            conditions.append(Labeler.kind == self.kind)
        if self.verdict is not None:
            conditions.append(Vote.verdict == self.verdict)
        if self.words:
            conditions.append(Prompt.text.icontains(self.words, autoescape=True))
        return conditions


def _whole() -> Select[Vote]:
    tokens = defer(Pair.token_ids_a), defer(Pair.token_ids_b)
    pair = contains_eager(Vote.pair).options(contains_eager(Pair.prompt), *tokens)
    joined = select(Vote).join(Vote.pair).join(Pair.prompt).join(Vote.labeler)
    return joined.options(contains_eager(Vote.labeler), pair)


def list_votes(session: Session, wanted: VotesWanted, *, after: str | None, limit: int) -> Page[Vote]:
    """With their pairs, prompts and labelers."""
    return look_through(
        session,
        _whole(),
        OLDEST if wanted.oldest_first else NEWEST,
        along=wanted.along(),
        wanted=wanted.wanted(),
        after=after,
        limit=limit,
    )


def get_vote(session: Session, vote_id: int) -> Vote:
    """One, whole; raises NotFoundError, also for one of a file that is not in yet."""
    vote = session.scalar(_whole().where(Vote.id == vote_id, Pair.import_id.is_(None)))
    if vote is None:
        raise NotFoundError(_("There is no vote {id}. The Data page lists them.", id=vote_id))
    return vote
