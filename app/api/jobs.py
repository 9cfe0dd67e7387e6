"""Background jobs: queued, followed live, cancelled, resumed, restarted."""

from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Depends, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import Field
from sqlalchemy.orm import Session

from app.api.description import raises, streams
from app.api.kinds import JobKind, JobParams
from app.api.schemas import SEEN, JsonObject, Limit, Model, Out, PageOut, page_out
from app.db.models.jobs import Job, JobMetric, JobStatus, JobTrigger
from app.errors import ConflictError, CrowdedError, GoneError, InvalidError, NotFoundError, UnavailableError
from app.formats.ids import EventId
from app.runtime import ReadSession, RuntimeDep, UnitRoute, WriteSession
from app.services.jobs import job_answers, jobs, naming

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"], route_class=UnitRoute)
POLL_SECONDS = 0.25
AfterJob = Annotated[str | None, Query(max_length=64, description="The `next` of the page before: a job's id.")]


class JobIn(Model):
    kind: JobKind
    """What is done."""
    params: JobParams = Field(default_factory=dict)
    """Hyper-parameters that are not the default."""


class JobChange(Model):
    name: str | None = Field(
        None, description=f"At most {naming.MAX_NAME_CHARACTERS} characters; empty takes the name away."
    )
    note: str | None = Field(
        None, description=f"At most {naming.MAX_NOTE_CHARACTERS} characters; empty takes the note away."
    )
    seen_name: str | None = Field(None, description=SEEN)
    seen_note: str | None = Field(None, description=SEEN)


class JobQueued(Model):
    job_id: str
    """Its name."""


class JobOut(Out):
    job_id: str
    """Its name."""
    kind: JobKind
    """What is done."""
    status: JobStatus
    """How far it is."""
    trigger: JobTrigger
    """Who wanted it: a person, or a rule."""
    name: str | None
    """What somebody called the run."""
    note: str | None
    """A person's own words about it."""
    params: JsonObject
    """Hyper-parameters that are not the default."""
    progress: float
    """Share done, 0 to 1."""
    step: int
    """Steps that are done."""
    total_steps: int
    """Of so many; 0 where that is not known."""
    seconds_left: float | None
    """Estimated; null where that is not known."""
    message: str
    """What it does, in a sentence."""
    metrics: JsonObject
    """The latest of each; `GET .../events` has the curves."""
    result: JsonObject | None
    """What came of it."""
    error: str | None
    """Why it failed, in a sentence."""
    attempts: int
    """How often it was begun."""
    cancel_requested: bool
    """Whether it ends at its next report."""
    created_at: datetime
    """When it was queued."""
    started_at: datetime | None
    """When it was first begun, whatever attempts came after."""
    worked_seconds: float | None
    """How long it was worked on, all attempts together; null before the first one."""
    finished_at: datetime | None
    """When it ended."""


class PointOut(Out):
    id: int
    """Pass the last one on to follow from there."""
    step: int
    """Where on the curve."""
    values: JsonObject
    """By the names of the metrics (docs/metrics.md)."""


class RunAnswerOut(Out):
    prompt_id: int
    """Its number."""
    prompt: str
    """What was asked."""
    answer: str
    """What the policy in training said."""
    gain: float | None
    """How far the answer is above the SFT model's own answers to the prompt, in deviations of those: by the scorer that
    is optimized, or of DPO, which optimizes none, by the reward model in use when it began; null without one."""


class RunLookOut(Out):
    step: int
    """After so many steps."""
    kl: float | None
    """Nats per answer to the SFT model."""
    answers: list[RunAnswerOut]
    """To the same prompts at each look."""


class RunAnswersOut(Out):
    items: list[RunLookOut]
    """At most 40, evenly over the run."""


class ProgressOut(JobOut):
    points: list[PointOut]
    """New points of the curves since the event before (or since Last-Event-ID)."""


def job_fields(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.id,
        "seconds_left": jobs.seconds_left(job),
        **{name: getattr(job, name) for name in JobOut.model_fields if name not in ("job_id", "seconds_left")},
    }


def job_out(job: Job) -> JobOut:
    return JobOut(**job_fields(job))


@router.post("", status_code=202, responses=raises(NotFoundError, ConflictError, GoneError))
def create(body: JobIn, runtime: RuntimeDep, session: WriteSession) -> JobQueued:
    """Queues a job. If the same one is queued or running already, that one is returned; if it was started with other
    parameters, the answer is 409 and names it with them."""
    job = jobs.queue_job(session, kind=body.kind, params=body.params, settings=runtime.settings)
    return JobQueued(job_id=job.id)


