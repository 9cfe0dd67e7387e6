"""How long a card takes, over one's cards: a picture and sentences."""

from collections.abc import Sequence

from app.formats.figures import duration, number
from app.services.arena.win_rate import Interval
from app.services.views.label_effect import FEWEST_IN_PART, OwnLabels, Part
from app.services.views.label_statistics import FEWEST_FOR_MEDIAN, Estimate
from app.translation import _, ngettext
from app.web.pictures import Dot, Picture, across, up

SHORT = 10.0
"""Seconds; of less, tenths are told."""


def time_picture(parts: Sequence[Part]) -> Picture | None:
    if len(parts) < 2:
        return None
    most, slowest = parts[-1].last, max(part.seconds.interval.high for part in parts) or 1.0
    return Picture(
        _trend(parts[0].seconds, parts[-1].seconds),
        (_("Cards"), _("Half of them took less"), _("95% interval")),
        [
            Dot(
                across((part.first + part.last - 1) / 2 / most),
                up(part.seconds.value / slowest),
                4,
                (
                    _("{first} to {last}", first=part.first, last=part.last),
                    _time_of(part.seconds.value),
                    _span(part.seconds.interval),
                ),
                (up(part.seconds.interval.high / slowest), up(part.seconds.interval.low / slowest)),
            )
            for part in parts
        ],
        [(across(0.0), "1"), (across(1.0), number(most))],
        [(up(share), _time_of(share * slowest)) for share in (0.5, 1.0)],
    )


def _trend(first: Estimate, last: Estimate) -> str:
    values = {"first": _time_of(first.value), "last": _time_of(last.value)}
    if last.interval.high < first.interval.low:
        return _("You have become quicker: {first} a card at the beginning, {last} lately.", **values)
    if last.interval.low > first.interval.high:
        return _("You take longer than before: {first} a card at the beginning, {last} lately.", **values)
    return _("Your pace has not changed beyond chance: {first} a card at the beginning, {last} lately.", **values)


def time_sentence(own: OwnLabels) -> str:
    half = own.middle_half
    if own.seconds is None or half is None:
        return _too_few(own.timed)
    said = _(
        "Half of your cards took less than {time} (95% interval {interval}). A quarter took less than {low}, and a "
        "quarter more than {high}.",
        time=_time_of(own.seconds.value),
        interval=_span(own.seconds.interval),
        low=_time_of(half.low),
        high=_time_of(half.high),
    )
    if len(own.parts) > 1:
        return said
    later = _("From {n} cards on a picture shows whether you become quicker.", n=2 * FEWEST_IN_PART)
    return _("{one} {other}", one=said, other=later)


def _too_few(timed: int) -> str:
    """Empty where no time is known at all."""
    if not timed:
        return ""
    return ngettext(
        "It is known of {n} card how long it took: too few to say how long half of them take. From {enough} on it "
        "stands here.",
        "It is known of {n} cards how long they took: too few to say how long half of them take. From {enough} on it "
        "stands here.",
        timed,
        enough=number(FEWEST_FOR_MEDIAN),
    )


def _span(interval: Interval) -> str:
    return _("{low} to {high}", low=_time_of(interval.low), high=_time_of(interval.high))


def _time_of(seconds: float) -> str:
    """Of a card: short ones differ by less than a second."""
    return duration(seconds) if seconds >= SHORT else _("{n} s", n=number(seconds, 1))
