"""Groups of four answers: take the next one, make one from your own prompt, rank it, skip it."""

from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.concurrency import run_in_threadpool
from pydantic import Field
from sqlalchemy.orm import Session

from app.api.description import raises
from app.api.labeler import ApiLabeler
from app.api.schemas import (
    AnswerOut,
    GroupOut,
    MessageIn,
    Model,
    PromptInput,
    PromptRef,
    SamplingInput,
    Text,
)
from app.db.models.groups import ANSWERS_PER_GROUP, Group, SkipReason
from app.errors import ConflictError, NotFoundError, UnavailableError
from app.formats.ids import RowId
from app.formats.languages import ANY, Asked, codes_of
from app.runtime import Admitted, Runtime, RuntimeDep, UnitRoute, WriteSession
from app.services.labeling.labelers import LabelerName, asked_by, find_labeler, labeler_of
from app.services.labeling.own_answers import OwnAnswer, RanksWithOwn, offered
from app.services.labeling.rankings import MAX_COMMENT_CHARACTERS, MAX_DURATION_MS, MAX_KEY_CHARACTERS, submit_ranking
from app.services.labeling.skips import skip_group, take_skip_back

router = APIRouter(prefix="/api/v1/groups", tags=["groups"], route_class=UnitRoute)
FULL = HTTPStatus.INSUFFICIENT_STORAGE
LANGUAGE_CODE = r"^[A-Za-z]{2,3}([-_][A-Za-z0-9_-]{1,32})?$"
Languages = Annotated[
    tuple[Annotated[str, Field(pattern=LANGUAGE_CODE)], ...],
    Query(
        max_length=20,
        description="Languages of the prompt, such as en; default: those that the labeler chose, else "
        "any that the model is for.",
    ),
]


class OwnGroupIn(PromptInput, SamplingInput):
    pass


class OwnAnswerIn(Model):
    text: Text
    """A better answer in the labeler's own words: not empty, none of the others, at most as many tokens as answers
    may have."""
    rank: int = Field(strict=True, ge=1, le=ANSWERS_PER_GROUP + 1)
    """1 (best) to 5, among all five."""


class OrderIn(Model):
    ranks: dict[RowId, Annotated[int, Field(strict=True)]]
    """Answer id -> 1 (best) to 4, or to 5 beside an answer of one's own; equal numbers are ties."""
    own_answer: OwnAnswerIn | None = None
    """Ranked with the others as a fifth, kept with the group, shown to no other labeler."""
    comment: Text | None = Field(None, max_length=MAX_COMMENT_CHARACTERS)
    """In the labeler's own words."""
    duration_ms: int | None = Field(None, ge=0, le=MAX_DURATION_MS)
    """How long they thought."""


class RankingIn(OrderIn):
    idempotency_key: Text | None = Field(None, min_length=1, max_length=MAX_KEY_CHARACTERS)
    """Sent again with the same key it is stored once."""


class RankingCreated(Model):
    ranking_id: int
    """The one that stands."""


class SkipIn(Model):
    reason: SkipReason
    """Why."""


def group_out(group: Group) -> GroupOut:
    prompt = group.prompt
    return GroupOut(
        group_id=group.id,
        prompt=PromptRef(
            id=prompt.id, text=prompt.text, messages=[MessageIn.model_validate(message) for message in prompt.messages]
        ),
        answers=[AnswerOut(id=answer.id, text=answer.text) for answer in offered(group)],
        lease_expires_at=group.lease_expires_at,
    )


@router.post("/next", responses=raises(ConflictError, UnavailableError, FULL))
async def next_group(runtime: RuntimeDep, who: ApiLabeler, languages: Languages = ()) -> GroupOut:
    """Leases the next group to this labeler, or returns the one they already have. If none is ready, one is sampled."""
    if languages:
        asked = Asked(codes_of(languages), chosen=True)
    else:
        asked = await runtime.reading.run(partial(_asked_by, who=who))
    lease = partial(runtime.group_sampling.lease_ready, who=who, asked=asked)
    group = await runtime.writing.run(lease)
    if group is None:
        with runtime.admission.admit():
            while group is None:  # another labeler may take the one that we sampled
                await run_in_threadpool(runtime.group_sampling.sample_ready, asked, hurried=True)
                group = await runtime.writing.run(lease)
    runtime.prefetcher.taken(asked)
    return group_out(group)


def _asked_by(session: Session, *, who: LabelerName) -> Asked:
    return asked_by(find_labeler(session, who.name)) or ANY


@router.post("", status_code=201, dependencies=[Admitted], responses=raises(ConflictError, FULL))
def create_group(body: OwnGroupIn, runtime: RuntimeDep, who: ApiLabeler) -> GroupOut:
    """Samples four answers to the labeler's own prompt and leases the group to them."""
    given = {name: value for name in SamplingInput.model_fields if (value := getattr(body, name)) not in (None, ())}
    return group_out(runtime.group_sampling.sample_own(who, body.to_messages(runtime.settings), given))


@router.post(
    "/{group_id}/rankings", status_code=201, responses=raises(NotFoundError, ConflictError, UnavailableError, FULL)
)
async def rank(group_id: RowId, body: RankingIn, runtime: RuntimeDep, who: ApiLabeler) -> RankingCreated:
    """Stores a ranking. Sent again with the same idempotency_key, it is answered the same and stored once."""
    own = None if body.own_answer is None else OwnAnswer(body.own_answer.text, body.own_answer.rank)
    if own is not None:
        await run_in_threadpool(runtime.group_sampling.check_own_answer, group_id, own.text)
    return await runtime.writing.run(partial(_rank, runtime=runtime, who=who, group_id=group_id, body=body, own=own))


def _rank(
    session: Session, *, runtime: Runtime, who: LabelerName, group_id: int, body: RankingIn, own: OwnAnswer | None
) -> RankingCreated:
    ranking = submit_ranking(
        session,
        group_id=group_id,
        labeler=labeler_of(session, who),
        ranks=RanksWithOwn(body.ranks, own),
        comment=body.comment,
        duration_ms=body.duration_ms,
        idempotency_key=body.idempotency_key,
        retrain_after=runtime.settings.retrain_after_rankings,
    )
    return RankingCreated(ranking_id=ranking.id)


@router.post("/{group_id}/skip", status_code=204, responses=raises(NotFoundError, ConflictError))
def skip(group_id: RowId, body: SkipIn, session: WriteSession, who: ApiLabeler) -> None:
    """Skips the group and keeps the reason."""
    skip_group(session, group_id=group_id, labeler=labeler_of(session, who), reason=body.reason)


@router.delete("/{group_id}/skip", status_code=204, responses=raises(NotFoundError, ConflictError))
def take_back(group_id: RowId, runtime: RuntimeDep, session: WriteSession, who: ApiLabeler) -> None:
    """Takes your skip back; the group is leased to you again."""
    labeler, seconds = labeler_of(session, who), runtime.settings.lease_seconds
    take_skip_back(session, group_id=group_id, labeler=labeler, lease_seconds=seconds)
