"""How far rankings of the same answers agree, in sentences and on a line from -1 to 1: with oneself, with others, and
between all labelers."""

from dataclasses import dataclass

from app.formats.figures import number, percent
from app.services.arena.win_rate import Interval
from app.services.views.label_statistics import Estimate
from app.services.views.labeler_agreement import Agreement
from app.services.views.labeler_records import MOST_COUNTED, SecondCards
from app.translation import _, ngettext, sentences

RELIABLE, TENTATIVE = 0.8, 0.667
"""Krippendorff (2004), "Content Analysis", section 11.4: what alpha must be to be relied on, and to conclude from
tentatively."""


@dataclass(frozen=True)
class TauBar:
    """A figure between -1 and 1 with its interval; places on the line from 0 to 1."""

    value: float
    interval: Interval
    said: str


@dataclass(frozen=True)
class TwoRow:
    """Two labelers who ranked the same cards."""

    names: tuple[str, str]
    cards: str
    said: str
    """Their tau-b with its interval."""


@dataclass(frozen=True)
class Between:
    """All labelers, simulated ones apart."""

    sentence: str
    bar: TauBar | None
    """Of alpha."""
    rows: list[TwoRow]


def tau_bar(estimate: Estimate | None) -> TauBar | None:
    if estimate is None:
        return None
    low, high = estimate.interval.low, estimate.interval.high
    return TauBar((1 + estimate.value) / 2, Interval((1 + low) / 2, (1 + high) / 2), said(estimate))


def said(estimate: Estimate) -> str:
    return _(
        "{value} (95% interval {low} to {high})",
        value=number(estimate.value),
        low=number(estimate.interval.low),
        high=number(estimate.interval.high),
    )


def consistency_sentence(own: Estimate | None) -> str:
    if own is None:
        return _(
            "No card has come to you a second time yet. Where some do, in another order and without a word of it, it "
            "stands here how far you agree with yourself."
        )
    counted = ngettext(
        "{n} card came to you a second time, in another order. Kendall's τ_b of your two orders is {tau}: 1 is the "
        "same order, 0 what chance would give. What it lacks to 1 is chance in your own orders.",
        "{n} cards came to you a second time, in another order. Kendall's τ_b of your two orders is {tau} on average: "
        "1 is the same order, 0 what chance would give. What it lacks to 1 is chance in your own orders.",
        own.n,
        tau=said(own),
    )
    return _("{one} {other}", one=counted, other=_more_than_chance(own))


def agreement_sentence(agreement: Estimate | None) -> str:
    if agreement is None:
        return _(
            "Nobody else has ranked the same answers yet, so there is nothing to compare. Others do where some cards "
            "go to a second person (a setting of the label page), in files that are imported, or where a model wrote "
            "the same answers twice."
        )
    counted = ngettext(
        "In {n} comparison with another person's ranking of the same answers Kendall's τ_b is {tau} (95% interval "
        "{low} to {high}): 1 is the same order, 0 what chance would give, −1 the order turned round.",
        "In {n} comparisons with others' rankings of the same answers Kendall's τ_b is {tau} on average (95% interval "
        "{low} to {high}): 1 is the same order, 0 what chance would give, −1 the order turned round.",
        agreement.n,
        tau=number(agreement.value),
        low=number(agreement.interval.low),
        high=number(agreement.interval.high),
    )
    return _("{one} {other}", one=counted, other=_more_than_chance(agreement))


def _more_than_chance(tau: Estimate) -> str:
    if tau.interval.low > 0:
        return _("That is more than chance gives.")
    if tau.interval.high < 0:
        return _("That is less than chance gives: the orders are turned round more often than not.")
    return _("The interval holds 0, so that may be chance: more such cards will tell.")


def between_of(agreement: Agreement) -> Between:
    rows = [TwoRow((each.one, each.other), number(each.tau.n), said(each.tau)) for each in agreement.pairs]
    return Between(_between_sentence(agreement), tau_bar(agreement.alpha), rows)


def _between_sentence(agreement: Agreement) -> str:
    if agreement.alpha is None:
        return _(
            "No two people have ranked the same answers differently enough to compare them. Rankings of the same "
            "answers come where some cards go to a second person (a setting of the label page), from files, and where "
            "a model wrote the same answers twice."
        )
    counted = ngettext(
        "{labelers} labelers ranked {n} set of answers that others ranked, too. Krippendorff's α of their ranks is "
        "{alpha}: 1 is full agreement, 0 what chance would give.",
        "{labelers} labelers ranked {n} sets of answers that others ranked, too. Krippendorff's α of their ranks is "
        "{alpha}: 1 is full agreement, 0 what chance would give.",
        agreement.cards,
        labelers=number(agreement.labelers),
        alpha=said(agreement.alpha),
    )
    return sentences(counted, _judged(agreement.alpha))


def _judged(alpha: Estimate) -> str:
    """By the end of the interval that is known to be reached."""
    if alpha.interval.low >= RELIABLE:
        return _("By Krippendorff's own rule that is reliable: they mean the same by better.")
    if alpha.interval.high < TENTATIVE:
        return _(
            "By Krippendorff's own rule that is too little to rely on: they mean different things by better, or the "
            "answers hardly differ. Clearer guidelines may help."
        )
    if alpha.interval.low >= TENTATIVE:
        return _("By Krippendorff's own rule that allows tentative conclusions.")
    return _(
        "By Krippendorff's own rule {tentative} allows tentative conclusions and {reliable} is reliable; the interval "
        "leaves open which it is. More cards that several people rank will tell.",
        tentative=number(TENTATIVE),
        reliable=number(RELIABLE),
    )


def second_sentence(second: SecondCards) -> str:
    """How many cards two people ranked; what to do where there are none."""
    if second.ranked >= MOST_COUNTED:
        return _("{n} cards and more were ranked by a second person, too.", n=number(second.ranked))
    if second.ranked:
        return ngettext(
            "{n} card was ranked by a second person, too.",
            "{n} cards were ranked by a second person, too.",
            second.ranked,
            n=number(second.ranked),
        )
    if second.people < 2:
        return _(
            "How far people agree can be told once a second one ranks here, under a name of their own, and some cards "
            "go to both."
        )
    if not second.share:
        return _(
            "No card goes to a second person, so nothing here tells how far people agree. Say in the settings of the "
            "label page how many do: five of a hundred is a good start."
        )
    return _(
        "No card has been ranked by a second person yet. {share} of the cards go to one, among those that somebody "
        "else ranked lately: the first ones come as soon as two people rank on.",
        share=percent(second.share),
    )
