"""How likely an order of answers is under a reward model's scores. Pure Python: no torch, no database, no clock.

The odds are Plackett's and Luce's (Plackett 1975, "The analysis of permutations", Applied Statistics 24; Luce 1959,
"Individual Choice Behavior"): the best is drawn in proportion to e^strength, then the best of the rest, and so on. Of
two answers the one comes before the other with sigmoid of the difference, as in the reward model's loss without ties
(InstructGPT, equation 1); so a model that is calibrated on pairs is asked here what it is calibrated for.

A tie leaves open which of its answers comes first: it counts as all the orders that it allows together.
"""

import math
from collections.abc import Sequence


def shares(strengths: Sequence[float]) -> list[float]:
    """How likely each answer is to be the best, by its strength in nats: a softmax, 1 in all."""
    most = max(strengths)
    raised = [math.exp(strength - most) for strength in strengths]
    total = sum(raised)
    return [each / total for each in raised]


def first_share(strengths: Sequence[float], ranks: Sequence[int]) -> float:
    """How likely one of those that were ranked first is to be the best."""
    best = min(ranks)
    return sum(share for share, rank in zip(shares(strengths), ranks, strict=True) if rank == best)


def surprise(strengths: Sequence[float], ranks: Sequence[int]) -> float:
    """-log of the probability of an order, in nats; 1 is the best rank, equal ones are a tie. 0 where all are tied:
    any order is allowed then. Each further answer of a tie above the last place doubles the work (fifteen: a second).
    """
    left = list(zip(ranks, strengths, strict=True))
    total = 0.0
    for rank in sorted(set(ranks))[:-1]:
        block = [strength for at, strength in left if at == rank]
        left = [each for each in left if each[0] != rank]
        total -= _log_first(block, [strength for _rank, strength in left])
    return total


def guess_surprise(ranks: Sequence[int]) -> float:
    """The same of somebody who guesses: log of the number of orders, over those that the ties allow."""
    counted = sum(math.lgamma(list(ranks).count(rank) + 1) for rank in set(ranks))
    return math.lgamma(len(ranks) + 1) - counted


def _log_first(block: Sequence[float], rest: Sequence[float]) -> float:
    """log P(all of `block`, in whichever order, come before all of `rest`). Over the subsets of the block, each the set
    of those that are still to come; in logarithms, so that nothing is too unlikely to be told."""
    behind = _log_sum(rest)
    totals, odds = [-math.inf], [0.0]
    for chosen in range(1, 1 << len(block)):
        lowest = (chosen & -chosen).bit_length() - 1
        totals.append(_log_sum((totals[chosen & (chosen - 1)], block[lowest])))
        next_best = [block[at] + odds[chosen & ~(1 << at)] for at in range(len(block)) if chosen >> at & 1]
        odds.append(_log_sum(next_best) - _log_sum((totals[chosen], behind)))
    return odds[-1]


def _log_sum(logs: Sequence[float]) -> float:
    most = max(logs)
    return most + math.log(sum(math.exp(each - most) for each in logs))
