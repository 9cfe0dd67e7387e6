"""What is to be said of a reward model in a sentence, and what to do next, both by the curve of what it learned."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from app.formats.figures import percent
from app.preferences import NOTHING_LEARNED
from app.translation import N_, _

ENOUGH = 0.7
"""Held-out accuracy from which a policy can be trained by it."""
NEAR = 0.02
"""A difference of accuracies that is hardly seen."""
SURE_OF_FLAT = 0.04
"""Standard error of the held-out accuracy: with a larger one a flat curve may be chance."""


class Trend(Enum):
    """Of held-out accuracy over the number of rankings; the value is what to do for more of it."""

    SINGLE = N_("Rank more prompts, then train again.")
    """There is one point of it, or none."""
    RISING = N_("Rank more prompts, then train again: its accuracy still rises with them.")
    OPEN = N_("Rank more prompts, then train again: too few pairs were held out to tell whether its accuracy rises.")
    FLAT = N_(
        "More rankings of the same kind help little: rank other kinds of prompts, each time by the same thing, then "
        "train again."
    )
    REACHED = N_(
        "It has come to what the labels' own noise allows: agree on what is better (the guidelines for labelers), then "
        "train again."
    )


OLD = N_("Train a new one: nothing can be scored by it any more.")
TRAIN_FIRST = N_(
    "Train a new one from the same rankings, which takes seconds: it says how sure it is and has a judge. Then train a "
    "policy by that."
)
UNDERFIT = N_(
    "Underfit: it orders only {own} of the pairs that it learned from as you did, and {share} of those that it did not."
)
OVERFIT = N_(
    "Overfit: it orders {own} of the pairs that it learned from as you did, but only {share} of those that it did not. "
    "It knows its own rankings partly by heart."
)
WITHOUT_OWN = {
    "underfit": N_("Underfit: it orders even what it learned from badly, and {share} of other pairs as you did."),
    "overfit": N_("Overfit: it orders what it learned from much better than other pairs: {share} of these as you did."),
}
"""Of records that hold no accuracy on the rankings that were learned from."""
TRAIN_BY_IT = N_("Train a policy by it (the Train page), and read its answers.")
ALL_THE_SAME = N_(
    "Train a policy by it all the same (the Train page), and read its answers: {share} of pairs that it did not learn "
    "from is enough to teach by. More rankings narrow the gap."
)
LEARNED_NOTHING = N_(
    "This reward model learned nothing: the answers of every ranking were the same or ranked equal, so all of them "
    "score the same. It does not replace another reward model, and no policy training follows from it."
)


def trend_of(metrics: Mapping[str, Any], ceiling: float | None) -> Trend:
    """`ceiling`: the accuracy that the labels' noise allows, where that is known."""
    known, error = curve_of(metrics), metrics.get("held_out_accuracy_error") or 0.0
    if len(known) < 2:
        return Trend.SINGLE
    (_before, former), (_count, share) = known[-2:]
    if ceiling is not None and share > ceiling - NEAR:
        return Trend.REACHED
    if share - former > NEAR:
        return Trend.RISING
    return Trend.OPEN if error > SURE_OF_FLAT else Trend.FLAT


def curve_of(metrics: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Number of rankings and held-out accuracy, as far as it was measured."""
    points: Sequence[Sequence[float | None]] = metrics.get("learning_curve") or []
    return sorted(
        (float(count), float(share)) for count, share, *_rest in points if count is not None and share is not None
    )


def reward_verdict(
    metrics: Mapping[str, Any], *, enough_accuracy: float, ceiling: float | None = None, outdated: bool = False
) -> tuple[str, str]:
    """What it is, and the next step. `enough_accuracy`: from which on a rule trains a policy by it; `outdated`: whether
    its format is read no more."""
    said, step = _said(metrics), _step(metrics, min(enough_accuracy, ENOUGH), ceiling)
    return said, _(OLD) if outdated else step


def _said(metrics: Mapping[str, Any]) -> str:
    accuracy, fit = metrics.get("held_out_accuracy"), metrics.get("verdict")
    if fit == NOTHING_LEARNED:
        return _(LEARNED_NOTHING)
    if accuracy is None:
        return _("There are too few rankings to tell how good it is.")
    told = percent(accuracy)
    own = metrics.get("train_accuracy")
    if fit == "underfit" and own is not None:
        return _(UNDERFIT, own=percent(own), share=told)
    if fit == "overfit" and own is not None:
        return _(OVERFIT, own=percent(own), share=told)
    if fit in ("underfit", "overfit"):
        return _(WITHOUT_OWN[fit], share=told)
    return _("Good fit: it orders {share} of the pairs that it did not learn from as you did.", share=told)


def _step(metrics: Mapping[str, Any], enough: float, ceiling: float | None) -> str:
    accuracy, fit = metrics.get("held_out_accuracy"), metrics.get("verdict")
    if fit == NOTHING_LEARNED:
        return _("Rank answers that differ, then train again.")
    if accuracy is None:
        return _(Trend.SINGLE.value)
    if "judge_rankings" not in metrics:
        return _(TRAIN_FIRST)
    if fit == "underfit":
        return _("Rank more prompts, each time by the same thing, then train again.")
    if accuracy < enough:
        return _(trend_of(metrics, ceiling).value)
    return _(ALL_THE_SAME, share=percent(accuracy)) if fit == "overfit" else _(TRAIN_BY_IT)
