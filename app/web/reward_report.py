"""What the page of a reward model tells of it in pictures and sentences: how it learned, what its scores hang on, how
true its probabilities are, who judges, how sure it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.db.models.versions import Version, VersionKind
from app.formats.figures import percent
from app.model_info.scorer_format import OLD
from app.translation import N_, _, ngettext

WIDTH, HEIGHT = 320, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 296, 12, 156
SHOWN_BLOCKS = 5
GUESSING, ENOUGH = 0.5, 0.7
SURE_OF_FLAT = 0.04
"""Standard error of the held-out accuracy: with a larger one a flat curve may be chance."""
CALIBRATED, CHANCE = 0.05, 2.0
"""Expected calibration error; and how many standard errors may lie between what it says and what is right."""
BLOCKS: Mapping[str, tuple[str, str]] = {
    "length": (N_("Length"), N_("How long an answer is: short, long, or about so many words.")),
    "likelihood": (
        N_("Likelihood"),
        N_("How likely the SFT model finds the answer, with and without the prompt: relevance and truth show here."),
    ),
    "plausible": (N_("Plausibility"), N_("Whether an answer is about its prompt and makes sense to the SFT model.")),
    "where": (N_("Likely and unlikely places"), N_("Where in the answer the SFT model is surprised.")),
    "sentences": (N_("Sentences"), N_("How the answer's sentences are, one by one: their best and their worst.")),
    "similarity": (N_("Nearness to the prompt"), N_("How near the answer's meaning is to that of its prompt.")),
    "shape": (N_("Shape"), N_("Lists, lines, marks and repetition: how an answer is laid out.")),
    "mean 0": (N_("Words"), N_("Which words stand in it, wherever they stand.")),
    "sum": (N_("Number of words"), N_("How many words of which kind stand in it.")),
    "mean 1": (N_("Phrases"), N_("What words mean beside their neighbours, half-way up the SFT model.")),
    "mean 2": (N_("Meaning"), N_("What the answer says as a whole, at the SFT model's top.")),
    "beginning": (N_("Beginning"), N_("How it begins.")),
    "second": (N_("Second sentence"), N_("What stands in its second sentence.")),
    "end": (N_("Whole, read from its end"), N_("What the SFT model has in mind once it has read all of it.")),
    "finish": (N_("Last words"), N_("With which words it closes.")),
    "products": (N_("Kind of prompt"), N_("What is liked for one kind of prompt and not for another.")),
}
"""By the names of the trainer's blocks: what each is called, and what of an answer it holds."""


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    radius: float
    said: tuple[str, ...]
    """Its figures, for the table."""


@dataclass(frozen=True)
class Picture:
    """Dots in a frame of WIDTH by HEIGHT."""

    sentence: str
    """What it shows."""
    columns: tuple[str, ...]
    dots: list[Dot]
    ticks_x: list[tuple[float, str]]
    ticks_y: list[tuple[float, str]]

    @property
    def line(self) -> str:
        return " ".join(f"{dot.x:.1f},{dot.y:.1f}" for dot in self.dots)


@dataclass(frozen=True)
class Block:
    name: str
    meaning: str
    share: float


@dataclass(frozen=True)
class RewardReport:
    verdict: str
    next_step: str
    curve: Picture | None
    blocks: list[Block]
    """The weightiest first."""
    calibration: Picture | None
    judge: str
    uncertainty: str
    knows_uncertainty: bool

    @property
    def main_blocks(self) -> list[Block]:
        return self.blocks[:SHOWN_BLOCKS]

    @property
    def other_blocks(self) -> list[Block]:
        return self.blocks[SHOWN_BLOCKS:]


def knows_uncertainty(metrics: Mapping[str, Any]) -> bool:
    """Whether its scores have deviations: those of versions of before are a network's alone."""
    return "judge_rankings" in metrics


def reward_report(version: Version, *, enough_accuracy: float, outdated: bool = False) -> RewardReport | None:
    """None for a version of another kind. `enough_accuracy`: from which on a rule trains a policy by it; `outdated`:
    whether its format is read no more."""
    if version.kind is not VersionKind.REWARD:
        return None
    metrics = version.metrics
    known = knows_uncertainty(metrics)
    verdict, next_step = _verdict(metrics, min(enough_accuracy, ENOUGH))
    return RewardReport(
        verdict=verdict,
        next_step=_("Train a new one: nothing can be scored by it any more.") if outdated else next_step,
        curve=_curve(metrics.get("learning_curve") or [], metrics.get("held_out_accuracy_error") or 0.0),
        blocks=_blocks(metrics.get("blocks") or {}),
        calibration=_calibration(metrics.get("reliability") or [], metrics.get("ece")),
        judge=_judge(metrics),
        uncertainty=_(OLD if outdated else SURE if known else UNSURE),
        knows_uncertainty=known and not outdated,
    )


