"""Learn: the road from raw text to this assistant in short chapters, each with a live piece of this installation.

A chapter costs its template, its line in CHAPTERS, and the function there that makes what its template shows.
"""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.errors import NotFoundError
from app.runtime import Admitted, Runtime, RuntimeDep, UnitRoute
from app.translation import N_, _
from app.web.learn_chapter import Chapter, ChapterPage, Place, Wanted
from app.web.learn_data import costs_page, fine_tuning_page, fit_page, pretraining_page
from app.web.learn_inside import attention_page, kinds_page
from app.web.learn_model import dice_page, function_page, tokens_page
from app.web.learn_ppo import ppo_page
from app.web.learn_preferences import order_page, reward_page
from app.web.templating import is_fragment, render

router = APIRouter(route_class=UnitRoute)


@dataclass(frozen=True)
class Line:
    """A chapter and what makes its page."""

    chapter: Chapter
    make: Callable[[Runtime, Wanted, Place], ChapterPage]


CHAPTERS = (
    Line(Chapter("function", N_("A function with many parameters")), function_page),
    Line(Chapter("dice", N_("Dice and strategies")), dice_page),
    Line(Chapter("tokens", N_("Tokens, not letters")), tokens_page),
    Line(Chapter("attention", N_("Attention: what a token reads")), attention_page),
    Line(Chapter("pretraining", N_("Pretraining: reading")), pretraining_page),
    Line(Chapter("fine-tuning", N_("Fine-tuning: answering")), fine_tuning_page),
    Line(Chapter("order", N_("Four answers and an order")), order_page),
    Line(Chapter("reward-model", N_("The reward model")), reward_page),
    Line(Chapter("ppo", N_("PPO, and the cheat")), ppo_page),
    Line(Chapter("fit", N_("Underfit, best fit, overfit")), fit_page),
    Line(Chapter("costs", N_("The four stages and their cost")), costs_page),
    Line(Chapter("kinds", N_("Kinds of learning")), kinds_page),
)


@router.get("/learn")
def index() -> Response:
    """The first chapter: the table of contents stands beside each."""
    return RedirectResponse(f"/learn/{CHAPTERS[0].chapter.name}", 303)


@router.get("/learn/{name}", dependencies=[Admitted])
def chapter(request: Request, runtime: RuntimeDep, name: str) -> Response:
    chapters = tuple(line.chapter for line in CHAPTERS)
    number = next((number for number, each in enumerate(chapters) if each.name == name), None)
    if number is None:
        raise NotFoundError(_("There is no such chapter. The table of contents lists them all."))
    wanted = Wanted(request.query_params, waits=is_fragment(request) or "now" in request.query_params)
    return render(request, CHAPTERS[number].make(runtime, wanted, Place(chapters, number)))
