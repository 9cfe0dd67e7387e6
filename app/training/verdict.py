"""What to say of a policy's training when it has ended: a verdict in words, why it ended, and what to do next.

Pure functions of the history (stopping.py), for every trainer of a policy.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.policy_fit import NEXT, Fit, Found, next_step, told
from app.policy_sayings import Saying, text
from app.training.stopping import (
    Reason,
    Validation,
    best_validation,
    best_way,
    has_forgotten,
    have_parted,
    is_still_rising,
    mean_and_error,
)
from app.translation import _

LEAST_LEFT = 0.5
"""Share of the SFT model's answers that are known still: one that has lost more has found what both scorers miss.
With the penalty off, "brief" came to 0.31, far below the SFT model by the taste itself, and the judge still praised it.
"""
OVER_OPTIMIZED = "over-optimized"


@dataclass(frozen=True)
class Verdict:
    """Gains are those of the version that is kept."""

    fit: Fit
    over_optimized: bool
    forgets: bool
    reason: str
    """Of `Reason`; empty where an evaluation says the verdict."""
    episodes: int
    """After which the version that is kept was taken."""
    optimized_gain: float
    judged_gain: float
    way: float
    """Share of its way from the SFT model that its weights were left."""
    said: tuple[Saying, ...]
    """What it is, whether it was over-optimized, why it ended."""
    next: str
    """What to do, of policy_fit.NEXT."""

    @property
    def sentences(self) -> tuple[str, ...]:
        """In the language that is spoken: jobs speak English."""
        return tuple(each.sentence for each in self.said)

    @property
    def next_step(self) -> str:
        return _(NEXT[self.next])

    def as_json(self) -> dict[str, Any]:
        """With the sentences in English, for programs; pages read the figures."""
        words = {"sentences": list(self.sentences), "next_step": self.next_step}
        return asdict(self) | {"said": [each.as_json() for each in self.said]} | words


def verdict_of(
    history: Sequence[Validation],
    reason: Reason | None,
    *,
    judge_is_other: bool = True,
    ways: Sequence[Validation] = (),
) -> Verdict:
    """`history` begins with the validation of the untrained policy; an evaluation has that and the version's own alone,
    and `reason` None. Where the judge is the optimized scorer itself nothing is said in another one's name. `ways`: of
    the best version with all of its way from the SFT model, first, and with parts of it."""
    best, end = history[best_validation(history)], history[-1]
    kept = ways[best_way(ways)] if ways else best
    found, cheated, forgets = found_of(kept), is_over_optimized(history, reason), has_forgotten(kept)
    word = told(found, judge_is_other=judge_is_other)
    said = [Saying(f"fit/{word}")] if judge_is_other else [Saying(f"fit/{word}"), Saying("alone")]
    if judge_is_other and "win_rate" in kept.figures:
        said.append(_wins(kept, found, "wins" if reason is None else "watched"))
    if kept.way < 1.0:
        said.append(_moved_back(kept, ways[0]))
    if forgets:
        said.append(Saying("forgets", {"known": kept.figures["knowledge"]}))
    if cheated:
        said.append(_over_optimized(best, end))
        said += [Saying("lost", {"known": end.figures["knowledge"]})] if has_lost(end) else []
        said += [text(sign) for sign in end.signs]
    if reason is not None:
        said.append(Saying(f"ended/{reason}"))
    ended, rising = str(reason or ""), is_still_rising(history)
    after = next_step(word, ended=ended, rising=rising, kl=history[-1].kl)
    step = OVER_OPTIMIZED if cheated else "forgets" if forgets else after
    return Verdict(
        fit=found.fit,
        over_optimized=cheated,
        forgets=forgets,
        reason=ended,
        episodes=kept.episodes,
        optimized_gain=kept.optimized_gain,
        judged_gain=kept.judged_gain,
        way=kept.way,
        said=tuple(said),
        next=step,
    )


def found_of(kept: Validation) -> Found:
    """What both scorers say of the version that is kept."""
    return Found(
        promised=kept.optimized_gain,
        judged=kept.judged_gain,
        judged_error=mean_and_error(kept.judged, [0.0] * len(kept.judged))[1],
        win_rate=kept.figures.get("win_rate"),
        win_rate_error=kept.figures.get("win_rate_error", 0.0),
    )


def _wins(kept: Validation, found: Found, say: str) -> Saying:
    low, high = found.interval
    optimized = kept.figures.get("reward/win_rate", 0.5)
    return Saying(say, {"judged": kept.figures["win_rate"], "optimized": optimized, "low": low, "high": high})


def _moved_back(kept: Validation, whole: Validation) -> Saying:
    known, before = (each.figures.get("knowledge", 1.0) for each in (kept, whole))
    if known <= before:
        return Saying("moved back for gain", {"share": kept.way})
    return Saying("moved back", {"share": kept.way, "known": known, "before": before})


def is_over_optimized(history: Sequence[Validation], reason: Reason | None) -> bool:
    """Whether the run ended over-optimized, stopped or not; the version that is kept may be the one from before."""
    end = history[-1]
    return reason in (Reason.PARTED, Reason.SIGNS) or bool(end.signs) or have_parted(history) or has_lost(end)


def has_lost(end: Validation) -> bool:
    """Most of what the SFT model knows."""
    return end.figures.get("knowledge", 1.0) < LEAST_LEFT


def _over_optimized(kept: Validation, end: Validation) -> Saying:
    after = {"after": end.optimized_gain, "judged_after": end.judged_gain}
    if kept is end:
        return Saying("not held", after)
    before = {"before": kept.optimized_gain, "judged_before": kept.judged_gain}
    return Saying("kept", {"kept": kept.episodes, "end": end.episodes} | before | after)
