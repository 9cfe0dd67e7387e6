"""The page of what one's labels did: how good reward models became with them, how true their word is, and what one's
own rankings tell of oneself, in pictures with a sentence each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.db.models.versions import Version
from app.formats.figures import number, percent
from app.runtime import ReadSession, UnitRoute
from app.services.arena.win_rate import Interval
from app.services.labeling.labelers import find_labeler
from app.services.views.label_effect import LabelEffect, OwnLabels, label_effect
from app.services.views.label_statistics import Estimate
from app.services.views.labeler_agreement import Agreement, between_labelers
from app.translation import N_, _, ngettext
from app.web.browser_name import labeler_name
from app.web.card_times import time_picture, time_sentence
from app.web.labeler_agreement import Between, TauBar, agreement_sentence, between_of, consistency_sentence, tau_bar
from app.web.pictures import LEFT, RIGHT, Dot, Picture, across, up
from app.web.reward_report import GUESSING, calibration, noise_sentence
from app.web.shares import Share
from app.web.telling_rows import TellingRows, chosen_sentence, telling_rows
from app.web.templating import PageContext, render
from app.web.told import LETTERS

router = APIRouter(route_class=UnitRoute)
PATH = "/train/labels"
ENOUGH_CARDS = 20
"""Fewer tell nothing of places and lengths."""
CHANCE = 0.05
"""A p-value from which on something is more than chance."""
MOST_TIMES = 1_000
"""Nobody needs to know more exactly how rare something is."""
HIGHEST = 0.5
"""Share at the top of the picture of places, unless an interval reaches higher."""


WORSE = N_(
    "It became worse: {first} with {first_count} rankings, {last} with {count}. Newer rankings that agree less with "
    "the others would do that: how far labelers agree stands below."
)
LONGER = N_("You prefer longer answers. That may well be your taste; the reward model learns it in either case.")
SHORTER = N_("You prefer shorter answers. That may well be your taste; the reward model learns it in either case.")
EITHER = N_("Nothing says that length sways you: the interval holds a half.")
LONGER_SO_FAR = N_("So far you put the longer one first more often than chance would.")
SHORTER_SO_FAR = N_("So far you put the shorter one first more often than chance would.")
EITHER_SO_FAR = N_("So far chance alone could give that: the interval holds a half.")


@dataclass(frozen=True)
class Bar:
    """A share on a line from 0 to 100%."""

    value: float
    interval: Interval
    said: str
    """The share with its interval, in words."""


@dataclass(frozen=True, kw_only=True)
class LabelEffectPage(PageContext):
    template: ClassVar[str] = "train/labels.html"
    page: str | None = "train"
    cards: int
    """One's own in force, of the newest."""
    accuracy: Picture | None
    """Of the reward models, over the number of rankings; none before one was measured."""
    noise: str
    """How far the labels' own noise lets it rise; empty where no reward model is in use."""
    calibration: Picture | None
    """Of the reward model in use."""
    places: Picture | None
    """How often which place on the card came first."""
    length: Bar | None
    """How often the longer of two answers came first."""
    length_sentence: str
    """What that means."""
    time: Picture | None
    """Of a card, over one's cards."""
    time_sentence: str
    """The median of a card, or how many it takes to tell; empty where no time is known."""
    agreement: str
    """With others' rankings of the same answers, in a sentence."""
    agreement_bar: TauBar | None
    """The same as a picture."""
    consistency: str
    """With oneself, where cards came again, in a sentence."""
    consistency_bar: TauBar | None
    """The same as a picture."""
    between: Between
    """How far all labelers agree."""
    learned: list[int]
    """The newest of one's rankings that the reward model in use learned from."""
    telling: list[TellingRows]
    """Those of one's rankings that say most; empty where nothing is known of any."""
    chosen: str
    """How many rankings are of groups that were chosen, and what can be said of what that saved; empty where none."""


@router.get(PATH)
def show(request: Request, session: ReadSession) -> Response:
    name = labeler_name(request)
    effect = label_effect(session, None if name is None else find_labeler(session, name))
    return render(request, label_effect_page(effect, between_labelers(session)))


def label_effect_page(effect: LabelEffect, agreement: Agreement) -> LabelEffectPage:
    own, reward = effect.own, effect.reward
    metrics = {} if reward is None else reward.metrics
    return LabelEffectPage(
        cards=own.cards,
        accuracy=_accuracy(effect.models, effect.noise.ceiling),
        noise="" if reward is None else noise_sentence(effect.noise),
        calibration=calibration(metrics.get("reliability") or [], metrics.get("ece")),
        places=_places(own),
        length=_length(own.longer_first),
        length_sentence=_length_sentence(own),
        time=time_picture(own.parts),
        time_sentence=time_sentence(own),
        agreement=agreement_sentence(own.agreement),
        agreement_bar=tau_bar(own.agreement),
        consistency=consistency_sentence(own.consistency),
        consistency_bar=tau_bar(own.consistency),
        between=between_of(agreement),
        learned=effect.learned,
        telling=telling_rows(effect.telling),
        chosen=chosen_sentence(effect.chosen),
    )


