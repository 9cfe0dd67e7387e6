"""What one's labels did, in figures: those of the page of that name."""

from collections.abc import Sequence

from fastapi import APIRouter

from app.api.labeler import ApiLabeler
from app.api.rankings import InfluenceOut, influence_out
from app.api.schemas import Out
from app.db.models.groups import ChosenBy
from app.runtime import ReadSession, UnitRoute
from app.services.labeling.labelers import find_labeler
from app.services.views.label_effect import label_effect
from app.services.views.label_statistics import Estimate
from app.services.views.labeler_agreement import between_labelers
from app.services.views.telling_rankings import Telling

router = APIRouter(prefix="/api/v1", tags=["rankings"], route_class=UnitRoute)


class EstimateOut(Out):
    value: float
    """The estimate."""
    low: float
    """End of the 95% interval, as `high`."""
    high: float
    """The other end."""
    n: int
    """What it was counted over."""


class MeasuredOut(Out):
    version: int
    """The reward model."""
    num_rankings: int
    """That it learned from."""
    held_out_accuracy: float
    """Share of held-out pairs that it orders as people did, 0 to 1."""
    held_out_accuracy_error: float | None
    """Its standard error."""


class PlaceOut(Out):
    share: float
    """Of cards on which the answer in this place came first."""
    low: float
    """End of the 95% interval, as `high`."""
    high: float
    """The other end."""


class TellingOut(Out):
    ranking_id: int
    """Its number."""
    influence: InfluenceOut | None
    """What it did to the reward model in use; null where that is not known."""
    surprise: float | None
    """Nats a comparison: the mean loss of its comparisons by weights that had not learned from it; null where that is
    not known. Not that of `/rankings/{ranking_id}/prediction`, which is of the whole order."""


class LabelEffectOut(Out):
    models: list[MeasuredOut]
    """Reward models, the oldest first."""
    noise_ceiling: float | None
    """Share of the labels that a perfect reward model would order alike, at most; null where it is not known."""
    reliability: list[tuple[float, float, int]]
    """Of the reward model in use: stated and observed share of pairs, and how many; on pairs it did not learn from."""
    cards: int
    """The labeler's newest in force, at most 2,000: what follows is counted over them."""
    places: list[PlaceOut]
    """By place on the card, from the first shown to the last."""
    places_p: float
    """How likely so uneven places are by chance (Pearson's chi-square)."""
    longer_first: EstimateOut | None
    """How often the longer of two answers was ranked higher."""
    seconds: EstimateOut | None
    """The median of a card; null of fewer than six, which no 95% interval can be told of."""
    middle_half: tuple[float, float] | None
    """Seconds between which the middle half of the cards lies; null as `seconds` is."""
    agreement: EstimateOut | None
    """Kendall's tau-b with others' rankings of the same answers; simulated labelers apart."""
    consistency: EstimateOut | None
    """Kendall's tau-b with one's own first rankings, of cards that came again."""
    helped: list[TellingOut]
    """The labeler's rankings that helped the reward model in use most, the strongest first."""
    hurt: list[TellingOut]
    """Those that hurt it most."""
    chosen: dict[ChosenBy, int]
    """Everybody's newest 10,000 in force by how their group was chosen; those of which that is not known are left
    out."""
    surprising: list[TellingOut]
    """Those that it foresaw worst before it had learned from them: look whether one is a slip."""


class TwoLabelersOut(Out):
    labelers: tuple[str, str]
    """Their names."""
    tau: EstimateOut
    """Kendall's tau-b over the sets of answers that both ranked."""


class AgreementOut(Out):
    cards: int
    """Sets of answers that two labelers or more ranked, of the newest rankings; simulated labelers apart."""
    labelers: int
    """Who ranked any of these."""
    alpha: EstimateOut | None
    """Krippendorff's alpha of the ranks, as ordinal data; `n`: ranks that could be paired."""
    tau: EstimateOut | None
    """Kendall's tau-b, the mean over all two who ranked the same answers."""
    pairs: list[TwoLabelersOut]
    """Those first who have most in common; at most 20."""


@router.get("/label-effect")
def show(session: ReadSession, who: ApiLabeler) -> LabelEffectOut:
    """Returns what reward models learned from all rankings, and how the labeler of `X-Labeler` ranks: place and length
    bias, time per card, agreement with others and with oneself; each with its 95% interval."""
    effect = label_effect(session, find_labeler(session, who.name))
    own, metrics = effect.own, {} if effect.reward is None else effect.reward.metrics
    return LabelEffectOut(
        models=[
            MeasuredOut(
                version=each.id,
                num_rankings=int(each.metrics["num_rankings"]),
                held_out_accuracy=each.metrics["held_out_accuracy"],
                held_out_accuracy_error=each.metrics.get("held_out_accuracy_error"),
            )
            for each in effect.models
        ],
        noise_ceiling=effect.noise.ceiling,
        reliability=metrics.get("reliability") or [],
        cards=own.cards,
        places=[PlaceOut(share=each.share, low=each.interval.low, high=each.interval.high) for each in own.places],
        places_p=own.evenness,
        longer_first=_estimate(own.longer_first),
        seconds=_estimate(own.seconds),
        middle_half=None if own.middle_half is None else (own.middle_half.low, own.middle_half.high),
        agreement=_estimate(own.agreement),
        consistency=_estimate(own.consistency),
        helped=_telling(effect.telling.helped),
        hurt=_telling(effect.telling.hurt),
        surprising=_telling(effect.telling.surprising),
        chosen=effect.chosen,
    )


@router.get("/labeler-agreement")
def show_agreement(session: ReadSession) -> AgreementOut:
    """Returns how far labelers agree who ranked the same answers, each figure with its 95% interval."""
    found = between_labelers(session)
    return AgreementOut(
        cards=found.cards,
        labelers=found.labelers,
        alpha=_estimate(found.alpha),
        tau=_estimate(found.tau),
        pairs=[
            TwoLabelersOut(labelers=(each.one, each.other), tau=tau)
            for each in found.pairs
            if (tau := _estimate(each.tau)) is not None
        ],
    )


def _estimate(estimate: Estimate | None) -> EstimateOut | None:
    if estimate is None:
        return None
    return EstimateOut(value=estimate.value, low=estimate.interval.low, high=estimate.interval.high, n=estimate.n)


def _telling(rankings: Sequence[Telling]) -> list[TellingOut]:
    return [
        TellingOut(ranking_id=each.ranking.id, influence=influence_out(each.influence), surprise=each.surprise)
        for each in rankings
    ]
