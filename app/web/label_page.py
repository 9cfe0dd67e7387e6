"""The label page around its card: where the loop stands, the form for an own prompt, the languages."""

from dataclasses import dataclass
from typing import ClassVar

from fastapi import Request
from markupsafe import Markup
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.db.base import utc_now
from app.db.models.versions import Version
from app.formats.markdown import to_html
from app.runtime import Runtime
from app.services.labeling import guidelines, labelers
from app.services.labeling.labelers import Change
from app.services.labeling.languages import AtHand, prompts_at_hand
from app.services.views.loop_status import loop_status
from app.translation import N_, _
from app.web.cards import AnyCard
from app.web.languages import LanguageForm, asked_of, language_form
from app.web.loop import Loop, loop_in_words
from app.web.security import kept_cookie
from app.web.templating import Context, PageContext, is_fragment, render

CHANGED = {
    Change.RENAMED: N_("You now rank as {name}."),
    Change.JOINED: N_(
        "You continue as {name}. That name is already in use: its cards and rankings are yours here, too."
    ),
}

LOOP_COOKIE, UNDERSTOOD = "fourfold_loop", "understood"
"""Whether somebody at this browser has understood the picture of the loop."""


@dataclass(frozen=True, kw_only=True)
class Strip(Context):
    template: ClassVar[str] = "label/_strip.html"
    loop_now: Loop
    """Where the loop stands."""
    candidate: Version | None
    """What waits for a decision."""
    understood: bool
    """Somebody said so in this browser: the picture is folded."""


@dataclass(frozen=True, kw_only=True)
class PromptForm(Context):
    """The form for a prompt of one's own."""

    template: ClassVar[str] = "label/_ask.html"
    max_prompt_characters: int
    """Longest prompt."""
    text: str = ""
    """What was typed."""
    error: str | None = None
    """Why it was refused."""


@dataclass(frozen=True, kw_only=True)
class Guidelines(Context):
    """For the labelers, from Markdown; stands on the page, so that it stays open from card to card."""

    template: ClassVar[str] = "label/_guidelines.html"
    html: Markup
    """Safe (app/formats/markdown.py)."""


@dataclass(frozen=True, kw_only=True)
class LabelPage(PageContext):
    template: ClassVar[str] = "label/index.html"
    page: str | None = "label"
    changed_name: str
    """What a change of the labeler's name means; empty without one."""
    strip: Strip
    """Where the loop stands."""
    prompt_form: PromptForm
    """For a prompt of one's own."""
    card: AnyCard
    """What is ranked now."""
    language_form: LanguageForm
    """Which languages prompts come in."""
    guidelines: Guidelines
    """What whoever runs the installation tells the labelers, to be opened beside the card."""


def guidelines_of(session: Session) -> Guidelines:
    return Guidelines(html=to_html(guidelines.shown(session)))


def strip_of(request: Request, runtime: Runtime, session: Session) -> Strip:
    status = loop_status(session, runtime.settings, utc_now(), runtime.left_out.of)
    loop_now = loop_in_words(status)
    return Strip(
        loop_now=loop_now, candidate=status.candidate, understood=request.cookies.get(LOOP_COOKIE) == UNDERSTOOD
    )


def understood_cookie() -> str:
    return kept_cookie(LOOP_COOKIE, UNDERSTOOD)


def show(
    request: Request,
    runtime: Runtime,
    session: Session,
    card: AnyCard,
    *,
    prompt_form: PromptForm | None = None,
    at_hand: AtHand | None = None,
    status_code: int = 200,
) -> Response:
    """The card alone for htmx, else the page around it. `at_hand`: the languages, where they were read already."""
    if is_fragment(request):
        return render(request, card, status_code=status_code)
    labeler = labelers.find_labeler(session, request.state.labeler_name)
    whole = LabelPage(
        changed_name=_changed_name(request),
        strip=strip_of(request, runtime, session),
        prompt_form=prompt_form or PromptForm(max_prompt_characters=runtime.settings.max_prompt_characters),
        card=card,
        language_form=language_form(at_hand or prompts_at_hand(session), asked_of(request, labeler)),
        guidelines=guidelines_of(session),
    )
    return render(request, whole, status_code=status_code)


def _changed_name(request: Request) -> str:
    change = request.query_params.get("changed")
    return _(CHANGED[Change(change)], name=request.state.labeler_name) if change in set(Change) else ""
