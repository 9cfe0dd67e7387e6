"""The page of tokens: a text cut by one tokenizer, or by two side by side, and each token looked at closely."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from app.runtime import Admitted, RuntimeDep, UnitRoute
from app.services.versions.tokenizers import MAX_TEXT_CHARACTERS, TokenizerChoice, tokenizers
from app.translation import N_
from app.web.security import FormDep
from app.web.templating import PageContext, is_fragment, render
from app.web.token_cuts import FIRST_TEXT, SHOWN_BELOW, Asked, Cuts, asked_in, cut_up, tokenizer_title

router = APIRouter(route_class=UnitRoute)
EXAMPLES = (
    (N_("English and Chinese"), FIRST_TEXT),
    (N_("Rare words"), "antidisestablishmentarianism, naïve café\n饕餮大餐，魑魅魍魉"),
    (N_("Numbers"), "7 42 1984 3.14159 1,000,000"),
    (N_("Emoji"), "👍 👍🏽 👩‍👩‍👧 🇨🇳"),
    (N_("What cannot be seen"), "zero\u200bwidth, a\ttab, a\u00a0fixed space, e\u0301, \u0007bell"),
    (N_("Right to left"), "שלום עולם, مرحبا بالعالم"),
    (N_("Typed marks"), "<|user|>Who are you?<|end|>"),
)


@dataclass(frozen=True)
class Option:
    value: str
    title: str
    selected: bool


@dataclass(frozen=True, kw_only=True)
class TokensPage(PageContext):
    template: ClassVar[str] = "tokens/index.html"
    page: str | None = "tokens"
    asked: Asked
    """What the form asks for."""
    versions: list[Option]
    """Tokenizers to choose from."""
    beside: list[Option]
    """The same for the second column."""
    cuts: Cuts
    """What came of it."""
    examples: tuple[tuple[str, str], ...] = EXAMPLES
    """Texts to begin with."""
    shown_below: tuple[tuple[str, str], ...] = SHOWN_BELOW
    """What may stand below each token."""
    max_characters: int = MAX_TEXT_CHARACTERS
    """Longest text."""


@router.get("/tokens", dependencies=[Admitted])
def index(request: Request, runtime: RuntimeDep) -> Response:
    asked = asked_in(request.query_params)
    cuts = cut_up(runtime, asked)
    if is_fragment(request):
        return render(request, cuts)
    with runtime.read() as session:
        choices = tokenizers(session)
    page = TokensPage(
        asked=asked,
        versions=_options(choices, asked.version or str(cuts.readings[0].source.id if cuts.readings else "")),
        beside=_options(choices, asked.beside),
        cuts=cuts,
    )
    return render(request, page, status_code=422 if cuts.error else 200)


@router.post("/tokens", dependencies=[Admitted])
async def cut(request: Request, runtime: RuntimeDep, form: FormDep) -> Response:
    """As one types: texts that are too long for an address, too."""
    return render(request, await run_in_threadpool(cut_up, runtime, asked_in(form)))


@router.post("/tokens/token", dependencies=[Admitted])
async def token(request: Request, runtime: RuntimeDep, form: FormDep) -> Response:
    cuts = await run_in_threadpool(cut_up, runtime, asked_in(form))
    return render(request, replace(cuts.panel, error=cuts.error) if cuts.error else cuts.panel)


def _options(choices: Sequence[TokenizerChoice], wanted: str) -> list[Option]:
    return [
        Option(str(each.source.id), tokenizer_title(each.source), wanted in map(str, each.shared_by))
        for each in choices
    ]
