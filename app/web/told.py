"""What the label page says of the card before: what was saved, in letters for the eye and in words for who listens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from app.translation import _, ngettext

LETTERS = "ABCDEFGHIJKLMNOP"
"""Of a card's four answers and a person's own; rankings of files have up to sixteen."""


@dataclass(frozen=True)
class Told:
    shown: str
    """In sight on the next card; empty where the card itself shows it."""
    spoken: str
    """For screen readers."""


def of_ranking(
    ranks: Mapping[int, int], answer_ids: Sequence[int], until_training: int, *, again: bool = False
) -> Told:
    """`ranks`: by answer; `answer_ids`: as they were shown; `until_training`: how many rankings the reward model's next
    training still waits for; `again`: whether there was one before, or one is running."""
    order = in_letters(ranks, answer_ids)
    return Told(*(_saved(said, until_training, again) for said in (order.shown, order.spoken)))


def in_letters(ranks: Mapping[int, int], answer_ids: Sequence[int]) -> Told:
    """The order alone: "B › A = D › C", and "B, then A tied with D, then C"."""
    letters = dict(zip(answer_ids, LETTERS, strict=False))
    places = [
        [letters[answer] for answer in answer_ids if ranks[answer] == rank] for rank in sorted(set(ranks.values()))
    ]
    words = reduce(_then, [reduce(_tied, place) for place in places])
    return Told(" › ".join(" = ".join(place) for place in places), words)


def of_skip() -> Told:
    return Told(_("The prompt was skipped."), _("The prompt was skipped."))


def of_undone_skip() -> Told:
    return Told("", _("Skip undone. Rank the card, or skip it again."))


def of_undone_ranking() -> Told:
    return Told("", _("Ranking undone. Change it and submit again."))


def _saved(order: str, until_training: int, again: bool) -> str:
    if until_training <= 0:
        return _("{order} was saved. That is enough for the reward model to learn from.", order=order)
    if again:
        return ngettext(
            "{order} was saved. {n} more until the reward model learns again.",
            "{order} was saved. {n} more until the reward model learns again.",
            until_training,
            order=order,
        )
    return ngettext(
        "{order} was saved. {n} more until the reward model learns.",
        "{order} was saved. {n} more until the reward model learns.",
        until_training,
        order=order,
    )


def _tied(one: str, other: str) -> str:
    return _("{one} tied with {other}", one=one, other=other)


def _then(better: str, worse: str) -> str:
    return _("{better}, then {worse}", better=better, worse=worse)
