"""When a policy's training should stop, which of its checkpoints to keep, and what to say of it: pure functions of its
history, for every trainer of a policy.

The history is a list of validations: every few batches the policy and the SFT model answer the same held-out prompts,
and two scorers compare them: the one that is optimized, and a judge that learned from other rankings. Over-optimization
(Gao et al. 2022, section 1) is that the first goes on rising while the second does not; nobody's true taste is needed
to see it. Knows no model, no tensors and no files.

Gains are score differences to the SFT model's own answers to the same prompt, in deviations of those.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any

from app.policy_hparams import LEAST_KNOWLEDGE

LEAST_ENTROPY = 0.3
"""Share of the SFT model's, nats per token."""
LEAST_DISTINCT = 0.5
"""Share of the SFT model's."""
MOST_UNCERTAINTY = 1.6
"""Times the optimized scorer's deviation on the SFT model's own answers."""
ENOUGH_KNOWLEDGE = 0.98
"""Share of the SFT model's answers that one whose weights may be moved back should know: more is no better."""
LEAST_LEFT_OF_WINS = 0.8
"""Share of the best win rate's margin over a half that must be left where weights are moved back. By the taste itself
"brief" won 0.91 with all of its way, and 0.85 with half of it and all that was known; "list", which had forgotten one
answer of 96 too many, 0.66 and 0.56."""
ERRORS_APART = 2.0
"""Standard errors, over prompts, by which a fall of the judge's gain is no chance."""


class Reason(StrEnum):
    """Why a training ended. The first is no stop: it had done what it was asked for."""

    EPISODES = "episodes"
    KL = "kl_budget"
    PLATEAU = "plateau"
    COLLAPSE = "collapse"
    UNCERTAINTY = "uncertainty"
    PARTED = "parted"
    SIGNS = "signs"
    FORGETTING = "forgetting"


@dataclass(frozen=True)
class Validation:
    """The policy on the held-out prompts after `episodes` episodes; the first is before any."""

    episodes: int
    kl: float
    """Nats per answer, to the SFT model."""
    optimized: tuple[float, ...]
    """Mean gain on each prompt by the scorer that is optimized (or that would be: a trainer without one gives the
    judge's)."""
    judged: tuple[float, ...]
    """The same by the judge."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """As an evaluation names them; those that are missing are not looked at."""
    signs: tuple[str, ...] = ()
    """Sentences about what has left its bounds, whatever the scores say: empty answers, the same one to everything."""
    way: float = 1.0
    """Share of its way from the SFT model that its weights were left (app/training/policy/way_back.py)."""
    judged_draws: tuple[float, ...] = ()
    """The judge's gain, mean over prompts, by each of some heads drawn from its posterior, the same ones at every
    validation; none where it has no posterior."""

    @property
    def optimized_gain(self) -> float:
        return _mean(self.optimized)

    @property
    def judged_gain(self) -> float:
        return _mean(self.judged)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"figures": dict(self.figures)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Validation":
        """Of what `as_json` gave, through JSON or a checkpoint."""
        lists = {name: tuple(stored.get(name, ())) for name in ("optimized", "judged", "signs", "judged_draws")}
        return cls(**{**stored, **lists})


@dataclass(frozen=True)
class StopRules:
    """Beyond which a training stops by itself. `None` switches a rule off."""

    kl_budget: float | None = None
    """Nats per answer, mean of a batch or of a validation."""
    patience: int | None = 4
    """Validations without a gain of `least_gain` by the optimized scorer: a plateau."""
    least_gain: float = 0.03
    on_cheating: bool = True
    """Whether it stops when judge and optimized scorer part, on signs, on collapse and on uncertainty."""


def kl_is_used_up(kl: float, rules: StopRules) -> bool:
    """Of a batch: looked at after each, since a policy that runs away does so between two validations."""
    return rules.kl_budget is not None and kl > rules.kl_budget


def reason_to_stop(history: Sequence[Validation], rules: StopRules) -> Reason | None:
    """None: go on. The gravest reason is told where there are several."""
    if len(history) < 2:
        return None
    first, last = history[0], history[-1]
    if rules.on_cheating:
        if has_collapsed(first, last):
            return Reason.COLLAPSE
        if last.signs:
            return Reason.SIGNS
        if have_parted(history):
            return Reason.PARTED
        if is_uncertain(last):
            return Reason.UNCERTAINTY
        if all(has_forgotten(each) for each in history[-2:]):
            return Reason.FORGETTING
    if kl_is_used_up(last.kl, rules):
        return Reason.KL
    if rules.patience is not None and is_flat(history, rules.patience, rules.least_gain):
        return Reason.PLATEAU
    return None


def has_collapsed(first: Validation, last: Validation) -> bool:
    """Hardly any choice is left from token to token, or hardly any two answers differ."""
    bounds = {"entropy": LEAST_ENTROPY, "distinct_share": LEAST_DISTINCT}
    return any(
        last.figures.get(name, math.inf) < share * first.figures.get(name, 0.0) for name, share in bounds.items()
    )


def is_uncertain(last: Validation) -> bool:
    """The optimized scorer knows much less about these answers than about the SFT model's: nobody ranked such."""
    before = last.figures.get("deviation_reference", 0.0)
    return before > 0 and last.figures.get("deviation", 0.0) > MOST_UNCERTAINTY * before


