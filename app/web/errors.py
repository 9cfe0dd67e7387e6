"""Errors for people: a page with a next step, or a notice in the alert region of the page that is open."""

from fastapi import Request
from starlette.responses import HTMLResponse

from app.http.problems import Problem
from app.web.templating import is_fragment, render

PLACES = (("/", "Go to labeling"), ("/prompts", "Go to the prompts"), ("/train", "Go to training"))
OF_TRAINING = ("/train", "/versions", "/jobs")
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
NEXT_CARD = {"href": "/", "label": "Next card"}
NEXT_STEPS = {401: {"href": "/sign-in", "label": "Sign in", "target": "_blank"}, 404: NEXT_CARD, 409: NEXT_CARD}


def render_problem(request: Request, problem: Problem) -> HTMLResponse:
    """An error as a page, or as a notice in the alert region of the page that is open."""
    context = {
        "title": TITLES.get(problem.status, problem.title),
        "message": problem.page or problem.detail,
        "status_code": problem.status,
        "kind": "error",
    }
    if is_fragment(request):
        return render(
            request,
            "components/alert.html",
            {**context, "actions": [NEXT_STEPS[problem.status]] if problem.status in NEXT_STEPS else []},
            status_code=problem.status,
            headers={"HX-Retarget": "#alerts", "HX-Reswap": "innerHTML"},
        )
    places = [("/sign-in", "Sign in")] if problem.status == 401 else places_from(request.url.path)
    actions = [{"href": href, "label": label} for href, label in places]
    return render(request, "errors/index.html", {**context, "actions": actions}, status_code=problem.status)


def places_from(path: str) -> list[tuple[str, str]]:
    """Where to go from an address that leads nowhere: the nearest page first."""
    near = "/train" if path.startswith(OF_TRAINING) else "/prompts" if path.startswith("/prompts") else "/"
    return sorted(PLACES, key=lambda place: place[0] != near)
