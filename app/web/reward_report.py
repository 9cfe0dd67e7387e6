"""What the page of a reward model tells of it in pictures and sentences: how it learned, what its scores hang on, how
true its probabilities are, who judges, how sure it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.db.models.versions import Version, VersionKind
from app.formats.figures import percent
from app.model_info.scorer_format import OLD
from app.services.views.label_agreement import LabelAgreement
from app.translation import N_, _, ngettext, sentences
from app.web.penalty_picture import PenaltyPicture, penalty_picture
from app.web.pictures import LEFT, RIGHT, Dot, Picture, across, up
from app.web.reward_verdict import Trend, curve_of, reward_verdict, trend_of

SHOWN_BLOCKS = 5
GUESSING = 0.5
CALIBRATED, CHANCE = 0.05, 2.0
"""Expected calibration error; and how many standard errors may lie between what it says and what is right."""
AWAY = 0.1
"""How far a dot may be from the line, to lie near it."""
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
    "shape": (N_("Repetition"), N_("How many of its words, and pairs of words, come again.")),
    "layout": (N_("Layout"), N_("Lines and what they begin with, marks, digits and capitals.")),
    "mean 0": (N_("Choice of words"), N_("Which kinds of words it uses on the whole, wherever they stand.")),
    "sum": (N_("Quantity"), N_("How many words of each kind it has: three foods count more than one.")),
    "words": (N_("Rare words"), N_("Whether a particular word stands in it even once, a rare one above all.")),
    "references": (
        N_("Likeness to the SFT model's answers"),
        N_("Whether it shares rare words with what the SFT model would answer: what is astray shares few."),
    ),
    "mean 1": (N_("Phrases"), N_("What words mean beside their neighbours, half-way up the SFT model.")),
    "mean 2": (N_("Meaning"), N_("What the answer says as a whole, at the SFT model's top.")),
    "beginning": (N_("Beginning"), N_("How it begins.")),
    "second": (N_("Second sentence"), N_("What stands in its second sentence.")),
    "end": (N_("Overall impression"), N_("What the SFT model has in mind once it has read all of it.")),
    "finish": (N_("Ending"), N_("How it closes, in its last few words.")),
    "products": (N_("Kind of prompt"), N_("What is liked for one kind of prompt and not for another.")),
}
"""By the names of the trainer's blocks: what each is called, and what of an answer it holds."""


@dataclass(frozen=True)
class Block:
    name: str
    meaning: str
    share: float


@dataclass(frozen=True)
class RewardReport:
    outdated: bool
    """Whether its format is read no more: it scores nothing."""
    verdict: str
    next_step: str
    curve: Picture | None
    noise: str
    """What the labels' own noise lets the curve reach, or why that is not known."""
    penalty: PenaltyPicture | None
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


def reward_report(
    version: Version, agreement: LabelAgreement, *, enough_accuracy: float, outdated: bool = False
) -> RewardReport | None:
    """None for a version of another kind. `agreement`: of the rankings that it learned from; `enough_accuracy`: from
    which on a rule trains a policy by it; `outdated`: whether its format is read no more."""
    if version.kind is not VersionKind.REWARD:
        return None
    metrics = version.metrics
    known = knows_uncertainty(metrics)
    verdict, next_step = reward_verdict(
        metrics, enough_accuracy=enough_accuracy, ceiling=agreement.ceiling, outdated=outdated
    )
    return RewardReport(
        outdated=outdated,
        verdict=verdict,
        next_step=next_step,
        curve=_curve(metrics, agreement.ceiling),
        noise=noise_sentence(agreement),
        penalty=penalty_picture(metrics),
        blocks=_blocks(metrics.get("blocks") or {}),
        calibration=calibration(metrics.get("reliability") or [], metrics.get("ece")),
        judge=_judge(metrics),
        uncertainty=_(OLD if outdated else SURE if known else UNSURE),
        knows_uncertainty=known and not outdated,
    )


SURE = N_(
    "Each score comes with ±: how far it may be off, given the rankings so far. 1 is the usual difference between two "
    "answers to one prompt; a score whose ± is larger than that is a guess. More rankings make it smaller."
)
UNSURE = N_("It was made by an earlier version of this program: its scores come without ±.")


def _curve(metrics: Mapping[str, Any], ceiling: float | None) -> Picture | None:
    """Held-out accuracy over the number of rankings; `ceiling`: what the labels' noise allows, where that is known."""
    known = curve_of(metrics)
    if not known:
        return None
    most = max(known[-1][0], 1.0)
    low = min(GUESSING, *(share for _count, share in known))
    height = None if ceiling is None else up((ceiling - low) / (1 - low))
    return Picture(
        _curve_sentence(known, trend_of(metrics, ceiling)),
        (_("Rankings"), _("Unseen pairs right")),
        [Dot(across(n / most), up((s - low) / (1 - low)), 4, (f"{n:.0f}", percent(s))) for n, s in known],
        [(across(n / most), f"{n:.0f}") for n, _share in known],
        [(up((share - low) / (1 - low)), percent(share)) for share in (low, (1 + low) / 2, 1.0)],
        None if height is None else (LEFT, height, RIGHT, height),
    )


