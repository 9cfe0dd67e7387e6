"""What to say of a policy's training when it has ended: a verdict in words, why it ended, and what to do next.

Pure functions of the history (stopping.py), for every trainer of a policy.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from app.training.stopping import (
    Reason,
    Validation,
    best_validation,
    have_parted,
    is_still_rising,
    mean_and_error,
)
from app.translation import N_, _

Fit = Literal["underfit", "good fit", "overfit"]
LEAST_GAIN = 0.25
"""Deviations of the SFT model's answers: less is hardly seen, a win rate of about 0.57."""
MOST_LOST = 0.5
"""Share of the optimized scorer's gain that a judge of other rankings may not find again."""
CLEARLY = 2.0
"""Standard errors above nothing."""
OVER_OPTIMIZED = "over-optimized"
ENDED = {
    Reason.EPISODES: N_("It used all its episodes."),
    Reason.KL: N_("It stopped by itself: its KL budget was used up."),
    Reason.PLATEAU: N_("It stopped by itself: the score rose no more."),
    Reason.COLLAPSE: N_("It stopped by itself: it had begun to say the same thing again and again."),
    Reason.UNCERTAINTY: N_("It stopped by itself: the reward model was guessing, since nobody ranked such answers."),
    Reason.PARTED: N_("It stopped by itself: the reward model's score rose while the judge's fell."),
    Reason.SIGNS: N_("It stopped by itself: its answers had left their bounds."),
}
FITS = {
    "underfit": N_("Underfit: by the judge its answers are hardly better than the SFT model's."),
    "good fit": N_("Good fit: a judge that learned from other rankings finds its answers better, too."),
    "fits itself": N_("The reward model that it was trained by finds its answers better."),
    "overfit": N_("Overfit: a judge that learned from other rankings finds less than half of what the score promises."),
}
ALONE = N_(
    "The reward model judged itself: it has no judge, since too few prompts were ranked or an earlier program trained "
    "it. Whether people would agree is open."
)
KEPT = N_("Over-optimized: from {kept} to {end} episodes the score went from {before} to {after} and the judge from "
          "{judged_before} to {judged_after}. The version is that of {kept} episodes.")  # fmt: skip
NOT_HELD = N_("Over-optimized: the score says {after}, the judge {judged_after}, and its answers show why.")
NEXT = {
    "over-optimized": N_(
        "Keep the KL penalty and the stop on, and rank answers of this version, so that the reward model learns what "
        "is wrong with them."
    ),
    "overfit": N_("Rank more answers and train the reward model again before the policy."),
    "rising": N_("The judge's score was still rising: train with more episodes, or with a higher KL target."),
    "underfit": N_("Rank more answers: the reward model does not tell yet what is liked."),
    "fits itself": N_("Rank more answers, then train the reward model and the policy again."),
    "good fit": N_("Compare it with the SFT model on the label page, and activate it if people prefer it."),
}


@dataclass(frozen=True)
class Verdict:
    """In English, as stored; pages say it in their language. Gains are those of the version that is kept."""

    fit: Fit
    over_optimized: bool
    reason: str
    episodes: int
    """After which the version that is kept was taken."""
    optimized_gain: float
    judged_gain: float
    sentences: tuple[str, ...]
    """What it is, whether it was over-optimized, why it ended."""
    next_step: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"sentences": list(self.sentences)}


def verdict_of(history: Sequence[Validation], reason: Reason, *, judge_is_other: bool = True) -> Verdict:
    """`history` has at least the validation of the untrained policy. Where the judge is the optimized scorer itself
    nothing is said in another one's name."""
    kept, end = history[best_validation(history)], history[-1]
    fit, cheated = fit_of(kept), is_over_optimized(history, reason)
    told = "fits itself" if fit == "good fit" and not judge_is_other else fit
    sentences = [_(FITS[told])] if judge_is_other else [_(FITS[told]), _(ALONE)]
    if cheated:
        sentences.append(_over_optimized(kept, end))
        sentences += end.signs
    sentences.append(_(ENDED[reason]))
    return Verdict(
        fit=fit,
        over_optimized=cheated,
        reason=str(reason),
        episodes=kept.episodes,
        optimized_gain=kept.optimized_gain,
        judged_gain=kept.judged_gain,
        sentences=tuple(sentences),
        next_step=_(NEXT[_next(history, told, cheated=cheated, reason=reason)]),
    )


def fit_of(kept: Validation) -> Fit:
    """By the version that is kept: what the judge finds of what the optimized scorer promises."""
    promised, judged = kept.optimized_gain, kept.judged_gain
    error = mean_and_error(kept.judged, [0.0] * len(kept.judged))[1]
    if promised >= LEAST_GAIN and judged < (1 - MOST_LOST) * promised:
        return "overfit"
    return "good fit" if judged >= LEAST_GAIN and judged > CLEARLY * error else "underfit"


def is_over_optimized(history: Sequence[Validation], reason: Reason) -> bool:
    """Whether the run ended over-optimized, stopped or not; the version that is kept may be the one from before."""
    return reason in (Reason.PARTED, Reason.SIGNS) or bool(history[-1].signs) or have_parted(history)


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


def _next(history: Sequence[Validation], fit: str, *, cheated: bool, reason: Reason) -> str:
    if cheated:
        return OVER_OPTIMIZED
    if fit != "overfit" and reason in (Reason.EPISODES, Reason.KL) and is_still_rising(history):
        return "rising"
    return fit
