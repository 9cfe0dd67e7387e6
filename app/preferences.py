"""From a ranking to comparisons, and how far two rankings agree. Pure Python: no torch, no database, no clock.

A ranking of K answers is a list of K ranks, one per answer in a fixed order; 1 is best, equal numbers are a tie.
Both usual ways of counting after a tie are accepted: dense (1, 2, 2, 3) and competition (1, 2, 2, 4). Bad ranks
raise ValueError with a sentence that says what to do; the services turn it into their own error.

Sources: Kendall (1945), "The treatment of ties in ranking problems", Biometrika 33 (tau-b);
Ouyang et al. (2022), InstructGPT, section 3.5 (a ranking of K gives K(K-1)/2 comparisons).
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple, TypeVar

AnswerId = TypeVar("AnswerId", bound=Hashable)
NOTHING_LEARNED = "nothing learned"  # verdict on a reward model to which no two ranked answers differ


class Comparison(NamedTuple):
    """One derived pair: the answer at index `chosen` was ranked above the one at index `rejected`."""

    chosen: int
    rejected: int


class PairCounts(NamedTuple):
    """How two rankings treat the K(K-1)/2 pairs of answers."""

    concordant: int
    discordant: int
    tied_first_only: int
    tied_second_only: int
    tied_both: int


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


def count_pairs(first: Sequence[int], second: Sequence[int]) -> PairCounts:
    """Sort the pairs of answers by how two rankings of the same answers treat them."""
    if len(first) != len(second):
        raise ValueError(f"Two rankings of the same answers are needed, not of {len(first)} and {len(second)}.")
    counts = [0, 0, 0, 0, 0]
    for i, j in combinations(range(len(first)), 2):
        direction = _sign(first[i] - first[j]) * _sign(second[i] - second[j])
        if direction != 0:
            counts[0 if direction > 0 else 1] += 1
        elif first[i] == first[j]:
            counts[4 if second[i] == second[j] else 2] += 1
        else:
            counts[3] += 1
    return PairCounts(*counts)


def kendall_tau_b(first: Sequence[int], second: Sequence[int]) -> float | None:
    """Kendall's tau-b in [-1, 1]; None where one ranking ties everything (it says nothing then)."""
    counts = count_pairs(first, second)
    strict = counts.concordant + counts.discordant
    spread = (strict + counts.tied_first_only) * (strict + counts.tied_second_only)
    return (counts.concordant - counts.discordant) / math.sqrt(spread) if spread else None


def pairwise_agreement(first: Sequence[int], second: Sequence[int]) -> float | None:
    """Share of the pairs ordered by both that they order alike; None where no pair is ordered by both."""
    counts = count_pairs(first, second)
    strict = counts.concordant + counts.discordant
    return counts.concordant / strict if strict else None


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
