"""What a reward model says of a ranking: a line on the card that comes next, fetched once that is there, and a page
with the answers and with how its opinion changed once it had learned from this ranking."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.db.models.groups import Completion
from app.db.models.rankings import Ranking
from app.db.models.versions import Version
from app.errors import About, AppError, ConflictError, Record
from app.formats.figures import number, percent
from app.formats.ids import RowId
from app.runtime import Runtime, RuntimeDep, UnitRoute
from app.services.views.predictions import BeforeAndNow, Prediction, Question, ask, before_and_now, question_of
from app.translation import _
from app.web.browser_name import labeler_name
from app.web.influence import influence_sentence
from app.web.templating import Context, PageContext, is_fragment, render
from app.web.told import LETTERS

router = APIRouter(route_class=UnitRoute)
PATH = "/rankings/{ranking_id}/prediction"


@dataclass(frozen=True)
class PredictedAnswer:
    answer: Completion
    letter: str
    rank: int
    """The person's."""
    place: int
    """The reward model's."""
    share: float
    """How likely the model holds it to be the best; 0 to 1."""
    score: str
    """With its deviation, where that is known."""


@dataclass(frozen=True)
class Opinion:
    """A prediction in words and figures."""

    version: Version
    first_choice: str
    """How likely the first choice was to be the best, as a share; empty where all are tied."""
    several_first: bool
    """Whether answers share the first place."""
    answers: list[PredictedAnswer]
    """In the person's order."""
    surprise: str
    """By the whole order, in a sentence."""
    influence: str
    """What learning from this ranking did to it, in a sentence; empty where it did not, or nobody knows."""


@dataclass(frozen=True, kw_only=True)
class PredictionLine(Context):
    """On the card that comes after a ranking."""

    template: ClassVar[str] = "label/_prediction.html"
    ranking_id: int
    """Which one it is about."""
    opinion: Opinion | None
    """What the reward model in use says; none where it could not be asked."""
    trouble: str
    """Why, in a sentence."""


@dataclass(frozen=True, kw_only=True)
class PredictionPage(PageContext):
    template: ClassVar[str] = "label/prediction.html"
    page: str | None = "label"
    ranking: Ranking
    """With its group, prompt, answers and labeler."""
    before: Opinion | None
    """Of a reward model that had not learned from it; none where there is none."""
    now: Opinion | None
    """Of the one in use, where it learned from it."""
    change: str
    """How its opinion of the first choice changed, or why that is not known, in a sentence."""
    trouble: str
    """Why nothing can be told, in a sentence; empty where something is."""


@router.get(PATH)
async def show(request: Request, runtime: RuntimeDep, ranking_id: RowId) -> Response:
    """The line for htmx, else the page. A reward model that cannot be asked now is no error: the ranking is saved, and
    nothing of it is lost. Raises ConflictError for somebody else's ranking: the page speaks to who gave it."""
    if is_fragment(request):
        question = await runtime.reading.run(partial(question_of, ranking_id=ranking_id))
        _check_own(request, question.ranking)
        opinion, trouble = await _asked(runtime, lambda: opinion_of(ask(runtime.engine, question)))
        return render(request, PredictionLine(ranking_id=ranking_id, opinion=opinion, trouble=trouble))
    questions = await runtime.reading.run(partial(before_and_now, ranking_id=ranking_id))
    ranking = _ranking_of(questions)
    _check_own(request, ranking)
    before, trouble = await _asked(runtime, lambda: _opinion_of(runtime, questions.before))
    now, more_trouble = await _asked(runtime, lambda: _opinion_of(runtime, questions.now))
    page = PredictionPage(
        ranking=ranking,
        before=before,
        now=now,
        change=_change(before, now),
        trouble=more_trouble or (trouble if now is None else ""),
    )
    return render(request, page)


def _check_own(request: Request, ranking: Ranking) -> None:
    if ranking.labeler.name != labeler_name(request):
        raise ConflictError(
            _(
                "Ranking {id} is somebody else's, and this page is about your own. The Data page shows it.",
                id=ranking.id,
            ),
            about=About(Record.RANKING, ranking.id),
        )


def _ranking_of(questions: BeforeAndNow) -> Ranking:
    asked = questions.now or questions.before
    assert asked is not None
    return asked.ranking


def _opinion_of(runtime: Runtime, question: Question | None) -> Opinion | None:
    return None if question is None else opinion_of(ask(runtime.engine, question))


async def _asked(runtime: Runtime, look: Callable[[], Opinion | None]) -> tuple[Opinion | None, str]:
    """What the reward model says, or why it cannot be asked."""
    try:
        with runtime.admission.admit():
            return await run_in_threadpool(look), ""
    except AppError as error:
        return None, error.page_message


def opinion_of(prediction: Prediction) -> Opinion:
    question = prediction.question
    letters = dict(zip((answer.id for answer in question.ranking.answers), LETTERS, strict=False))
    places, shares = prediction.places, prediction.shares
    answers = [
        PredictedAnswer(answer, letters[answer.id], rank, places[at], shares[at], _score(prediction, at))
        for at, (answer, rank) in enumerate(zip(question.ranking.answers, question.ranks, strict=True))
    ]
    return Opinion(
        version=question.version,
        first_choice="" if prediction.says_nothing else percent(prediction.first_choice),
        several_first=question.ranks.count(min(question.ranks)) > 1,
        answers=sorted(answers, key=lambda each: (each.rank, each.letter)),
        surprise=_surprise(prediction),
        influence="" if question.influence is None else influence_sentence(question.influence),
    )


def _score(prediction: Prediction, at: int) -> str:
    score, deviation = prediction.scored[at]
    if deviation is None:
        return number(score)
    return _("{score} ± {deviation}", score=number(score), deviation=number(deviation))


def _surprise(prediction: Prediction) -> str:
    if prediction.says_nothing:
        return _("You tied all answers: no order could surprise the reward model.")
    return _(
        "Your whole order surprises it by {surprise} nats; somebody who guesses would be surprised by {guess}, and "
        "somebody who knew by 0.",
        surprise=number(prediction.surprise, 1),
        guess=number(prediction.guess, 1),
    )


def _change(before: Opinion | None, now: Opinion | None) -> str:
    if now is None:
        return _("No reward model has learned from this ranking yet; the next training reads it.") if before else ""
    if before is None:
        return _("There is no earlier reward model to compare with: only what it says now is known.")
    if not now.first_choice:
        return ""
    values = {"before": before.first_choice, "now": now.first_choice}
    if now.several_first:
        return _("One of your first choices: before it learned from this ranking {before}, now {now}.", **values)
    return _("Your first choice: before it learned from this ranking {before}, now {now}.", **values)
