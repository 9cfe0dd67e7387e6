"""Errors for people: a page with a next step, or a notice in the alert region of the page that is open."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from fastapi import Request
from starlette.responses import HTMLResponse

from app.errors import About, Record
from app.http.problems import Problem
from app.translation import N_, _, speaking
from app.web.page_language import COOKIE, language_of
from app.web.pages import PAGES, pages_from
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
    values: Mapping[str, Any] = field(default_factory=dict)
    """Of the label."""


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


WAYS = {
    Record.VERSION: ("/versions/{id}", N_("Look at version {id}")),
    Record.RANKING: ("/data/rankings/{id}", N_("Look at ranking {id}")),
    Record.PROMPT: ("/data/prompts/{id}", N_("Look at prompt {id}")),
    Record.VOTE: ("/data/votes/{id}", N_("Look at vote {id}")),
    Record.JOB: ("/train/runs/{id}", N_("Look at that job")),
}
"""The page of each record, and the link's words."""
OUT_OF_DATE = "out-of-date"
"""The event that a refusal brings to the page that is open: pieces of it that may be old are asked for anew."""
OLD = (404, 409, 410)
"""Refusals by which a page knows that it is."""


def way_of(about: About) -> Action:
    if about.record is Record.PAGE:
        [page] = [each for each in PAGES if each.name == about.id]
        return Action(page.path, page.go)
    path, label = WAYS[about.record]
    return Action(path.format(id=about.id), label, values={"id": about.id})


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
    ahead = [] if problem.about is None else [way_of(problem.about)]
    if is_fragment(request):
        step = _next_step(request, problem.status)
        alert = Alert(title=title, message=message, actions=ahead if step is None else [*ahead, step])
        headers = {"HX-Retarget": "#alerts", "HX-Reswap": "innerHTML", "HX-Reselect": ".notice"}
        headers |= {"HX-Trigger": OUT_OF_DATE} if problem.status in OLD else {}
        return render(request, alert, status_code=problem.status, headers=headers)
    near = [Action(page.path, page.go) for page in pages_from(request.url.path)]
    actions = [SIGN_IN] if problem.status == 401 else [*ahead, *(each for each in near if each not in ahead)]
    page = ErrorPage(title=title, message=message, status_code=problem.status, actions=actions)
    return render(request, page, status_code=problem.status)
