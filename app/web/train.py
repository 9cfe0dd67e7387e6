"""The train page: what runs, what it learns, its results, and which version answers."""

from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from app.db.base import utc_now
from app.db.models.jobs import LIVE
from app.errors import UnavailableError
from app.formats.ids import RowId, parse_id
from app.kinds.registry import KINDS, kind_named
from app.runtime import ReadSession, Runtime, RuntimeDep, UnitRoute, WriteSession
from app.services.jobs import job_folders, jobs, needs
from app.services.jobs.ppo_plan import ppo_plan
from app.services.labeling import drawing
from app.services.lifecycle import activation, removal
from app.services.versions import versions
from app.services.views.loop_status import loop_status
from app.services.views.training_overview import job_with_curves, training_overview, version_details
from app.web import notices
from app.web.notices import Said
from app.web.plots import plot_tables
from app.web.security import FormDep
from app.web.templating import is_fragment, render

router = APIRouter(route_class=UnitRoute)


@router.get("/train")
def index(
    request: Request, runtime: RuntimeDep, session: ReadSession, job: str | None = None, said: str = "", kind: str = ""
) -> Response:
    notice = {"notice": notices.about_job(said, kind)}
    context = {"page": "train", **_overview(runtime, session), **_curves(session, job), **notice}
    return render(request, "train/index.html", context)


@router.get("/train/jobs")
def live_jobs(request: Request, runtime: RuntimeDep, session: ReadSession) -> Response:
    return render(request, "train/_jobs.html", _overview(runtime, session))


@router.get("/train/results")
def results(request: Request, runtime: RuntimeDep, session: ReadSession) -> Response:
    return render(request, "train/_results.html", _overview(runtime, session))


@router.get("/train/curves")
def curves(request: Request, session: ReadSession, job: str | None = None) -> Response:
    return render(request, "train/_curves.html", _curves(session, job))


@router.post("/train/jobs")
def start_job(request: Request, runtime: RuntimeDep, session: WriteSession, form: FormDep) -> Response:
    kind, params = _parse_job(form)
    return _start(request, runtime, session, kind, params)


@router.post("/jobs/{job_id}/cancel")
def cancel_job(request: Request, runtime: RuntimeDep, session: WriteSession, _form: FormDep, job_id: str) -> Response:
    job = jobs.request_cancel(session, job_id, stale_seconds=runtime.settings.worker_stale_seconds)
    return _changed(request, runtime, session, job.kind, notices.of_cancel(job))


@router.post("/jobs/{job_id}/resume")
def resume_job(request: Request, runtime: RuntimeDep, session: WriteSession, _form: FormDep, job_id: str) -> Response:
    job = jobs.resume_job(session, job_id, runtime.settings)
    return _changed(request, runtime, session, job.kind, Said.GOES_ON)


@router.post("/jobs/{job_id}/restart")
def restart_job(request: Request, runtime: RuntimeDep, session: WriteSession, _form: FormDep, job_id: str) -> Response:
    ended = jobs.ended_job(session, job_id)
    return _start(request, runtime, session, ended.kind, ended.params)


@router.post("/versions/{version_id}/activate")
def activate_version(
    request: Request, runtime: RuntimeDep, session: WriteSession, form: FormDep, version_id: RowId
) -> Response:
    version = activation.activate(session, version_id, data_dir=runtime.settings.data_dir)
    runtime.prefetcher.wake()
    if form.get("back") == "version":
        return RedirectResponse(f"/versions/{version_id}", 303)
    if not is_fragment(request):
        return RedirectResponse("/train#versions", 303)
    context = {**_overview(runtime, session), "notice": notices.of_activation(version)}
    return render(request, "train/_activated.html", context)


@router.get("/versions/prune")
def show_prunable(request: Request, runtime: RuntimeDep, session: ReadSession) -> Response:
    found = removal.plan(session, runtime.settings)
    return render(request, "versions/prune.html", {"page": "train", "found": found, "done": False, "left": []})


