"""Errors for people: a page with a next step, or a notice in the alert region of the page that is open."""

from dataclasses import dataclass
from typing import ClassVar

from fastapi import Request
from starlette.responses import HTMLResponse

from app.http.problems import Problem
from app.web.pages import pages_from
from app.web.templating import Context, PageContext, is_fragment, render


@dataclass(frozen=True)
class Action:
    """A link to go on by."""

    href: str
    label: str
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
    400: "Not understood",
    401: "You are signed out",
    404: "Nothing here",
    405: "This is not a page",
    409: "Not possible now",
    413: "Too much at once",
    422: "Not accepted",
}
"""In plain words, where the status has a name of its own kind."""
SIGN_IN = Action("/sign-in", "Sign in")
NEXT_CARD = Action("/", "Next card")
NEXT_STEPS = {401: Action("/sign-in", "Sign in", "_blank"), 404: NEXT_CARD, 409: NEXT_CARD}


def render_problem(request: Request, problem: Problem) -> HTMLResponse:
    """An error as a page, or as a notice in the alert region of the page that is open."""
    title, message = TITLES.get(problem.status, problem.title), problem.page or problem.detail
    if is_fragment(request):
        actions = [NEXT_STEPS[problem.status]] if problem.status in NEXT_STEPS else []
        alert = Alert(title=title, message=message, actions=actions)
        headers = {"HX-Retarget": "#alerts", "HX-Reswap": "innerHTML"}
        return render(request, alert, status_code=problem.status, headers=headers)
    near = [Action(page.path, page.go) for page in pages_from(request.url.path)]
    actions = [SIGN_IN] if problem.status == 401 else near
    page = ErrorPage(title=title, message=message, status_code=problem.status, actions=actions)
    return render(request, page, status_code=problem.status)
