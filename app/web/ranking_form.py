"""A ranking as a form sends it: `rank-ID` for each of the four answers and, for an answer of one's own, `own_answer`
and `rank-own`."""

from dataclasses import replace

from starlette.datastructures import FormData

from app.db.models.groups import ANSWERS_PER_GROUP
from app.errors import InvalidError
from app.formats.texts import shows_anything
from app.preferences import competition_ranks
from app.services.labeling.own_answers import OwnAnswer, RanksWithOwn
from app.translation import _, ngettext

RANK_FIELD = "rank-"
OWN_FIELD, OWN_RANK = "own_answer", "rank-own"


def parse_ranks(form: FormData) -> dict[int, int]:
    """Rank by answer, as given. Raises InvalidError where one is no number."""
    ranks: dict[int, int] = {}
    for field, value in form.items():
        if field.startswith(RANK_FIELD) and field != OWN_RANK:
            answer_id, rank = whole_number(field.removeprefix(RANK_FIELD)), whole_number(value)
            if answer_id is None or rank is None:
                raise InvalidError(_("A rank is a whole number from 1 (best) to 4. Reload the page and rank again."))
            ranks[answer_id] = rank
    return ranks


def ranks_so_far(form: FormData) -> dict[int, int]:
    """Those that can be read, of a form that was refused."""
    fields = ((whole_number(field.removeprefix(RANK_FIELD)), whole_number(value)) for field, value in form.items())
    return {answer_id: rank for answer_id, rank in fields if answer_id is not None and rank is not None}


def parse_own(form: FormData) -> OwnAnswer | None:
    """None where neither its text nor its rank was given. Raises InvalidError where one is missing."""
    text, rank = str(form.get(OWN_FIELD, "")), whole_number(form.get(OWN_RANK))
    if rank is None and not shows_anything(text):
        return None
    return OwnAnswer(text, rank or 0)


def normalized(ranks: dict[int, int], own: OwnAnswer | None) -> RanksWithOwn:
    """A gap (2, 3, 4, 4 by the buttons) is no doubt about the order; a missing answer is."""
    missing = ANSWERS_PER_GROUP - len(ranks)
    if missing > 0:
        raise InvalidError(
            ngettext(
                "One answer has no rank yet. Give each answer a rank (equal ranks are a tie), then submit again.",
                "{n} answers have no rank yet. Give each answer a rank (equal ranks are a tie), then submit again.",
                missing,
            )
        )
    if own is not None and own.rank == 0:
        raise InvalidError(_("Your own answer has no rank yet. Give it one, or empty its box."))
    given = [*ranks.values(), *([] if own is None else [own.rank])]
    if not all(1 <= rank <= len(given) for rank in given):
        refusal = _("Ranks go from 1 (best) to {most}. Choose one for each answer, then submit again.", most=len(given))
        raise InvalidError(refusal)
    dense = competition_ranks(given)
    own = None if own is None else replace(own, rank=dense[-1])
    return RanksWithOwn(dict(zip(ranks, dense, strict=False)), own)


def whole_number(value: object) -> int | None:
    """None where it is none, or one that nothing here has."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