TRENDS = {
    Trend.RISING: N_("It still rises: more rankings are likely to help."),
    Trend.OPEN: N_("It does not rise yet, but so few pairs do not tell: rank more, and look again."),
    Trend.FLAT: N_("It is flat: more rankings of the same kind help little."),
    Trend.REACHED: N_("It has come to what the labels' own noise allows: more rankings of the same kind help little."),
}


def _curve_sentence(known: Sequence[tuple[float, float]], trend: Trend) -> str:
    if trend is Trend.SINGLE:
        count, share = known[-1]
        return _("With {n} rankings {share} of unseen pairs are right.", n=f"{count:.0f}", share=percent(share))
    return _(TRENDS[trend])


def noise_sentence(agreement: LabelAgreement) -> str:
    """Nobody orders noisy labels without a miss."""
    if agreement.ceiling is not None:
        return _(
            "The dashed line is about the most that the labels' own noise allows: of {n} pairs that stand twice among "
            "the rankings that the reward model learned from, both rankings order {share} alike, so somebody who knew "
            "what is meant would be right on about {ceiling} of the labels.",
            n=f"{agreement.pairs:,}",
            share=percent(agreement.share),
            ceiling=percent(agreement.ceiling),
        )
    if agreement.pairs:
        return ngettext(
            "How far noise in the labels lets it rise is not known: only {n} pair of answers stands twice among the "
            "rankings that the reward model learned from.",
            "How far noise in the labels lets it rise is not known: only {n} pairs of answers stand twice among the "
            "rankings that the reward model learned from.",
            agreement.pairs,
        )
    return _(
        "How far noise in the labels lets it rise is not known: no two answers stand twice among the rankings that the "
        "reward model learned from. It is under 100% wherever people hesitate."
    )


def calibration(bins: Sequence[Sequence[float]], error: float | None) -> Picture | None:
    """How often it is right over how sure it says it is."""
    if not bins:
        return None
    most = max(count for _stated, _right, count in bins)
    low = min(GUESSING, *(right for _stated, right, _count in bins))

    def height(share: float) -> float:
        return up((share - low) / (1 - low))

    ends = (GUESSING, 0.75, 1.0)
    return Picture(
        _calibration_sentence(bins, error),
        (_("How sure it says it is"), _("Is right"), _("Pairs")),
        [
            Dot(across(2 * s - 1), height(r), 3 + 5 * (n / most) ** 0.5, (percent(s), percent(r), f"{n:.0f}"))
            for s, r, n in bins
        ],
        [(across(2 * share - 1), percent(share)) for share in ends],
        [(height(share), percent(share)) for share in (ends if low == GUESSING else (low, GUESSING, 1.0))],
        (LEFT, height(GUESSING), RIGHT, height(1.0)),
    )


def _calibration_sentence(bins: Sequence[Sequence[float]], error: float | None) -> str:
    more = sum((right - stated) * count for stated, right, count in bins)  # pairs right, beyond what it said
    chance = CHANCE * sum(stated * (1 - stated) * count for stated, _right, count in bins) ** 0.5
    if error is not None and error >= CALIBRATED and abs(more) >= chance:
        if more > 0:
            return _("On the whole the dots lie above the line: it is more often right than it says.")
        return _("On the whole the dots lie below the line: it is surer than it should be.")
    away = sum(count for stated, right, count in bins if abs(right - stated) > AWAY)
    if not away:
        return _("The dots lie near the line: it is as often right as it says.")
    return ngettext(
        "All in all it is about as often right as it says, but the dots of {away} of {n} pair lie away from the line.",
        "All in all it is about as often right as it says, but the dots of {away} of {n} pairs lie away from the line.",
        round(sum(count for _stated, _right, count in bins)),
        away=round(away),
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
    compared = ngettext(
        "Policies that it trains are compared by a judge that learned from {n} ranking set aside for it alone: what "
        "fools the one does not fool the other for the same reason.",
        "Policies that it trains are compared by a judge that learned from {n} rankings set aside for it alone: what "
        "fools the one does not fool the other for the same reason.",
        rankings,
    )
    others = int(metrics.get("num_rankings") or 0) - rankings
    return sentences(compared, _scorer(others)) if others > 0 else compared


def _scorer(others: int) -> str:
    """What a policy is trained by, where some rankings were set aside for its judge."""
    return ngettext(
        "What trains them learned from the other {n} ranking; the scores that pages show come from all.",
        "What trains them learned from the other {n} rankings; the scores that pages show come from all.",
        others,
    )
