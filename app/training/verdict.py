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
    best_way,
    has_forgotten,
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
LEAST_WIN_RATE = 0.55
"""By the judge, at the lower end of its interval: a coin wins 0.50, and a difference of a twentieth is hardly seen."""
CLEARLY = 2.0
"""Standard errors above nothing."""
LEAST_LEFT = 0.5
"""Share of the SFT model's answers that are known still: one that has lost more has found what both scorers miss.
With the penalty off, "brief" came to 0.31, far below the SFT model by the taste itself, and the judge still praised it.
"""
LEAST_MOVED = 0.5
"""Nats from the SFT model: a run whose episodes ended before that says nothing of the reward model."""
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
FITS = {
    "hardly moved": N_("Underfit: hardly moved. Neither scorer finds its answers much better than the SFT model's."),
    "underfit": N_("Underfit: by the judge its answers are hardly better than the SFT model's."),
    "good fit": N_("Good fit: a judge that learned from other rankings finds its answers better, too."),
    "fits itself": N_("The reward model that it was trained by finds its answers better."),
    "overfit": N_("Overfit: a judge that learned from other rankings finds less than half of what the score promises."),
}
WINS = N_(
    "Of the comparisons with the SFT model's answers it wins {judged} by the judge (between {low} and {high}, two "
    "standard errors to each side) and {optimized} by the reward model."
)
FORGETS = N_("It forgets: it has kept {known} of the answers that the SFT model is sure of.")
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
NEXT = {
    "over-optimized": N_(
        "Train again with the KL penalty and the stop on. If it comes to this with both on, rank more answers first."
    ),
    "overfit": N_("Rank more answers and train the reward model again before the policy."),
    "forgets": N_(
        "Train again so that it stays nearer to the SFT model: with a lower KL target (PPO, RLOO, GRPO), a larger beta "
        "(DPO), or a lower learning rate."
    ),
    "rising": N_("The judge's score was still rising: train with more episodes, or with a higher KL target."),
    "hardly begun": N_("It was over before it had moved: train with more episodes."),
    "hardly moved": N_("Rank more answers: the reward model does not tell yet what is liked."),
    "underfit": N_("Rank more answers: the reward model does not tell yet what is liked."),
    "fits itself": N_("Rank more answers, then train the reward model and the policy again."),
    "good fit": N_("Compare it with the SFT model on the label page, and activate it if people prefer it."),
}


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
    fit, cheated, forgets = fit_of(kept), is_over_optimized(history, reason), has_forgotten(kept)
    told = _told(kept, fit, judge_is_other=judge_is_other)
    sentences = [_(FITS[told])] if judge_is_other else [_(FITS[told]), _(ALONE)]
    if judge_is_other and "win_rate" in kept.figures:
        sentences.append(_wins(kept))
    if kept.way < 1.0:
        sentences.append(_moved_back(kept, ways[0]))
    if forgets:
        sentences.append(_(FORGETS, known=f"{kept.figures['knowledge']:.0%}"))
    if cheated:
        sentences.append(_over_optimized(best, end))
        sentences += [_(LOST, known=f"{end.figures['knowledge']:.0%}"), *end.signs] if has_lost(end) else end.signs
    if reason is not None:
        sentences.append(_(ENDED[reason]))
    step = OVER_OPTIMIZED if cheated else "forgets" if forgets else _next(history, told, reason)
    return Verdict(
        fit=fit,
        over_optimized=cheated,
        forgets=forgets,
        reason=str(reason or ""),
        episodes=kept.episodes,
        optimized_gain=kept.optimized_gain,
        judged_gain=kept.judged_gain,
        way=kept.way,
        sentences=tuple(sentences),
        next_step=_(NEXT[step]),
    )


def fit_of(kept: Validation) -> Fit:
    """By the version that is kept: what the judge finds of what the optimized scorer promises. It fits where the judge
    sees a gain, more than chance, and its win rate's interval clears a half by a margin."""
    promised, judged = kept.optimized_gain, kept.judged_gain
    error = mean_and_error(kept.judged, [0.0] * len(kept.judged))[1]
    if promised >= LEAST_GAIN and judged < (1 - MOST_LOST) * promised:
        return "overfit"
    clear = judged >= LEAST_GAIN and judged > CLEARLY * error and win_interval(kept)[0] > LEAST_WIN_RATE
    return "good fit" if clear else "underfit"


def win_interval(kept: Validation) -> tuple[float, float]:
    """Of the judge's win rate, about 95%; everything is possible of what was not measured."""
    if "win_rate" not in kept.figures:
        return 1.0, 1.0
    rate, error = kept.figures["win_rate"], kept.figures.get("win_rate_error", 0.0)
    return max(0.0, rate - CLEARLY * error), min(1.0, rate + CLEARLY * error)


def _told(kept: Validation, fit: Fit, *, judge_is_other: bool) -> str:
    if fit == "underfit" and kept.optimized_gain < LEAST_GAIN and kept.judged_gain < LEAST_GAIN:
        return "hardly moved"
    return "fits itself" if fit == "good fit" and not judge_is_other else fit


def _wins(kept: Validation) -> str:
    low, high = win_interval(kept)
    rates = {"judged": kept.figures["win_rate"], "optimized": kept.figures.get("reward/win_rate", 0.5)}
    said = {name: f"{value:.0%}" for name, value in (rates | {"low": low, "high": high}).items()}
    return _(WINS, **said)


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


def _next(history: Sequence[Validation], told: str, reason: Reason | None) -> str:
    if told != "overfit" and reason in (Reason.EPISODES, Reason.KL) and is_still_rising(history):
        return "rising"
    if told == "hardly moved" and reason is Reason.EPISODES and history[-1].kl < LEAST_MOVED:
        return "hardly begun"
    return told
