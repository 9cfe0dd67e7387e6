"""How the next group is chosen: as it comes, or as the one of several that is expected to teach the reward model most
(app/training/reward/choice.py), where whoever runs the installation wants that. Some are as they come all the same, so
that there are groups that nobody chose.
"""

import random
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from app.chat import Candidate
from app.db.models.groups import ChosenBy, Group, GroupStatus
from app.db.models.rankings import Ranking
from app.db.models.versions import Version, VersionRanking
from app.preferences import NOTHING_LEARNED
from app.services.labeling import label_settings
from app.services.versions import versions

CANDIDATES = 8
"""Groups that are sampled for one that is shown."""
CONTROL_SHARE = 0.2
"""Of the groups those that are as they come although others are chosen."""
NEEDED_MORE = 0.08
"""Of rankings, by simulated labelers for the same accuracy with chosen groups: they saved none (the benchmark that
bench/active_choice.py is; a test holds these to its results)."""
MOST_MORE, MOST_FEWER = 0.40, 0.15
"""The ends of its 95% interval."""
MOST_TAKEN = 16
"""Groups that count as ranked although the reward model has not learned from them, the newest ones."""
NEWEST_COUNTED = 10_000
"""Rankings that are counted by how their group was chosen."""


@dataclass(frozen=True)
class Foreknowledge:
    """What the reward model in use is asked with."""

    version_id: int
    tie_share: float
    """Of the comparisons that it learned from."""
    taken: list[Candidate]
    """Groups that are shown before the next one, or were since it learned."""


def way(session: Session, rng: random.Random) -> ChosenBy:
    """Of the next group."""
    if not label_settings.chosen(session).chooses_groups or _asked_version(session) is None:
        return ChosenBy.AS_IT_CAME
    return ChosenBy.CONTROL if rng.random() < CONTROL_SHARE else ChosenBy.EXPECTED_GAIN


def foreknowledge(session: Session) -> Foreknowledge | None:
    """None where there is no reward model that could be asked."""
    reward = _asked_version(session)
    if reward is None:
        return None
    ties, ordered = (float(reward.metrics.get(name) or 0) for name in ("num_ties", "num_comparisons"))
    return Foreknowledge(reward.id, ties / (ties + ordered) if ties else 0.0, _taken(session, reward))


def counts(session: Session) -> dict[ChosenBy, int]:
    """The newest rankings in force by how their group was chosen; what nobody recorded is left out."""
    newest = select(Ranking.group_id).where(Ranking.in_force()).order_by(Ranking.id.desc()).limit(NEWEST_COUNTED)
    ranked = newest.subquery()
    read = select(Group.chosen_by, func.count()).join(ranked, ranked.c.group_id == Group.id)
    found = session.execute(read.where(Group.chosen_by.is_not(None)).group_by(Group.chosen_by))
    return {ChosenBy(chosen_by): count for chosen_by, count in found if chosen_by is not None}


def _asked_version(session: Session) -> Version | None:
    reward = versions.active_reward(session)
    there = reward is not None and reward.removed_at is None and reward.metrics.get("verdict") != NOTHING_LEARNED
    return reward if there else None


def _taken(session: Session, reward: Version) -> list[Candidate]:
    learned = select(Ranking.group_id).join(VersionRanking, VersionRanking.ranking_id == Ranking.id)
    fresh: Any = Group.id.not_in(learned.where(VersionRanking.version_id == reward.id))
    ahead = Group.status.in_((GroupStatus.READY, GroupStatus.LEASED))
    read = (
        select(Group)
        .where(Group.sampled_as.is_not(None), or_(ahead, Group.status == GroupStatus.RANKED), fresh)
        .order_by(Group.id.desc())
        .limit(MOST_TAKEN)
        .options(joinedload(Group.prompt), selectinload(Group.completions))
    )
    groups = session.scalars(read)
    return [Candidate(group.prompt.messages, [answer.text for answer in group.completions]) for group in groups]
