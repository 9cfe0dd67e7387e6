"""What one labeler's rankings did, and what they tell of who gave them: how good reward models became with more of
them, whether place and length on the card sway the order, how long a card takes, how far others agree."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models.groups import ANSWERS_PER_GROUP, ChosenBy, Completion, Group
from app.db.models.labelers import Labeler, LabelerKind
from app.db.models.rankings import Ranking
from app.db.models.versions import Version, VersionKind, VersionRanking
from app.services.arena.win_rate import Interval
from app.services.labeling import choosing
from app.services.versions import versions
from app.services.views.label_agreement import LabelAgreement, label_agreement
from app.services.views.label_statistics import (
    FEWEST_FOR_MEDIAN,
    Estimate,
    evenness,
    first_places,
    longer_first,
    mean_tau,
    median,
    quartiles,
    share_of,
    tau_b,
)
from app.services.views.labeler_agreement import consistency
from app.services.views.telling_rankings import TellingRankings, telling_rankings

NEWEST = 2_000
"""Of a labeler's rankings, those that are counted."""
NEWEST_COMPARED = 200
"""Of these, those that are compared with others' rankings of the same prompts."""
MOST_OF_A_PROMPT = 20
"""Of one's own rankings of one prompt, and of others': each is compared with each."""
MOST_COMPARED = 5_000
"""Answers in others' rankings of the same prompts that are looked at, the newest first."""
MOST_VERSIONS = 100
MOST_PARTS = 8
"""Of a labeler's cards in their order, each with a time of its own."""
FEWEST_IN_PART = FEWEST_FOR_MEDIAN
LEARNED_SHOWN = 5


@dataclass(frozen=True)
class Place:
    """One of the four on the card, from the first shown to the last."""

    share: float
    """Of cards on which the answer there was put first."""
    interval: Interval


@dataclass(frozen=True)
class Part:
    """Cards that follow each other."""

    first: int
    last: int
    """Their numbers, from 1."""
    seconds: Estimate
    """The median of a card."""


@dataclass(frozen=True)
class OwnLabels:
    """Of one labeler's newest rankings in force on the label page."""

    cards: int
    places: list[Place]
    """Empty where nothing was counted."""
    evenness: float
    """How likely so uneven places are by chance (a p-value)."""
    longer_first: Estimate | None
    """How often the longer of two answers was put above the other."""
    timed: int
    """Cards of which it is known how long they took."""
    seconds: Estimate | None
    """The median of a card; None of too few."""
    middle_half: Interval | None
    """Seconds between which the middle half of the cards lies."""
    parts: list[Part]
    agreement: Estimate | None
    """Kendall's tau-b with others' rankings of the same answers; simulated labelers apart."""
    consistency: Estimate | None
    """Kendall's tau-b with oneself, of cards that came again; elsewhere these do not count."""


@dataclass(frozen=True)
class LabelEffect:
    models: list[Version]
    """Reward models whose accuracy was measured, the oldest first."""
    reward: Version | None
    """The one in use."""
    noise: LabelAgreement
    """Of the labels that it learned from."""
    own: OwnLabels
    learned: list[int]
    """The newest of one's rankings that it learned from."""
    telling: TellingRankings
    """Of one's rankings, those that say most."""
    chosen: dict[ChosenBy, int]
    """Everybody's newest rankings in force, by how their group was chosen."""


@dataclass(frozen=True)
class _Card:
    prompt_id: int
    milliseconds: int | None
    answers: list[tuple[int, str, int]]
    """Rank, text and length of each, in the order shown."""


def label_effect(session: Session, labeler: Labeler | None) -> LabelEffect:
    reward = versions.active_reward(session)
    noise = LabelAgreement(0, 0) if reward is None else label_agreement(session, reward.id)
    learned = [] if reward is None or labeler is None else _learned(session, labeler, reward)
    telling = TellingRankings()
    if reward is not None and labeler is not None:
        telling = telling_rankings(session, labeler, reward)
    return LabelEffect(
        _measured(session), reward, noise, own_labels(session, labeler), learned, telling, choosing.counts(session)
    )


def own_labels(session: Session, labeler: Labeler | None) -> OwnLabels:
    """None of them for somebody who has ranked nothing."""
    cards = [] if labeler is None else _cards(session, labeler)
    whole = [card for card in cards if len(card.answers) == ANSWERS_PER_GROUP]
    counts, telling = first_places([[rank for rank, _text, _length in card.answers] for card in whole])
    lengths = [[(rank, length) for rank, _text, length in card.answers] for card in whole]
    times = [card.milliseconds / 1000 for card in cards if card.milliseconds is not None]
    return OwnLabels(
        cards=len(cards),
        places=[Place(count / telling, share_of(count, telling)) for count in counts],
        evenness=evenness(counts),
        longer_first=longer_first(lengths),
        timed=len(times),
        seconds=median(times),
        middle_half=quartiles(times),
        parts=_parts(times),
        agreement=None if labeler is None else _agreement(session, labeler, cards),
        consistency=None if labeler is None else consistency(session, labeler),
    )


