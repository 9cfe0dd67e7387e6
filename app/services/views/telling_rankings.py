"""The few of one's rankings that say most: those that helped the reward model in use, those that hurt it, and those
that it foresaw worst before it had learned from them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, joinedload

from app.db.models.groups import Group
from app.db.models.labelers import Labeler
from app.db.models.rankings import Ranking
from app.db.models.versions import Version, VersionRanking
from app.preferences import Influence

SHOWN = 3


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
    """Of this labeler's in force that the reward model learned from."""
    change, surprise = VersionRanking.influence, VersionRanking.surprise

    def first(known: ColumnElement[bool], order: Any) -> list[Telling]:
        mine = Ranking.labeler_id == labeler.id, Ranking.withdrawn_at.is_(None)
        read = (
            select(Ranking, VersionRanking)
            .join(VersionRanking, VersionRanking.ranking_id == Ranking.id)
            .where(VersionRanking.version_id == reward.id, *mine, known)
            .options(joinedload(Ranking.group).joinedload(Group.prompt))
            .order_by(order, Ranking.id)
            .limit(SHOWN)
        )
        found = session.execute(read)
        return [Telling(ranking, influence_of(learned), learned.surprise) for ranking, learned in found]

    return TellingRankings(
        first(change < 0, change), first(change > 0, change.desc()), first(surprise.is_not(None), surprise.desc())
    )


def influence_of(learned: VersionRanking) -> Influence | None:
    if learned.influence is None or learned.influence_error is None:
        return None
    return Influence(learned.influence, learned.influence_error)