def has_forgotten(last: Validation) -> bool:
    return last.figures.get("knowledge", 1.0) < LEAST_KNOWLEDGE


def have_parted(history: Sequence[Validation]) -> bool:
    """The judge's gain has fallen since its peak, by more than chance and at two validations running, while the
    optimized scorer's has not."""
    peak = judges_peak(history)
    later = [each for each in history if each.episodes > peak.episodes][-2:]
    if len(later) < 2:
        return False
    return all(has_fallen(each, peak) and each.optimized_gain >= peak.optimized_gain for each in later)


def has_fallen(later: Validation, peak: Validation) -> bool:
    """The judge's gain, by more than chance: that of the prompts, and that of the rankings which the judge learned
    from. The variance of the fall is the sum of both (the law of total variance, given the judge's weights)."""
    mean, error = mean_and_error(later.judged, peak.judged)
    return mean < -ERRORS_APART * math.hypot(error, judges_error(later.judged_draws, peak.judged_draws))


def judges_error(later: Sequence[float], peak: Sequence[float]) -> float:
    """Posterior deviation of the difference of two gains, from the same heads' opinions of both: what a judge of few
    rankings does not know is the same at each prompt, and no number of prompts makes it less (Rasmussen & Williams
    2006, section 2.1.2: w' X has the variance X' A^-1 X; here X is the difference of two means). 0 without heads."""
    differences = [one - other for one, other in zip(later, peak, strict=True)] if later and peak else []
    return statistics.stdev(differences) if len(differences) > 1 else 0.0


def is_flat(history: Sequence[Validation], patience: int, least_gain: float) -> bool:
    """The optimized scorer's best gain is older than `patience` validations, or hardly bettered since."""
    if len(history) <= patience:
        return False
    before, since = history[:-patience], history[-patience:]
    return max(each.optimized_gain for each in since) < max(each.optimized_gain for each in before) + least_gain


def best_validation(history: Sequence[Validation]) -> int:
    """Index of the one to keep: the highest sum of both scorers' gains, the earliest of equals, unless the judge's gain
    has fallen since its peak by more than chance. One with signs, or that has forgotten, only where all have, and the
    untrained policy's only where there is no other. Each is weighed against the one kept so far, whose weights alone
    are still there.

    The judge alone would not do: it learned from a quarter of the rankings. Of 20 it knew nothing of a rare liking, and
    kept a policy that had hardly moved (gold +0.00) where the last one had found it (+1.38)."""
    kept, *later = _trained(history)
    for index in later:
        peak = judges_peak(history[: index + 1])
        if _worth(history[index], peak) > _worth(history[kept], peak):
            kept = index
    return kept


def _worth(each: Validation, peak: Validation) -> tuple[bool, bool, bool, float]:
    both = each.judged_gain + each.optimized_gain
    return not each.signs, not has_forgotten(each), not has_fallen(each, peak), both


def best_way(ways: Sequence[Validation]) -> int:
    """Index of the part of the way to keep, of one version's. Of those without signs that still win most of what the
    best of them wins: the one that knows enough of what the SFT model knows, or else the most; of equals the one with
    the highest sum of both scorers' gains, and then the first."""
    highest = max([_margin(each) for each in ways if not each.signs] or [_margin(each) for each in ways])
    least = min(highest, LEAST_LEFT_OF_WINS * highest)

    def worth(index: int) -> tuple[bool, bool, float, float]:
        each = ways[index]
        known = min(each.figures.get("knowledge", 1.0), ENOUGH_KNOWLEDGE)
        return not each.signs, _margin(each) >= least, known, each.judged_gain + each.optimized_gain

    return max(range(len(ways)), key=worth)


def _margin(each: Validation) -> float:
    """Of the mean of both scorers' win rates over a half."""
    return (each.figures.get("win_rate", 0.5) + each.figures.get("reward/win_rate", 0.5)) / 2 - 0.5


def judges_peak(history: Sequence[Validation]) -> Validation:
    """The one with the highest judged gain, the earliest of equals, with the same exceptions."""

    def worth(index: int) -> tuple[bool, bool, float, int]:
        each = history[index]
        return not each.signs, not has_forgotten(each), each.judged_gain, -index

    return history[max(_trained(history), key=worth)]


def _trained(history: Sequence[Validation]) -> range:
    return range(1, len(history)) if len(history) > 1 else range(len(history))


def mean_and_error(after: Sequence[float], before: Sequence[float]) -> tuple[float, float]:
    """Of the differences, prompt by prompt; the error is infinite for fewer than two prompts."""
    differences = [late - early for late, early in zip(after, before, strict=True)]
    mean = _mean(differences)
    if len(differences) < 2:
        return mean, math.inf
    variance = sum((each - mean) ** 2 for each in differences) / (len(differences) - 1)
    return mean, math.sqrt(variance / len(differences))


def is_still_rising(history: Sequence[Validation], least_gain: float = StopRules.least_gain) -> bool:
    """By the judge, over the last two steps of the history."""
    steps = [late.judged_gain - early.judged_gain for early, late in pairwise(history[-3:])]
    return len(steps) == 2 and min(steps) > least_gain


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