@router.get("", responses=raises(NotFoundError))
def index(
    session: ReadSession,
    after: AfterJob = None,
    limit: Limit = 50,
    status: Annotated[list[JobStatus] | None, Query()] = None,
    kind: JobKind | None = None,
) -> PageOut[JobOut]:
    """Lists jobs, newest first."""
    page = jobs.list_jobs(session, after=after, limit=limit, statuses=status or (), kind=kind)
    return page_out(page, job_out)


@router.get("/{job_id}", responses=raises(NotFoundError))
def read(job_id: str, session: ReadSession) -> JobOut:
    """Returns one job."""
    return job_out(jobs.get_job(session, job_id))


@router.patch("/{job_id}", responses=raises(NotFoundError, ConflictError, InvalidError))
def change(job_id: str, body: JobChange, session: WriteSession) -> JobOut:
    """Changes a run's name, its note, or both; what is left out stays. Several runs may have one name."""
    return job_out(naming.rename(session, job_id, **body.model_dump()))


@router.post("/{job_id}/cancel", status_code=202, responses=raises(NotFoundError, ConflictError))
def cancel(job_id: str, runtime: RuntimeDep, session: WriteSession) -> JobOut:
    """Cancels a job: at once if no worker has it, within seconds if it is running."""
    return job_out(jobs.request_cancel(session, job_id, stale_seconds=runtime.settings.worker_stale_seconds))


@router.post("/{job_id}/resume", status_code=202, responses=raises(NotFoundError, ConflictError))
def resume(job_id: str, runtime: RuntimeDep, session: WriteSession) -> JobOut:
    """Resumes a failed job from its checkpoint, with the same parameters and data."""
    return job_out(jobs.resume_job(session, job_id, runtime.settings))


@router.post(
    "/{job_id}/restart", status_code=202, responses=raises(NotFoundError, ConflictError, GoneError, InvalidError)
)
def restart(job_id: str, runtime: RuntimeDep, session: WriteSession) -> JobQueued:
    """Queues a new job with the parameters of one that has ended."""
    return JobQueued(job_id=jobs.restart_job(session, job_id, runtime.settings).id)


@router.get("/{job_id}/answers", responses=raises(NotFoundError))
def answers(job_id: str, session: ReadSession) -> RunAnswersOut:
    """Returns what the policy of a run answered to the same few prompts while it trained, in the order of steps. Long
    texts are cut, and end with an ellipsis."""
    looks = job_answers.answers_of(session, jobs.get_job(session, job_id).id)
    return RunAnswersOut(items=[RunLookOut.model_validate(look, from_attributes=True) for look in looks])


async def existing_job_id(job_id: str, runtime: RuntimeDep) -> str:
    """404 before the stream begins."""
    return (await runtime.reading.run(lambda session: jobs.get_job(session, job_id))).id


@router.get(
    "/{job_id}/events",
    response_class=EventSourceResponse,
    responses={**streams(progress=ProgressOut, end=JobOut), **raises(NotFoundError, UnavailableError)},
)
async def events(
    job_id: Annotated[str, Depends(existing_job_id)],
    runtime: RuntimeDep,
    last_event_id: Annotated[EventId, Header()] = 0,
) -> AsyncIterator[ServerSentEvent]:
    """Streams a job: `progress` after each change, `end` when the job is over. Comments keep the connection open."""
    seen: datetime | tuple[Any, ...] | None = None
    point_id = last_event_id
    while not runtime.closing.is_set():
        try:
            job, points = await runtime.reading.run(partial(_look, job_id=job_id, after_id=point_id))
        except CrowdedError:  # a crowd at the database ends no stream
            await anyio.sleep(POLL_SECONDS)
            continue
        state = (job.status, job.step, job.message, job.cancel_requested, job.attempts)
        if points or state != seen:
            seen, point_id = state, points[-1].id if points else point_id
            points_out = [PointOut(id=point.id, step=point.step, values=point.values) for point in points]
            progress = ProgressOut(**job_fields(job), points=points_out)
            yield ServerSentEvent(event="progress", id=str(point_id), data=progress)
        elif job.status in jobs.FINAL:
            yield ServerSentEvent(event="end", id=str(point_id), data=job_out(job))
            return
        else:
            await anyio.sleep(POLL_SECONDS)


def _look(session: Session, job_id: str, after_id: int) -> tuple[Job, list[JobMetric]]:
    return jobs.get_job(session, job_id), jobs.metrics_since(session, job_id, after_id)
