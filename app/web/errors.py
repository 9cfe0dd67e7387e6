"""Errors for people: a page with a next step, or a notice in the alert region of the page that is open."""

from fastapi import Request
from starlette.responses import HTMLResponse

from app.problems import Problem
from app.web.templating import is_fragment, render

ACTIONS = (("/", "Go to labeling"), ("/train", "Go to training"))


def render_problem(request: Request, problem: Problem) -> HTMLResponse:
    """An error as a page, or as a notice in the alert region of the page that is open."""
    actions = [{"href": href, "label": label} for href, label in ACTIONS]
    context = {"title": problem.title, "message": problem.detail, "status_code": problem.status, "kind": "error"}
    if is_fragment(request):
        next_card = [{"href": "/", "label": "Next card"}] if problem.status in {404, 409} else []
        return render(
            request,
            "components/alert.html",
            {**context, "actions": next_card},
            status_code=problem.status,
            headers={"HX-Retarget": "#alerts", "HX-Reswap": "innerHTML"},
        )
    return render(request, "errors/index.html", {**context, "actions": actions}, status_code=problem.status)
