"""Rankings: listed, changed, withdrawn (kept, marked, out of training), and what the reward model says of one."""

from datetime import datetime
from functools import partial
from http import HTTPStatus

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session

from app.api.description import raises
from app.api.groups import OrderIn, RankingCreated
from app.api.labeler import ApiLabeler
from app.api.schemas import After, Limit, Out, PageOut, page_out
from app.db.models.labelers import LabelerKind
from app.db.models.rankings import Ranking
from app.errors import ConflictError, GoneError, NotFoundError, UnavailableError
from app.formats.ids import RowId
from app.preferences import Influence
from app.runtime import Admitted, ReadSession, Runtime, RuntimeDep, UnitRoute, WriteSession
from app.services.labeling.changing import change_ranking
from app.services.labeling.labelers import LabelerName, labeler_of
from app.services.labeling.own_answers import OwnAnswer, RanksWithOwn
from app.services.labeling.rankings import list_rankings, withdraw_ranking
from app.services.views import predictions
from app.services.views.ranking_records import get_ranking

router = APIRouter(prefix="/api/v1/rankings", tags=["rankings"], route_class=UnitRoute)
FULL = HTTPStatus.INSUFFICIENT_STORAGE


class RankingOut(Out):
    ranking_id: int
    """Its number."""
    group_id: int
    """The card that was ranked."""
    labeler: str
    """Who ranked."""
    labeler_kind: LabelerKind
    """What they are."""
    ranks: dict[str, int]
    """Rank by answer; 1 is best, equal numbers are ties."""
    comment: str | None
    """In their own words."""
    duration_ms: int | None
    """How long they thought; null where nobody said."""
    is_repeat: bool
    """Whether its labeler had ranked the same answers before, unnoticed: it is not trained on."""
    created_at: datetime
    """When."""
    withdrawn_at: datetime | None
    """Since when it counts no more; null while it counts."""


class RankingChanged(RankingCreated):
    changed: bool
    """Whether another ranking stands in the place of the one that was named; false: it says what was sent already."""


class PredictedAnswerOut(Out):
    answer_id: int
    """Its number."""
    rank: int
    """The labeler's."""
    place: int
    """The reward model's own order: 1 for the highest score."""
    score: float
    """The reward model's; 1 is one deviation among answers to one prompt."""
    deviation: float | None
    """How far the score may be off (a standard deviation); null where that is not known."""


class InfluenceOut(Out):
    change: float
    """Nats by which the ranking moved the mean loss of rankings that were held out: below 0 the model became better.
    Leave-one-out by one Newton step (docs/reward-model.md)."""
    error: float
    """The standard error of that, over the held-out rankings."""


class PredictionOut(Out):
    ranking_id: int
    """Its number."""
    version: int
    """The reward model in use."""
    learned: bool
    """Whether it learned from this very ranking."""
    influence: InfluenceOut | None
    """What learning from this ranking did to it; null where it did not, or where that is not known."""
    first_choice: float
    """How likely the model holds one of the first choices to be the best of these answers; 0 to 1."""
    surprise: float
    """By the whole order, in nats (Plackett-Luce; a tie counts as all the orders that it allows), by the reward model
    in use. Not that of `/label-effect`, which is a mean over comparisons, by weights that had not learned from it."""
    guess: float
    """The surprise of somebody who guesses, in the same nats."""
    answers: list[PredictedAnswerOut]
    """In the order shown."""


def influence_out(influence: Influence | None) -> InfluenceOut | None:
    return None if influence is None else InfluenceOut(change=influence.change, error=influence.error)


def ranking_out(ranking: Ranking) -> RankingOut:
    return RankingOut(
        ranking_id=ranking.id,
        group_id=ranking.group_id,
        labeler=ranking.labeler.name,
        labeler_kind=ranking.labeler.kind,
        ranks=ranking.ranks,
        comment=ranking.comment,
        duration_ms=ranking.duration_ms,
        is_repeat=ranking.group.is_repeat,
        created_at=ranking.created_at,
        withdrawn_at=ranking.withdrawn_at,
    )


@router.get("")
def index(
    session: ReadSession,
    after: After = None,
    limit: Limit = 50,
    labeler_kind: LabelerKind | None = None,
    include_withdrawn: bool = False,
) -> PageOut[RankingOut]:
    """Lists rankings, newest first."""
    page = list_rankings(
        session, after=after, limit=limit, labeler_kind=labeler_kind, include_withdrawn=include_withdrawn
    )
    return page_out(page, ranking_out)


@router.delete("/{ranking_id}", status_code=204, responses=raises(NotFoundError, ConflictError))
def withdraw(ranking_id: RowId, runtime: RuntimeDep, session: WriteSession, who: ApiLabeler) -> None:
    """Withdraws one of your own rankings; its group is leased to you again."""
    labeler = labeler_of(session, who)
    withdraw_ranking(session, ranking_id, labeler, lease_seconds=runtime.settings.lease_seconds)


@router.put("/{ranking_id}", responses=raises(NotFoundError, ConflictError, UnavailableError, FULL))
async def change(ranking_id: RowId, body: OrderIn, runtime: RuntimeDep, who: ApiLabeler) -> RankingChanged:
    """Puts another order in the place of one of your own rankings, which is withdrawn with it: until then it counts.
    The answer names the ranking that stands now; where it says what was sent already, that is the one that was named,
    and nothing is changed. Sent again it changes nothing."""
    own = None if body.own_answer is None else OwnAnswer(body.own_answer.text, body.own_answer.rank)
    if own is not None:
        group_id = await runtime.reading.run(lambda session: get_ranking(session, ranking_id).group_id)
        await run_in_threadpool(runtime.group_sampling.check_own_answer, group_id, own.text)
    return await runtime.writing.run(
        partial(_change, runtime=runtime, who=who, ranking_id=ranking_id, body=body, own=own)
    )


def _change(
    session: Session, *, runtime: Runtime, who: LabelerName, ranking_id: int, body: OrderIn, own: OwnAnswer | None
) -> RankingChanged:
    ranking = change_ranking(
        session,
        ranking_id,
        labeler_of(session, who),
        ranks=RanksWithOwn(body.ranks, own),
        comment=body.comment,
        duration_ms=body.duration_ms,
        retrain_after=runtime.settings.retrain_after_rankings,
    )
    return RankingChanged(ranking_id=ranking.id, changed=ranking.id != ranking_id)


@router.get(
    "/{ranking_id}/prediction", dependencies=[Admitted], responses=raises(NotFoundError, ConflictError, GoneError)
)
def prediction(ranking_id: RowId, runtime: RuntimeDep) -> PredictionOut:
    """Returns what the reward model in use says of a ranking's answers, and how much their order surprises it. 409 as
    long as there is no reward model, and for a withdrawn ranking."""
    with runtime.read() as session:
        question = predictions.question_of(session, ranking_id)
    told = predictions.ask(runtime.engine, question)
    answers = zip(question.ranking.answers, question.ranks, told.places, told.scored, strict=True)
    return PredictionOut(
        ranking_id=ranking_id,
        version=question.version.id,
        learned=question.learned,
        influence=influence_out(question.influence),
        first_choice=told.first_choice,
        surprise=told.surprise,
        guess=told.guess,
        answers=[
            PredictedAnswerOut(answer_id=each.id, rank=rank, place=place, score=score, deviation=deviation)
            for each, rank, place, (score, deviation) in answers
        ],
    )
