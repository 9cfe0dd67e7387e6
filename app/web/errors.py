"""Errors for people: a page with a next step, or a notice in the alert region of the page that is open."""

from fastapi import Request
from starlette.responses import HTMLResponse

from app.problems import Problem
from app.web.templating import is_fragment, render

PLACES = (("/", "Go to labeling"), ("/prompts", "Go to the prompts"), ("/train", "Go to training"))
OF_TRAINING = ("/train", "/versions", "/jobs")
TITLES = {
    400: "Not understood",
    404: "Nothing is here",
    405: "This is no page",
    409: "That is not possible now",
    413: "That is too much at once",
    422: "That was not accepted",
}
"""In plain words, where the status has a name of its own kind."""


def render_problem(request: Request, problem: Problem) -> HTMLResponse:
    """An error as a page, or as a notice in the alert region of the page that is open."""
    context = {
        "title": TITLES.get(problem.status, problem.title),
        "message": problem.page or problem.detail,
        "status_code": problem.status,
        "kind": "error",
    }
    if is_fragment(request):
        next_card = [{"href": "/", "label": "Next card"}] if problem.status in {404, 409} else []
        return render(
            request,
            "components/alert.html",
            {**context, "actions": next_card},
            status_code=problem.status,
            headers={"HX-Retarget": "#alerts", "HX-Reswap": "innerHTML"},
        )
    actions = [{"href": href, "label": label} for href, label in places_from(request.url.path)]
    return render(request, "errors/index.html", {**context, "actions": actions}, status_code=problem.status)


def places_from(path: str) -> list[tuple[str, str]]:
    """Where to go from an address that leads nowhere: the nearest page first."""
    near = "/train" if path.startswith(OF_TRAINING) else "/prompts" if path.startswith("/prompts") else "/"
    return sorted(PLACES, key=lambda place: place[0] != near)
