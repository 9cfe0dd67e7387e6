"""Rankings as a record to be looked through: listed by whatever one asks, opened, with the versions made from them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session, contains_eager, defer, joinedload, selectinload

from app.db.models.groups import Completion, Group
from app.db.models.labelers import Labeler, LabelerKind
from app.db.models.prompts import Prompt
from app.db.models.rankings import Ranking
from app.db.models.tags import Tagged
from app.db.models.versions import Version, VersionRanking
from app.errors import NotFoundError
from app.services.labeling.tags import has_tag, has_tag_like
from app.services.paging import Page
from app.services.views.record_window import Order, look_through
from app.translation import _


class Standing(StrEnum):
    """Which rankings or votes: those that count, those that were withdrawn, or both."""

    IN_FORCE = "in_force"
    WITHDRAWN = "withdrawn"
    ALL = "all"


class RankingOrder(StrEnum):
    NEWEST = "newest"
    OLDEST = "oldest"
    SLOWEST = "slowest"
    QUICKEST = "quickest"


_BY_ID, _BY_TIME = (Ranking.id,), (Ranking.duration_ms, Ranking.id)
ORDERS = {
    RankingOrder.NEWEST: Order(_BY_ID, falling=True),
    RankingOrder.OLDEST: Order(_BY_ID, falling=False),
    RankingOrder.SLOWEST: Order(_BY_TIME, falling=True),
    RankingOrder.QUICKEST: Order(_BY_TIME, falling=False),
}


@dataclass(frozen=True)
class RankingsWanted:
    standing: Standing = Standing.IN_FORCE
    labeler_id: int | None = None
    kind: LabelerKind | None = None
    words: str = ""
    """Part of the prompt's last message, of the comment or of a tag; capitals do not matter."""
    tag: str = ""
    language: str | None = None
    """Of the prompt."""
    commented: bool = False
    order: RankingOrder = RankingOrder.NEWEST

    @property
    def by_time(self) -> bool:
        return self.order in (RankingOrder.SLOWEST, RankingOrder.QUICKEST)

    def along(self) -> list[ColumnElement[bool]]:
        """What the order's index answers."""
        conditions = [has_tag(Tagged.RANKING, self.tag)] if self.tag else []
        if self.by_time:  # rankings of files, and some of the API, say no time
            return [*conditions, Ranking.duration_ms.is_not(None)]
        if self.labeler_id is not None:
            conditions.append(Ranking.labeler_id == self.labeler_id)
        if self.standing is Standing.IN_FORCE:
            conditions.append(Ranking.withdrawn_at.is_(None))
        elif self.standing is Standing.WITHDRAWN:
            conditions.append(Ranking.withdrawn_at.is_not(None))
        return conditions

    def wanted(self) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = []
        if self.by_time:
            conditions += RankingsWanted(self.standing, self.labeler_id).along()
        if self.standing is not Standing.IN_FORCE:  # those of a file that is not in yet are stored as withdrawn ones
            conditions.append(Group.import_id.is_(None))
        if self.kind is not None:
            conditions.append(Labeler.kind == self.kind)
        if self.words:
            parts = [part.icontains(self.words, autoescape=True) for part in (Prompt.text, Ranking.comment)]
            conditions.append(or_(*parts, has_tag_like(Tagged.RANKING, self.words)))
        if self.language is not None:
            conditions.append(Prompt.language == self.language)
        if self.commented:
            conditions.append(Ranking.comment.is_not(None))
        return conditions


_ANSWERS = selectinload(Group.completions)
_PLACES = _ANSWERS.load_only(Completion.group_id, Completion.display_position, raiseload=True)
"""All that a list needs of the answers to say their order."""
_TEXTS = _ANSWERS.options(defer(Completion.token_ids), joinedload(Completion.version), joinedload(Completion.labeler))


def _with(answers: Any) -> Select[Ranking]:
    """With labeler and prompt, and so much of the answers."""
    group = contains_eager(Ranking.group).options(contains_eager(Group.prompt), answers)
    joined = select(Ranking).join(Ranking.group).join(Group.prompt).join(Ranking.labeler)
    return joined.options(contains_eager(Ranking.labeler), group, selectinload(Ranking.tags))


def list_rankings(session: Session, wanted: RankingsWanted, *, after: str | None, limit: int) -> Page[Ranking]:
    """With all that a list shows of them."""
    return look_through(
        session,
        _with(_PLACES),
        ORDERS[wanted.order],
        along=wanted.along(),
        wanted=wanted.wanted(),
        after=after,
        limit=limit,
    )


def get_ranking(session: Session, ranking_id: int) -> Ranking:
    """One, whole; raises NotFoundError, also for one of a file that is not in yet."""
    ranking = session.scalar(_with(_TEXTS).where(Ranking.id == ranking_id, Group.import_id.is_(None)))
    if ranking is None:
        raise NotFoundError(_("There is no ranking {id}. The Data page lists them.", id=ranking_id))
    return ranking


def rankings_of_group(session: Session, group_id: int) -> list[Ranking]:
    """Oldest first, withdrawn ones too."""
    return list(session.scalars(_with(_PLACES).where(Ranking.group_id == group_id).order_by(Ranking.id)))


def learned_from(session: Session, ranking_id: int) -> list[Version]:
    """The versions that read the ranking themselves, and the policies that were trained against one of these; in the
    order of their making."""
    read = select(VersionRanking.version_id).where(VersionRanking.ranking_id == ranking_id)
    ids = set(session.scalars(read))
    made = or_(Version.id.in_(ids), Version.reward_version_id.in_(ids))
    return list(session.scalars(select(Version).where(made).order_by(Version.id))) if ids else []