SURE = N_(
    "Each score comes with ±: how far it may be off, given the rankings so far. 1 is the usual difference between two "
    "answers to one prompt; a score whose ± is larger than that is a guess. More rankings make it smaller."
)
UNSURE = N_("This reward model tells no uncertainty: train a new one.")


def _verdict(metrics: Mapping[str, Any], enough: float) -> tuple[str, str]:
    accuracy, fit = metrics.get("held_out_accuracy"), metrics.get("verdict")
    if accuracy is None:
        return _("There are too few rankings to tell how good it is."), _("Rank more prompts, then train again.")
    told = percent(accuracy)
    if fit == "underfit":
        return (
            _("Underfit: it does not order even the rankings that it learned from; of others {share}.", share=told),
            _("Rank more prompts, each time by the same thing, then train again."),
        )
    if fit == "overfit":
        said = _("Overfit: it orders what it learned from much better than other pairs, of which {share}.", share=told)
    else:
        said = _("Good fit: it orders {share} of the pairs that it did not learn from as you did.", share=told)
    if accuracy < enough:
        return said, _("Rank more prompts before you train a policy by it.")
    return said, _("Train a policy by it (the Train page), and read its answers.")


def _curve(points: Sequence[Sequence[float]], error: float) -> Picture | None:
    """Held-out accuracy over the number of rankings; `error` is its standard error."""
    known = sorted((float(count), float(share)) for count, share, *_rest in points if share is not None)
    if not known:
        return None
    most = max(known[-1][0], 1.0)
    gained = known[-1][1] - known[-2 if len(known) > 1 else 0][1]
    if len(known) < 2:
        sentence = _(
            "With {n} rankings {share} of unseen pairs are right.", n=f"{known[0][0]:.0f}", share=percent(known[0][1])
        )
    elif gained > 0.02:
        sentence = _("It still rises: more rankings are likely to help.")
    elif error > SURE_OF_FLAT:
        sentence = _("It does not rise yet, but so few pairs do not tell: rank more, and look again.")
    else:
        sentence = _("It is flat: more rankings of the same kind help little.")
    low = min(GUESSING, *(share for _count, share in known))
    return Picture(
        sentence,
        (_("Rankings"), _("Unseen pairs right")),
        [Dot(_x(n / most), _y((s - low) / (1 - low)), 4, (f"{n:.0f}", percent(s))) for n, s in known],
        [(_x(n / most), f"{n:.0f}") for n, _share in known],
        [(_y((share - low) / (1 - low)), percent(share)) for share in (low, (1 + low) / 2, 1.0)],
    )


def _calibration(bins: Sequence[Sequence[float]], error: float | None) -> Picture | None:
    """How often it is right over how sure it says to be."""
    if not bins:
        return None
    most = max(count for _stated, _right, count in bins)
    more = sum((right - stated) * count for stated, right, count in bins)  # pairs right, beyond what it said
    if error is None or error < CALIBRATED:
        sentence = _("The dots lie near the line: it is as often right as it says.")
    elif abs(more) < CHANCE * sum(stated * (1 - stated) * count for stated, _right, count in bins) ** 0.5:
        sentence = _("The dots lie on both sides of the line: all in all it is about as often right as it says.")
    elif more > 0:
        sentence = _("The dots lie above the line: it is more often right than it says.")
    else:
        sentence = _("The dots lie below the line: it is surer than it should be.")
    ends = (0.5, 0.75, 1.0)
    return Picture(
        sentence,
        (_("Says to be right"), _("Is right"), _("Pairs")),
        [
            Dot(_x(2 * s - 1), _y(max(0.0, 2 * r - 1)), 3 + 5 * (n / most) ** 0.5, (percent(s), percent(r), f"{n:.0f}"))
            for s, r, n in bins
        ],
        [(_x(2 * share - 1), percent(share)) for share in ends],
        [(_y(2 * share - 1), percent(share)) for share in ends],
    )


def _blocks(shares: Mapping[str, float]) -> list[Block]:
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    told = ((BLOCKS.get(name, (name, "")), share) for name, share in ordered)
    return [Block(_(name), _(meaning) if meaning else "", share) for (name, meaning), share in told]


def _judge(metrics: Mapping[str, Any]) -> str:
    rankings = int(metrics.get("judge_rankings") or 0)
    if not rankings:
        return _(
            "It has no judge of its own: there were too few prompts for two. Policies that it trains are compared by "
            "itself, so read their answers with care."
        )
    return ngettext(
        "Policies that it trains are compared by a judge that learned from {n} ranking set aside for it alone: what "
        "fools the one does not fool the other for the same reason.",
        "Policies that it trains are compared by a judge that learned from {n} rankings set aside for it alone: what "
        "fools the one does not fool the other for the same reason.",
        rankings,
    )


def _x(share: float) -> float:
    return round(LEFT + share * (RIGHT - LEFT), 1)


def _y(share: float) -> float:
    return round(BOTTOM - share * (BOTTOM - TOP), 1)
