"""Whether rankings of the same answers agree: one's own with those one gave before, and several labelers' with each
other. Answers are the same where prompt and texts are."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from sqlalchemy import ColumnExpressionArgument, or_, select
from sqlalchemy.orm import Session

from app.db.models.groups import ANSWERS_PER_GROUP, Completion, Group
from app.db.models.labelers import Labeler, LabelerKind
from app.db.models.rankings import Ranking
from app.preferences import normalize_ranks
from app.services.views.krippendorff import alpha
from app.services.views.label_statistics import Estimate, mean_tau, tau_b

NEWEST_REPEATS = 500
"""Of one labeler, those that are compared with their first rankings."""
LOOKED_THROUGH = 5_000
"""Newest rankings among which those of the same prompts are found."""
MOST_COMPARED = 1_000
"""Of these, those whose answers are read."""
MOST_PAIRS = 20
"""Of two labelers each, those who compared most first."""

Ranks = Mapping[str, int]
"""Rank by text."""


@dataclass(frozen=True)
class TwoLabelers:
    one: str
    other: str
    """Their names, in alphabetical order."""
    tau: Estimate
    """Kendall's tau-b, over the cards that both ranked."""


@dataclass(frozen=True)
class Agreement:
    cards: int
    """Sets of answers that two labelers or more ranked."""
    labelers: int
    """Who ranked any of these."""
    alpha: Estimate | None
    """Krippendorff's, of ranks; each answer is a unit, and those of one card go together."""
    tau: Estimate | None
    """Kendall's tau-b, the mean over all two who ranked the same card."""
    pairs: list[TwoLabelers]
    """Those with most cards first."""


def consistency(session: Session, labeler: Labeler) -> Estimate | None:
    """Kendall's tau-b of rankings of cards that came again with the ones before, the mean; None without any."""
    mine = Ranking.labeler_id == labeler.id, Ranking.withdrawn_at.is_(None)
    again = _read(session, NEWEST_REPEATS, *mine, Group.is_repeat)
    first = _read(session, None, *mine, ~Group.is_repeat, Group.prompt_id.in_({each.prompt_id for each in again}))
    before: dict[tuple[int, frozenset[str]], dict[int, Ranks]] = defaultdict(dict)
    for ranked in first:
        before[ranked.card][ranked.ranking_id] = ranked.ranks
    taus = []
    for ranked in again:
        earlier = [each for each in before[ranked.card] if each < ranked.ranking_id]
        if earlier:
            taus.append(_tau(before[ranked.card][max(earlier)], ranked.ranks))
    return mean_tau([[tau] for tau in taus if tau is not None])


def between_labelers(session: Session) -> Agreement:
    """Of people and files; simulated labelers agree as they were made to. Of each labeler a card's first ranking."""
    by_card: dict[tuple[int, frozenset[str]], dict[int, Ranks]] = defaultdict(dict)
    for ranked in sorted(_of_same_prompts(session), key=lambda each: each.ranking_id):
        by_card[ranked.card].setdefault(ranked.labeler_id, ranked.ranks)
    cards = [given for given in by_card.values() if len(given) > 1]
    of_two: dict[tuple[int, int], list[list[float]]] = defaultdict(list)
    of_card: list[list[float]] = []
    for given in cards:
        of_card.append([])
        for one, other in combinations(sorted(given), 2):
            tau = _tau(given[one], given[other])
            if tau is not None:
                of_two[one, other].append([tau])
                of_card[-1].append(tau)
    units = [[[ranks[text] for ranks in given.values()] for text in next(iter(given.values()))] for given in cards]
    return Agreement(
        cards=len(cards),
        labelers=len({labeler for given in cards for labeler in given}),
        alpha=alpha(units),
        tau=mean_tau(of_card),
        pairs=_named(session, of_two),
    )


def _named(session: Session, of_two: Mapping[tuple[int, int], list[list[float]]]) -> list[TwoLabelers]:
    most = sorted(of_two, key=lambda two: (-len(of_two[two]), two))[:MOST_PAIRS]
    wanted = {labeler for two in most for labeler in two}
    found = session.execute(select(Labeler.id, Labeler.name).where(Labeler.id.in_(wanted)))
    names: dict[int, str] = {row[0]: row[1] for row in found}
    named = []
    for two in most:
        one, other = sorted(names[labeler] for labeler in two)
        tau = mean_tau(of_two[two])
        if tau is not None:
            named.append(TwoLabelers(one, other, tau))
    return named


@dataclass(frozen=True)
class _Ranked:
    ranking_id: int
    labeler_id: int
    prompt_id: int
    ranks: Ranks

    @property
    def card(self) -> tuple[int, frozenset[str]]:
        return self.prompt_id, frozenset(self.ranks)


def _of_same_prompts(session: Session) -> list[_Ranked]:
    newest = (
        select(Ranking.id, Ranking.labeler_id, Ranking.group_id)
        .where(Ranking.withdrawn_at.is_(None))
        .order_by(Ranking.id.desc())
        .limit(LOOKED_THROUGH)
    ).subquery()
    simulated = select(Labeler.id).where(Labeler.kind == LabelerKind.SIMULATED)
    rows = session.execute(
        select(newest.c.id, newest.c.labeler_id, Group.prompt_id)
        .join(Group, Group.id == newest.c.group_id)
        .where(newest.c.labeler_id.not_in(simulated), ~Group.is_repeat)
        .order_by(newest.c.id.desc())
    ).all()
    who: dict[int, set[int]] = defaultdict(set)
    for _ranking, labeler_id, prompt_id in rows:
        who[prompt_id].add(labeler_id)
    shared = [ranking for ranking, _labeler, prompt_id in rows if len(who[prompt_id]) > 1]
    return _read(session, None, Ranking.id.in_(shared[:MOST_COMPARED])) if shared else []


def _read(session: Session, most: int | None, *conditions: ColumnExpressionArgument[bool]) -> list[_Ranked]:
    """The newest first. Of cards without a labeler's own answer, which nobody else sees."""
    chosen = (
        select(Ranking.id, Ranking.labeler_id, Ranking.ranks, Ranking.group_id, Group.prompt_id, Group.digest)
        .join(Group, Group.id == Ranking.group_id)
        .where(*conditions)
        .order_by(-Ranking.id)  # no index: it would be walked through all rankings to find the few that are wanted
        .limit(most)
    ).subquery()
    rows = session.execute(
        select(chosen, Completion.id.label("answer_id"), Completion.text)
        .join(Completion, Completion.group_id == chosen.c.group_id)
        .where(or_(chosen.c.digest.is_not(None), Completion.display_position < ANSWERS_PER_GROUP))
        .order_by(chosen.c.id.desc())
    )
    found: dict[int, tuple[int, int, dict[str, int]]] = {}
    for ranking_id, labeler_id, ranks, _group, prompt_id, _digest, answer_id, text in rows:
        if (rank := ranks.get(str(answer_id))) is not None:
            found.setdefault(ranking_id, (labeler_id, prompt_id, {}))[2][text] = rank
    return [_Ranked(ranking, labeler, prompt, _dense(ranks)) for ranking, (labeler, prompt, ranks) in found.items()]


def _dense(ranks: Ranks) -> Ranks:
    return dict(zip(ranks, normalize_ranks(list(ranks.values())), strict=True))


def _tau(one: Ranks, other: Ranks) -> float | None:
    texts = sorted(one)
    return tau_b([one[text] for text in texts], [other[text] for text in texts])
