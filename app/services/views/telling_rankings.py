"""The few of one's rankings that say most: those that helped the reward model in use, those that hurt it, and those
that it foresaw worst before it had learned from them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session, joinedload

from app.db.models.groups import Group
from app.db.models.labelers import Labeler
from app.db.models.rankings import Ranking
from app.db.models.versions import Version, VersionRanking
from app.preferences import Influence

SHOWN = 3
NEWEST = 10_000
"""Of a labeler's rankings that the reward model learned from, those among which these are found."""


@dataclass(frozen=True)
class Telling:
    """Beside the reward model that learned from it."""

    ranking: Ranking
    """With its group and prompt."""
    influence: Influence | None
    """What it did to the reward model; None where that is not known."""
    surprise: float | None
    """Nats: the mean loss of its comparisons by weights that had not learned from it; None where that is not known."""


@dataclass(frozen=True)
class TellingRankings:
    """The strongest first."""

    helped: Sequence[Telling] = field(default_factory=list)
    """They made the reward model better on rankings that it did not learn from."""
    hurt: Sequence[Telling] = field(default_factory=list)
    """They made it worse."""
    surprising: Sequence[Telling] = field(default_factory=list)


def telling_rankings(session: Session, labeler: Labeler, reward: Version) -> TellingRankings:
    """Of this labeler's newest in force that the reward model learned from."""
    learned_from = VersionRanking.ranking_id == Ranking.id, VersionRanking.version_id == reward.id
    newest = (
        select(Ranking.id, VersionRanking.influence, VersionRanking.surprise)
        .join(VersionRanking, and_(*learned_from))
        .where(Ranking.labeler_id == labeler.id, Ranking.withdrawn_at.is_(None))
        .order_by(Ranking.id.desc())
        .limit(NEWEST)
    ).subquery()
    change, surprise = newest.c.influence, newest.c.surprise

    def first(known: ColumnElement[bool], order: Any) -> list[Telling]:
        strongest = select(newest.c.id).where(known).order_by(order, newest.c.id).limit(SHOWN)
        read = (
            select(Ranking, VersionRanking)
            .join(VersionRanking, and_(*learned_from))
            .where(Ranking.id.in_(ids := session.scalars(strongest).all()))
            .options(joinedload(Ranking.group).joinedload(Group.prompt))
        )
        found = {ranking.id: (ranking, learned) for ranking, learned in session.execute(read)}
        told = [found[each] for each in ids]
        return [Telling(ranking, influence_of(learned), learned.surprise) for ranking, learned in told]

    return TellingRankings(
        first(change < 0, change), first(change > 0, change.desc()), first(surprise.is_not(None), surprise.desc())
    )


def influence_of(learned: VersionRanking) -> Influence | None:
    if learned.influence is None or learned.influence_error is None:
        return None
    return Influence(learned.influence, learned.influence_error)
