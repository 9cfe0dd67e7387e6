"""The arena: pairs of answers to judge blind, votes on them, and what the votes say of the versions."""

from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session

from app.api.description import raises
from app.api.labeler import ApiLabeler
from app.api.schemas import After, Limit, PageOut, page_out
from app.api.vote_schemas import (
    ArenaSettingsIn,
    OwnPairIn,
    PairOut,
    ResultOut,
    StandingsOut,
    VoteIn,
    VoteOut,
    pair_out,
    result_out,
    standing_out,
    vote_out,
)
from app.db.models.arena import PairSource
from app.db.models.labelers import LabelerKind
from app.errors import ConflictError, GoneError, NotFoundError, UnavailableError
from app.formats.ids import RowId
from app.formats.languages import ANY, Asked
from app.runtime import Admitted, ReadSession, Runtime, RuntimeDep, UnitRoute, WriteSession
from app.services.arena import arena_settings, pairs, votes
from app.services.arena.alarm import alarm_of
from app.services.arena.arena_settings import ArenaChoice
from app.services.arena.matches import match_of
from app.services.arena.pair_prefetch import Wanted
from app.services.arena.pair_sampling import MatchIds
from app.services.arena.standings import result_of, standings
from app.services.labeling.labelers import LabelerName, asked_by, find_labeler, labeler_of

router = APIRouter(prefix="/api/v1/arena", tags=["arena"], route_class=UnitRoute)
FULL = HTTPStatus.INSUFFICIENT_STORAGE
OF_MATCH = raises(NotFoundError, GoneError, ConflictError, UnavailableError)
VersionId = Annotated[RowId | None, Query(description="Default: the newest candidate, else the active policy.")]
AgainstId = Annotated[RowId | None, Query(description="Default: the active version, else its SFT model.")]


@router.post("/pairs/next", responses=raises(NotFoundError, GoneError, ConflictError, UnavailableError, FULL))
async def next_pair(
    runtime: RuntimeDep,
    who: ApiLabeler,
    version_id: VersionId = None,
    against_id: AgainstId = None,
    source: PairSource = PairSource.HELD_OUT,
) -> PairOut:
    """Gives this labeler the next pair, or the one that they already have: answers of two versions to a held-out prompt
    or one that is drawn (`source`). If none is ready, one is sampled."""
    asked = await runtime.reading.run(partial(_asked_by, who=who))
    wanted = Wanted(MatchIds(version_id, against_id), source, asked)
    take = partial(_take, runtime=runtime, who=who, wanted=wanted)
    pair = await runtime.writing.run(take)
    if pair is None:
        with runtime.admission.admit():
            while pair is None:  # another labeler may take the one that we sampled
                sample = partial(runtime.pair_sampling.sample_ready, wanted.ids, wanted.source, wanted.asked)
                await run_in_threadpool(sample)
                pair = await runtime.writing.run(take)
    runtime.pair_prefetcher.ask(wanted)
    return pair


def _asked_by(session: Session, *, who: LabelerName) -> Asked:
    return asked_by(find_labeler(session, who.name)) or ANY


def _take(session: Session, *, runtime: Runtime, who: LabelerName, wanted: Wanted) -> PairOut | None:
    pair = runtime.pair_sampling.lease_ready(session, who, wanted.ids, wanted.source, wanted.asked)
    return None if pair is None else pair_out(pair)


@router.post("/pairs", status_code=201, dependencies=[Admitted], responses=OF_MATCH | raises(FULL))
def own_pair(body: OwnPairIn, runtime: RuntimeDep, who: ApiLabeler) -> PairOut:
    """Samples both versions' answers to a prompt of your own."""
    ids = MatchIds(body.version_id, body.against_id)
    pair_id = runtime.pair_sampling.sample_own(who, ids, body.to_messages(runtime.settings))
    with runtime.read() as session:
        return pair_out(pairs.get_pair(session, pair_id))


@router.post("/pairs/{pair_id}/skip", status_code=204, responses=raises(NotFoundError, ConflictError))
def skip(pair_id: RowId, session: WriteSession, who: ApiLabeler) -> None:
    """Gives no verdict: the pair is over."""
    pairs.skip(session, pair_id, labeler_of(session, who))


@router.post("/votes", status_code=201, responses=raises(NotFoundError, ConflictError))
def vote(body: VoteIn, runtime: RuntimeDep, session: WriteSession, who: ApiLabeler) -> VoteOut:
    """Stores a vote and tells who wrote what. Sent again with the same idempotency_key, it is answered the same and
    stored once."""
    cast = votes.cast_vote(
        session,
        pair_id=body.pair_id,
        labeler=labeler_of(session, who),
        verdict=body.verdict,
        duration_ms=body.duration_ms,
        idempotency_key=body.idempotency_key,
        retrain_after=runtime.settings.retrain_after_rankings,
        data_dir=runtime.settings.data_dir,
    )
    if cast.activated_version_id is not None:
        runtime.prefetcher.wake()
    return vote_out(cast)


@router.get("/votes")
def index(
    session: ReadSession,
    after: After = None,
    limit: Limit = 50,
    labeler_kind: LabelerKind | None = None,
    include_withdrawn: bool = False,
) -> PageOut[VoteOut]:
    """Lists votes, newest first."""
    page = votes.list_votes(
        session, after=after, limit=limit, labeler_kind=labeler_kind, include_withdrawn=include_withdrawn
    )
    return page_out(page, vote_out)


@router.delete("/votes/{vote_id}", status_code=204, responses=raises(NotFoundError, ConflictError))
def withdraw(vote_id: RowId, session: WriteSession, who: ApiLabeler) -> None:
    """Withdraws one of your own votes: it is kept and counts no more. Its pair is not given again."""
    votes.withdraw_vote(session, vote_id, labeler_of(session, who))


@router.get("/result", responses=OF_MATCH)
def result(session: ReadSession, version_id: VersionId = None, against_id: AgainstId = None) -> ResultOut:
    """What the votes say of two versions."""
    match = match_of(session, version_id, against_id)
    found = result_of(session, match)
    return result_out(found, alarm_of(session, match, found.counts))


@router.get("/standings")
def show_standings(session: ReadSession) -> StandingsOut:
    """Rates all versions that have votes: Bradley-Terry with ties (Davidson 1970)."""
    table = standings(session)
    return StandingsOut(standings=[standing_out(each) for each in table.rows], votes=table.votes)


@router.get("/settings")
def show_settings(session: ReadSession) -> ArenaSettingsIn:
    """What follows from votes."""
    return ArenaSettingsIn(**vars(arena_settings.chosen(session)))


@router.put("/settings")
def change_settings(body: ArenaSettingsIn, runtime: RuntimeDep, session: WriteSession) -> ArenaSettingsIn:
    """Replaces both. With `train_on_votes`, votes that are there become rankings at once; without, these are left out
    of training. One that was withdrawn by hand stays withdrawn."""
    choice = ArenaChoice(**body.model_dump())
    arena_settings.choose(session, choice, retrain_after=runtime.settings.retrain_after_rankings)
    return body