def _measured(session: Session) -> list[Version]:
    newest = select(Version).where(Version.kind == VersionKind.REWARD).order_by(Version.id.desc()).limit(MOST_VERSIONS)
    known = [each for each in session.scalars(newest) if each.metrics.get("held_out_accuracy") is not None]
    return [each for each in reversed(known) if each.metrics.get("num_rankings")]


def _learned(session: Session, labeler: Labeler, reward: Version) -> list[int]:
    read = select(Ranking.id).join(VersionRanking, VersionRanking.ranking_id == Ranking.id)
    mine = VersionRanking.version_id == reward.id, Ranking.labeler_id == labeler.id, Ranking.withdrawn_at.is_(None)
    return list(session.scalars(read.where(*mine).order_by(Ranking.id.desc()).limit(LEARNED_SHOWN)))


def _cards(session: Session, labeler: Labeler) -> list[_Card]:
    """The oldest first, those left out that came again; of each the answers that anybody would have been shown."""
    mine = Ranking.labeler_id == labeler.id, Ranking.withdrawn_at.is_(None)
    newest = (
        select(Ranking.id, Ranking.ranks, Ranking.duration_ms, Ranking.group_id)
        .where(*mine)
        .order_by(Ranking.id.desc())
        .limit(NEWEST)
    ).subquery()
    rows = session.execute(
        select(newest.c.id, newest.c.ranks, newest.c.duration_ms, Group.prompt_id, Completion.id, Completion.text)
        .join(Group, Group.id == newest.c.group_id)
        .join(Completion, Completion.group_id == Group.id)
        .where(Group.digest.is_(None), ~Group.is_repeat, Completion.display_position < ANSWERS_PER_GROUP)
        .order_by(newest.c.id, Completion.display_position)
    )
    cards: dict[int, _Card] = {}
    for ranking_id, ranks, milliseconds, prompt_id, answer_id, text in rows:
        card = cards.setdefault(ranking_id, _Card(prompt_id, milliseconds, []))
        if (rank := ranks.get(str(answer_id))) is not None:
            card.answers.append((rank, text, len(text)))
    return list(cards.values())


def _parts(times: Sequence[float]) -> list[Part]:
    """As many equal parts as there may be, none of too few cards."""
    count = min(MOST_PARTS, len(times) // FEWEST_IN_PART)
    ends = [round(part * len(times) / count) for part in range(count + 1)] if count else []
    parts = []
    for first, last in pairwise(ends):
        seconds = median(times[first:last])
        if seconds is not None:
            parts.append(Part(first + 1, last, seconds))
    return parts


def _agreement(session: Session, labeler: Labeler, cards: Sequence[_Card]) -> Estimate | None:
    """Answers are the same where prompt and text are, as in `label_agreement`."""
    mine: dict[int, list[dict[str, int]]] = defaultdict(list)
    for card in cards[-NEWEST_COMPARED:]:
        mine[card.prompt_id].append({text: rank for rank, text, _length in card.answers})
    others = _others(session, labeler)
    clusters = []
    for prompt_id, theirs in others.items():
        both = product(mine[prompt_id][-MOST_OF_A_PROMPT:], list(theirs.values())[:MOST_OF_A_PROMPT])
        agreed = [tau for one, other in both if (tau := _tau(one, other)) is not None]
        clusters.append(agreed)
    return mean_tau(clusters)


def _tau(one: dict[str, int], other: dict[str, int]) -> float | None:
    shared = sorted(one.keys() & other.keys())
    return tau_b([one[text] for text in shared], [other[text] for text in shared]) if len(shared) > 1 else None


def _others(session: Session, labeler: Labeler) -> dict[int, dict[int, dict[str, int]]]:
    """Others' rankings of the prompts of this labeler's newest ones: by prompt and ranking, the rank by text."""
    asked = (
        select(Group.prompt_id)
        .join(Ranking, Ranking.group_id == Group.id)
        .where(Ranking.labeler_id == labeler.id, Ranking.withdrawn_at.is_(None))
        .order_by(Ranking.id.desc())
        .limit(NEWEST_COMPARED)
    )
    rows = session.execute(
        select(Group.prompt_id, Ranking.id, Ranking.ranks, Completion.id, Completion.text)
        .join(Ranking, Ranking.group_id == Group.id)
        .join(Labeler, Labeler.id == Ranking.labeler_id)
        .join(Completion, Completion.group_id == Group.id)
        .where(
            Group.prompt_id.in_(asked),
            Ranking.labeler_id != labeler.id,
            Ranking.withdrawn_at.is_(None),
            Labeler.kind != LabelerKind.SIMULATED,
        )
        .order_by(-Ranking.id)  # no index: it would be walked through all rankings to find those of these prompts
        .limit(MOST_COMPARED)
    )
    ranked: dict[int, dict[int, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for prompt_id, ranking_id, ranks, answer_id, text in rows:
        if (rank := ranks.get(str(answer_id))) is not None:
            ranked[prompt_id][ranking_id][text] = rank
    return ranked
