"""From ranks as people give them to comparisons. Pure Python: no torch, no database, no clock.

A ranking of K answers is a list of K ranks, one per answer in a fixed order; 1 is best, equal numbers are a tie.
Both usual ways of counting after a tie are accepted: dense (1, 2, 2, 3) and competition (1, 2, 2, 4). Bad ranks
raise ValueError with a sentence that says what to do; the services turn it into their own error.

Sources: Kendall (1945), "The treatment of ties in ranking problems", Biometrika 33 (tau-b);
Ouyang et al. (2022), InstructGPT, section 3.5 (a ranking of K gives K(K-1)/2 comparisons).
"""

from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple, TypeVar

AnswerId = TypeVar("AnswerId", bound=Hashable)
Z_95 = 1.959963984540054
"""The standard normal's 97.5% point: standard errors to each side of a 95% interval."""
NOTHING_LEARNED = "nothing learned"  # verdict on a reward model to which no two ranked answers differ


class Influence(NamedTuple):
    """What one ranking did to a reward model: nats by which the mean loss of rankings that were held out moved, below 0
    where it became better, and the standard error of that over them."""

    change: float
    error: float


class Comparison(NamedTuple):
    """One derived pair: the answer at index `chosen` was ranked above the one at index `rejected`."""

    chosen: int
    rejected: int


def ranks_in_order(ranks: Mapping[AnswerId, int], answer_ids: Sequence[AnswerId]) -> list[int]:
    """Ranks given by answer -> a checked list in the order of `answer_ids`."""
    unknown = [key for key in ranks if key not in set(answer_ids)]
    missing = [key for key in answer_ids if key not in ranks]
    if unknown or missing:
        problems = [f"unknown: {unknown}"] * bool(unknown) + [f"missing: {missing}"] * bool(missing)
        raise ValueError(f"Rank exactly these answers: {list(answer_ids)} ({'; '.join(problems)}).")
    ordered = [ranks[key] for key in answer_ids]
    check_ranks(ordered, len(answer_ids))
    return ordered


def check_ranks(ranks: Sequence[int], num_answers: int) -> None:
    """Raise ValueError unless `ranks` is a dense or a competition ranking of `num_answers` answers."""
    if len(ranks) != num_answers:
        raise ValueError(f"Give {num_answers} ranks, one per answer; there are {len(ranks)}.")
    if not all(isinstance(rank, int) and not isinstance(rank, bool) for rank in ranks):
        raise ValueError(f"Ranks are whole numbers from 1 (best) to {num_answers}.")
    if not all(1 <= rank <= num_answers for rank in ranks):
        raise ValueError(f"Ranks go from 1 (best) to {num_answers}; these are {list(ranks)}.")
    if list(ranks) not in (normalize_ranks(ranks), competition_ranks(ranks)):
        raise ValueError(
            f"Ranks {list(ranks)} leave a gap. Begin with 1 and count on after a tie, as in 1, 2, 2, 3 or 1, 2, 2, 4."
        )


def normalize_ranks(ranks: Sequence[int]) -> list[int]:
    """The same order in dense ranks: 1, 2, 2, 3. Any whole numbers will do."""
    place = {rank: index for index, rank in enumerate(sorted(set(ranks)), start=1)}
    return [place[rank] for rank in ranks]


def competition_ranks(ranks: Sequence[int]) -> list[int]:
    """The same order in competition ranks: 1, 2, 2, 4 (one more than the number of better answers)."""
    return [1 + sum(other < rank for other in ranks) for rank in ranks]


def ranks_from_scores(scores: Sequence[float]) -> list[int]:
    """Dense ranks of scores where higher is better; equal scores tie."""
    place = {score: index for index, score in enumerate(sorted(set(scores), reverse=True), start=1)}
    return [place[score] for score in scores]


def comparisons(ranks: Sequence[int]) -> list[Comparison]:
    """Every strictly ordered pair, as (chosen, rejected) indices."""
    ordered = (
        (first, second) if ranks[first] < ranks[second] else (second, first)
        for first, second in combinations(range(len(ranks)), 2)
        if ranks[first] != ranks[second]
    )
    return [Comparison(chosen, rejected) for chosen, rejected in ordered]


def tied_pairs(ranks: Sequence[int]) -> list[tuple[int, int]]:
    """Every pair that the labeler called equal; with `comparisons` it covers all K(K-1)/2 pairs once."""
    return [(i, j) for i, j in combinations(range(len(ranks)), 2) if ranks[i] == ranks[j]]