@router.post("/versions/prune")
async def prune_versions(request: Request, runtime: RuntimeDep, form: FormDep) -> Response:
    """Those that were shown, as far as nothing needs them by now."""
    shown = {number for value in form.getlist("version_id") if (number := parse_id(str(value))) is not None}
    found = await runtime.writing.run(partial(removal.prune, settings=runtime.settings, shown=shown))
    left = await runtime.reading.run(partial(removal.clear, settings=runtime.settings))
    return render(request, "versions/prune.html", {"page": "train", "found": found, "done": True, "left": left})


@router.post("/versions/{version_id}/remove")
async def remove_version(runtime: RuntimeDep, _form: FormDep, version_id: RowId) -> Response:
    await runtime.writing.run(partial(removal.remove, version_id=version_id, settings=runtime.settings))
    left = await runtime.reading.run(partial(removal.clear, settings=runtime.settings))
    if left:
        raise UnavailableError(f"Version {version_id} is removed. {left[0]}")
    return RedirectResponse(f"/versions/{version_id}", 303)


@router.get("/versions/{version_id}")
def show_version(request: Request, runtime: RuntimeDep, session: ReadSession, version_id: RowId) -> Response:
    details = version_details(session, version_id)
    context = {
        "page": "train",
        "details": details,
        "standing": details.standing,
        "why_it_stays": removal.why_it_stays(session, details.version, runtime.settings),
        "frees": removal.freed_bytes([runtime.settings.version_directory(details.version.path)]),
    }
    return render(request, "versions/index.html", context)


def _parse_job(form: FormData) -> tuple[str, dict[str, Any]]:
    """The kind, and the versions that its start form asks for."""
    kind = kind_named(str(form.get("kind", "")))
    chosen = {param.name: parse_id(str(form.get(param.name, ""))) for param in kind.versions if param.required}
    return kind.name, {name: number for name, number in chosen.items() if number is not None}


def _start(request: Request, runtime: Runtime, session: Session, kind: str, params: dict[str, Any]) -> Response:
    """Queues the work, and says so; or says that it is being done already."""
    alone = not jobs.list_jobs(session, statuses=LIVE, limit=1).items
    fresh = jobs.same_work(session, kind, params) is None
    job = jobs.queue_job(session, kind=kind, params=params)
    return _changed(request, runtime, session, kind, notices.of_start(job, fresh=fresh, alone=alone))


def _changed(request: Request, runtime: Runtime, session: Session, kind: str, said: Said) -> Response:
    if not is_fragment(request):
        return RedirectResponse(f"/train?said={said}&kind={kind}", 303)
    context = {**_overview(runtime, session), "notice": notices.about_job(said, kind)}
    return render(request, "train/_changed.html", context)


def _overview(runtime: Runtime, session: Session) -> dict[str, Any]:
    now, settings = utc_now(), runtime.settings
    status = loop_status(session, retrain_after=settings.retrain_after_rankings, now=now)
    overview = training_overview(session)
    age = status.worker_age_seconds
    return {
        "overview": overview,
        "starts": [(kind, needs.unmet(session, kind)) for kind in KINDS.values()],
        "standing": overview.standing,
        "loop_status": status,
        "seconds_left": lambda job: jobs.seconds_left(job, now),
        "worker_lost": status.job is not None and (age is None or age > settings.worker_stale_seconds),
        "has_checkpoint": lambda job: job_folders.has_checkpoint(settings, job.id),
        "num_set_aside": drawing.count_set_aside(session),
        "most_counted": drawing.COUNTED,
        "auto_policy_accuracy": settings.auto_policy_accuracy,
        "ppo_plan": ppo_plan(settings.version_directory(versions.sft_version(session).path)),
    }


def _curves(session: Session, job_id: str | None) -> dict[str, Any]:
    found = job_with_curves(session, job_id)
    if found is None:
        return {"curve_job": None, "tables": []}
    job, points = found
    return {"curve_job": job, "tables": plot_tables(job.kind, points)}
