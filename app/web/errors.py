"""Errors for people: a page with a next step, or a notice in the alert region of the page that is open."""

from dataclasses import dataclass
from typing import ClassVar

from fastapi import Request
from starlette.responses import HTMLResponse

from app.http.problems import Problem
from app.translation import N_, _, speaking
from app.web.page_language import COOKIE, language_of
from app.web.pages import pages_from
from app.web.retelling import retold
from app.web.templating import Context, PageContext, is_fragment, render


@dataclass(frozen=True)
class Action:
    """A link to go on by."""

    href: str
    label: str
    """Untranslated."""
    target: str | None = None
    """ "_blank": in another tab."""


@dataclass(frozen=True, kw_only=True)
class ErrorPage(PageContext):
    template: ClassVar[str] = "errors/index.html"
    title: str
    """What went wrong, in a few words."""
    message: str
    """The same in a sentence or two, with the next step."""
    status_code: int
    """Of HTTP."""
    actions: list[Action]
    """Where to go on, the likeliest first."""


@dataclass(frozen=True, kw_only=True)
class Alert(Context):
    """A notice in the alert region."""

    template: ClassVar[str] = "components/alert.html"
    title: str
    """What went wrong, in a few words."""
    message: str
    """The same in a sentence or two, with the next step."""
    actions: list[Action]
    """Where to go on."""


TITLES = {
    400: N_("Not understood"),
    401: N_("You are signed out"),
    404: N_("Nothing here"),
    405: N_("This is not a page"),
    409: N_("Not possible now"),
    413: N_("Too much at once"),
    422: N_("Not accepted"),
}
"""In plain words, where the status has a name of its own kind."""
TITLES_OF_ERRORS = frozenset(
    {N_("Bad request"), N_("Not found"), N_("Conflict"), N_("Gone"), N_("Invalid input"), N_("Not available now")}
)
"""Those of app/errors.py, which knows no languages."""
SIGN_IN = Action("/sign-in", N_("Sign in"))
NEXT_CARD = Action("/", N_("Next card"))
NEXT_PAIR = N_("Next pair")
OWN_PROMPT = "/prompts"
"""Where the label page sends a prompt of one's own; what the page of the same address sends is below it."""


def render_problem(request: Request, problem: Problem) -> HTMLResponse:
    """An error as a page, or as a notice in the alert region of the page that is open."""
    with speaking(
        language_of(request.cookies.get(COOKIE), request.headers)
    ):  # a bug is told outside of the middleware that says which
        return _render_problem(request, problem)


def _next_step(request: Request, status: int) -> Action | None:
    """From a notice in the page that is open: a card is the next step where cards are ranked, and nowhere else."""
    if status == 401:
        return Action("/sign-in", N_("Sign in"), "_blank")
    if status not in (404, 409):
        return None
    path, query = request.url.path, request.url.query
    near = pages_from(path)[0].path
    if near == "/arena":  # the next one of the same two versions
        return Action(f"{near}?{query}" if query else near, NEXT_PAIR)
    return NEXT_CARD if near == "/" or path == OWN_PROMPT else None


def _render_problem(request: Request, problem: Problem) -> HTMLResponse:
    title, message = _(TITLES.get(problem.status, problem.title)), retold(problem.page or problem.detail)
    if is_fragment(request):
        step = _next_step(request, problem.status)
        alert = Alert(title=title, message=message, actions=[] if step is None else [step])
        headers = {"HX-Retarget": "#alerts", "HX-Reswap": "innerHTML", "HX-Reselect": ".notice"}
        return render(request, alert, status_code=problem.status, headers=headers)
    near = [Action(page.path, page.go) for page in pages_from(request.url.path)]
    actions = [SIGN_IN] if problem.status == 401 else near
    page = ErrorPage(title=title, message=message, status_code=problem.status, actions=actions)
    return render(request, page, status_code=problem.status)
