"""The arena's page around its pair: which two are compared, what the votes say, and the forms."""

from dataclasses import dataclass
from typing import ClassVar

from fastapi import Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.db.models.arena import Pair
from app.errors import AppError
from app.runtime import Runtime
from app.services.arena.matches import Match, match_of, may_compare
from app.services.arena.pair_sampling import MatchIds
from app.translation import _
from app.web.arena_address import DRAWN_SOURCES, Address
from app.web.arena_result import SOURCES, Result, result
from app.web.arena_views import AnyPair, named_with_state
from app.web.formatting import version_title
from app.web.templating import Context, PageContext, is_fragment, render


@dataclass(frozen=True)
class Choice:
    """Of a list."""

    value: str
    title: str
    chosen: bool


@dataclass(frozen=True, kw_only=True)
class OwnForm(Context):
    """The form for a prompt of one's own."""

    template: ClassVar[str] = "arena/_own.html"
    here: Address
    """What is compared."""
    max_prompt_characters: int
    """Longest prompt."""
    text: str = ""
    """What was typed."""
    error: str | None = None
    """Why it was refused."""


@dataclass(frozen=True, kw_only=True)
class ArenaPage(PageContext):
    template: ClassVar[str] = "arena/index.html"
    page: str | None = "arena"
    compared: str
    """Which two are compared, in a sentence; empty where there are none."""
    card: AnyPair
    """What is judged now."""
    result: Result | None
    """What the votes say; none where nothing can be compared."""
    own_form: OwnForm | None
    """For a prompt of one's own; none where nothing can be compared."""
    versions: list[Choice]
    """Those that may be compared."""
    against: list[Choice]
    """The same, for the other side."""
    sources: list[Choice]
    """Where prompts come from."""


def show(
    request: Request,
    runtime: Runtime,
    session: Session,
    card: AnyPair,
    address: Address,
    match: Match | None,
    *,
    own_form: OwnForm | None = None,
    status_code: int = 200,
) -> Response:
    """The pair alone for htmx, else the page around it."""
    if is_fragment(request):
        return render(request, card, status_code=status_code)
    there, most = may_compare(session), runtime.settings.max_prompt_characters
    page = ArenaPage(
        compared="" if match is None else _compared(session, match),
        card=card,
        result=None if match is None else result(session, match, address),
        own_form=None if match is None else own_form or OwnForm(here=address, max_prompt_characters=most),
        versions=[Choice(str(e.id), version_title(e), match is not None and e.id == match.version.id) for e in there],
        against=[Choice(str(e.id), version_title(e), match is not None and e.id == match.against.id) for e in there],
        sources=[Choice(each.value, _(SOURCES[each]), each is address.source) for each in DRAWN_SOURCES],
    )
    return render(request, page, status_code=status_code)


def match_of_pair(session: Session, pair: Pair, ids: MatchIds) -> Match | None:
    """The two that wrote one's own pair; None where one of them answers no more. What `ids` leave open means other
    versions than these as soon as another one is active."""
    both = [each for each in (pair.version_a_id, pair.version_b_id) if each is not None]
    by_age = MatchIds(max(both), min(both))  # never by sides: nothing may tell who wrote which
    for named in (ids, by_age):
        try:
            match = match_of(session, named.version_id, named.against_id)
        except AppError:
            continue
        if sorted(match.ids) == sorted(both):
            return match
    return None


def _compared(session: Session, match: Match) -> str:
    return _(
        "{version} against {against}. Which of them is A and which is B is drawn by lot for each pair; your vote shows "
        "it.",
        version=named_with_state(session, match.version),
        against=named_with_state(session, match.against),
    )
