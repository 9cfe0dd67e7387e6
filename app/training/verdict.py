"""What to say of a policy's training when it has ended: a verdict in words, why it ended, and what to do next.

Pure functions of the history (stopping.py), for every trainer of a policy.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.policy_fit import FITS, FORGETS, NEXT, Fit, Found, next_step, told
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
from app.translation import N_, _

LEAST_LEFT = 0.5
"""Share of the SFT model's answers that are known still: one that has lost more has found what both scorers miss.
With the penalty off, "brief" came to 0.31, far below the SFT model by the taste itself, and the judge still praised it.
"""
OVER_OPTIMIZED = "over-optimized"
ENDED = {
    Reason.EPISODES: N_("It used all its episodes."),
    Reason.KL: N_("It stopped by itself: its KL budget was used up."),
    Reason.PLATEAU: N_("It stopped by itself: the score rose no more."),
    Reason.COLLAPSE: N_("It stopped by itself: it had begun to say the same thing again and again."),
    Reason.UNCERTAINTY: N_("It stopped by itself: the reward model was guessing, since nobody ranked such answers."),
    Reason.PARTED: N_("It stopped by itself: the reward model's score rose while the judge's fell."),
    Reason.SIGNS: N_("It stopped by itself: its answers had left their bounds."),
    Reason.FORGETTING: N_("It stopped by itself: it had begun to forget what the SFT model knows."),
}
WINS = N_(
    "Of the comparisons with the SFT model's answers it wins {judged} by the judge (95% interval {low} to {high}) and "
    "{optimized} by the reward model."
)
WATCHED = N_(
    "On the prompts by which its training was watched it wins {judged} of the comparisons with the SFT model's answers "
    "by the judge (95% interval {low} to {high}) and {optimized} by the reward model."
)
ALONE = N_(
    "The reward model judged itself: it has no judge, since too few prompts were ranked or an earlier program trained "
    "it. Whether people would agree is open."
)
KEPT = N_("Over-optimized: from {kept} to {end} episodes the score went from {before} to {after} and the judge from "
          "{judged_before} to {judged_after}. The version is that of {kept} episodes.")  # fmt: skip
LOST = N_("Neither of the two saw it: at the end it had kept {known} of the answers that the SFT model is sure of.")
MOVED_BACK = N_(
    "Its weights were moved back to {share} of their way from the SFT model, so that it knows {known} of what that one "
    "is sure of, and not {before}."
)
MOVED_BACK_FOR_GAIN = N_(
    "Its weights were moved back to {share} of their way from the SFT model: there both scorers together like it best."
)
NOT_HELD = N_("Over-optimized: the score says {after}, the judge {judged_after}, and its answers show why.")


@dataclass(frozen=True)
class Verdict:
    """In English, as stored; pages say it in their language. Gains are those of the version that is kept."""

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
    sentences: tuple[str, ...]
    """What it is, whether it was over-optimized, why it ended."""
    next_step: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"sentences": list(self.sentences)}


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
    sentences = [_(FITS[word])] if judge_is_other else [_(FITS[word]), _(ALONE)]
    if judge_is_other and "win_rate" in kept.figures:
        sentences.append(_wins(kept, found, WINS if reason is None else WATCHED))
    if kept.way < 1.0:
        sentences.append(_moved_back(kept, ways[0]))
    if forgets:
        sentences.append(_(FORGETS, known=f"{kept.figures['knowledge']:.0%}"))
    if cheated:
        sentences.append(_over_optimized(best, end))
        sentences += [_(LOST, known=f"{end.figures['knowledge']:.0%}"), *end.signs] if has_lost(end) else end.signs
    if reason is not None:
        sentences.append(_(ENDED[reason]))
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
        sentences=tuple(sentences),
        next_step=_(NEXT[step]),
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


def _wins(kept: Validation, found: Found, message: str) -> str:
    low, high = found.interval
    rates = {"judged": kept.figures["win_rate"], "optimized": kept.figures.get("reward/win_rate", 0.5)}
    said = {name: f"{value:.0%}" for name, value in (rates | {"low": low, "high": high}).items()}
    return _(message, **said)


def _moved_back(kept: Validation, whole: Validation) -> str:
    known, before = (each.figures.get("knowledge", 1.0) for each in (kept, whole))
    if known <= before:
        return _(MOVED_BACK_FOR_GAIN, share=f"{kept.way:.0%}")
    return _(MOVED_BACK, share=f"{kept.way:.0%}", known=f"{known:.0%}", before=f"{before:.0%}")


def is_over_optimized(history: Sequence[Validation], reason: Reason | None) -> bool:
    """Whether the run ended over-optimized, stopped or not; the version that is kept may be the one from before."""
    end = history[-1]
    return reason in (Reason.PARTED, Reason.SIGNS) or bool(end.signs) or have_parted(history) or has_lost(end)


def has_lost(end: Validation) -> bool:
    """Most of what the SFT model knows."""
    return end.figures.get("knowledge", 1.0) < LEAST_LEFT


def _over_optimized(kept: Validation, end: Validation) -> str:
    figures = {
        "before": kept.optimized_gain,
        "after": end.optimized_gain,
        "judged_before": kept.judged_gain,
        "judged_after": end.judged_gain,
    }
    said = {name: f"{value:+.2f}" for name, value in figures.items()}
    if kept is end:
        return _(NOT_HELD, after=said["after"], judged_after=said["judged_after"])
    return _(KEPT, kept=f"{kept.episodes:,}", end=f"{end.episodes:,}", **said)