def _accuracy(models: Sequence[Version], ceiling: float | None) -> Picture | None:
    if not models:
        return None
    measured = [
        (int(each.metrics["num_rankings"]), Share(each.metrics["held_out_accuracy"], _error(each))) for each in models
    ]
    most, low = max(count for count, _share in measured), min(GUESSING, *(share.low for _count, share in measured))

    def height(share: float) -> float:
        return up((share - low) / (1 - low))

    ends = sorted({0, most // 2, most})
    return Picture(
        _accuracy_sentence(measured),
        (_("Rankings"), _("Unseen pairs right")),
        [
            Dot(across(n / most), height(s.rate), 4, (number(n), s.brief), (height(s.high), height(s.low)))
            for n, s in sorted(measured, key=lambda each: each[0])
        ],
        [(across(n / most), number(n)) for n in ends],
        [(height(share), percent(share)) for share in (low, (1 + low) / 2, 1.0)],
        None if ceiling is None else (LEFT, height(ceiling), RIGHT, height(ceiling)),
    )


def _error(version: Version) -> float | None:
    error = version.metrics.get("held_out_accuracy_error")
    return None if error is None else float(error)


def _accuracy_sentence(measured: Sequence[tuple[int, Share]]) -> str:
    """`measured`: in the order of training."""
    (first_count, first), (count, last) = measured[0], measured[-1]
    if len(measured) == 1 or first_count == count:
        return _("With {n} rankings {share} of unseen pairs are right.", n=number(count), share=last.brief)
    values = {"first": first.brief, "first_count": number(first_count), "last": last.brief, "count": number(count)}
    if last.low > first.high:
        return _("More rankings made it better: {first} with {first_count}, {last} with {count}.", **values)
    if last.high < first.low:
        return _(WORSE, **values)
    return _("No difference beyond chance yet: {first} with {first_count} rankings, {last} with {count}.", **values)


def _places(own: OwnLabels) -> Picture | None:
    if not own.places:
        return None
    top, count = max(HIGHEST, *(place.interval.high for place in own.places)), len(own.places)

    def middle(at: int) -> float:
        return across((at + 0.5) / count)

    even = up(1 / count / top)
    return Picture(
        _places_sentence(own),
        (_("Place"), _("Came first"), _("95% interval")),
        [
            Dot(
                middle(at),
                up(place.share / top),
                4,
                (LETTERS[at], percent(place.share), _interval(place.interval)),
                (up(place.interval.high / top), up(place.interval.low / top)),
            )
            for at, place in enumerate(own.places)
        ],
        [(middle(at), LETTERS[at]) for at in range(count)],
        [(up(share), percent(share * top)) for share in (0.0, 0.5, 1.0)],
        (LEFT, even, RIGHT, even),
    )


def _places_sentence(own: OwnLabels) -> str:
    if own.cards < ENOUGH_CARDS:
        uneven = own.evenness < CHANCE
        said = (
            N_("So far the places are more uneven than chance mostly gives.")
            if uneven
            else N_("So far chance alone could make the places so uneven.")
        )
        return _so_far(own.cards, _(said))
    best = max(range(len(own.places)), key=lambda at: own.places[at].share)
    if own.evenness < CHANCE:
        return _(
            "Answer {letter} came first on {share} of your cards. The answers lie in a random order, and places so "
            "uneven come by chance at most once in {times} times: look whether you read all four as closely.",
            letter=LETTERS[best],
            share=percent(own.places[best].share),
            times=number(min(MOST_TIMES, int(1 / max(own.evenness, 1 / MOST_TIMES)))),
        )
    return _(
        "Answer {letter} came first most often, on {share} of your cards. Places so uneven come by chance more than "
        "once in {times} times, so nothing says that the place sways you.",
        letter=LETTERS[best],
        share=percent(own.places[best].share),
        times=number(round(1 / CHANCE)),
    )


def _length(longer: Estimate | None) -> Bar | None:
    if longer is None:
        return None
    said = _(
        "The longer of two answers came first in {share} (95% interval {low} to {high})",
        share=percent(longer.value),
        low=percent(longer.interval.low),
        high=percent(longer.interval.high),
    )
    return Bar(longer.value, longer.interval, said)


def _length_sentence(own: OwnLabels) -> str:
    longer = own.longer_first
    if longer is None:
        return ""
    few = own.cards < ENOUGH_CARDS
    if longer.interval.low > GUESSING:
        said = LONGER_SO_FAR if few else LONGER
    elif longer.interval.high < GUESSING:
        said = SHORTER_SO_FAR if few else SHORTER
    else:
        said = EITHER_SO_FAR if few else EITHER
    return _so_far(own.cards, _(said)) if few else _(said)


def _so_far(cards: int, said: str) -> str:
    """Of few cards: what they show, which must agree with the range that is drawn, and when it is judged."""
    when = ngettext(
        "That is of {n} card; from {enough} on it is said whether it is a habit.",
        "That is of {n} cards; from {enough} on it is said whether it is a habit.",
        cards,
        enough=ENOUGH_CARDS,
    )
    return _("{one} {other}", one=said, other=when)


def _interval(interval: Interval) -> str:
    return _("{low} to {high}", low=percent(interval.low), high=percent(interval.high))
