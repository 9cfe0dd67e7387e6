"""The form of one kind of job with all of its settings: as usual, by a preset, or as a run before had them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from app.errors import ConflictError, GoneError, InvalidError, NotFoundError
from app.hparam_fields import hparam_fields
from app.kinds.kind import Kind, Preset, StartPlan, VersionParam
from app.kinds.registry import KINDS, kind_named
from app.runtime import ReadSession, RuntimeDep, UnitRoute, WriteSession
from app.services.jobs import jobs, ranking_counts
from app.services.jobs.start_plan import NO_PARAMS, start_plan
from app.services.versions import versions
from app.settings.config import Settings
from app.translation import _
from app.web import formatting
from app.web.run_params import typed_params, usual_of
from app.web.security import FormDep
from app.web.starts import DEFAULTS, Input, Option, input_of, preset_named, preset_values, sent_job, typed_in
from app.web.templating import PageContext, render
from app.web.train import run_address, started

router = APIRouter(route_class=UnitRoute)


@dataclass(frozen=True, kw_only=True)
class StartPage(PageContext):
    template: ClassVar[str] = "train/start.html"
    page: str | None = "train"
    kind: Kind
    """What is started."""
    presets_of: Kind
    """Whose presets are offered: the kind, or the one whose preset it is."""
    preset: Preset
    """The one that was chosen; of the defaults, without a name."""
    like: str
    """The run whose settings stand in the form; empty where none was named."""
    description: str
    """What comes of it."""
    plan: StartPlan | None
    """How long it takes; none where nobody knows."""
    first: list[Input]
    """What is asked first, and what is changed."""
    others: list[Input]
    """All other settings."""
    error: str = ""
    """Why it did not start; empty where nothing was tried."""


@router.get("/train/start")
def show_start(
    request: Request, runtime: RuntimeDep, session: ReadSession, kind: str = "", preset: str = "", job: str = ""
) -> Response:
    if job:
        like = jobs.get_job(session, job)
        known = kind_named(like.kind)
        values = typed_params(like.params)
        return render(request, _page(runtime.settings, session, known, values, params=like.params, like=like.id))
    known = kind_named(kind or next(iter(KINDS)))
    chosen = preset_named(known, preset)
    params = preset_values(session, runtime.settings, known, chosen)
    known = kind_named(chosen.kind) if chosen.kind else known
    page = _page(runtime.settings, session, known, typed_params(params), params=params, preset=chosen)
    return render(request, page)


@router.post("/train/start")
def start(request: Request, runtime: RuntimeDep, session: WriteSession, form: FormDep) -> Response:
    """Refused, the page comes back with what was typed and what is wrong with it."""
    kind, params = sent_job(form, session, runtime.settings)
    try:
        job, said = started(session, kind, params, runtime.settings)
    except (InvalidError, ConflictError, NotFoundError, GoneError) as error:
        known = kind_named(kind)
        page = _page(runtime.settings, session, known, typed_in(form, known), error=error.page_message)
        return render(request, page, status_code=error.status_code)
    return RedirectResponse(run_address(job, said), 303)


def _page(
    settings: Settings,
    session: Session,
    kind: Kind,
    values: Mapping[str, str],
    *,
    params: Mapping[str, Any] = NO_PARAMS,
    preset: Preset = DEFAULTS,
    like: str = "",
    error: str = "",
) -> StartPage:
    """`values`: what stands in the fields; `params`: the same as parameters, where they are known to be good."""
    inputs = [_version_input(session, param, values.get(param.name, "")) for param in kind.versions]
    inputs += [input_of(kind, name, values.get(name, "")) for name in (*kind.choices, *hparam_fields(kind.hparams))]
    asked = {*kind.start.asks, *(param.name for param in kind.versions if param.required)}
    counts = ranking_counts.count_rankings(session)
    directory = settings.version_directory(versions.sft_version(session).path)
    return StartPage(
        kind=kind,
        presets_of=usual_of(kind),
        preset=preset,
        like=like,
        description=_(kind.start.description, rankings=formatting.rankings_in_words(counts)),
        plan=start_plan(session, kind, directory, rankings=counts.total, params=params),
        first=[each for each in inputs if each.changed or each.name in asked],
        others=[each for each in inputs if not each.changed and each.name not in asked],
        error=error,
    )


def _version_input(session: Session, param: VersionParam, value: str) -> Input:
    usable = [version for version in versions.with_files(session) if version.kind in param.kinds]
    options = [Option(str(version.id), formatting.version_title(version)) for version in usable]
    if value and value not in {option.value for option in options}:
        options.append(Option(value, _("version {id}", id=value)))  # it is gone: the answer to the form will say so
    if not param.required:
        options.insert(0, Option("", _("the active one")))
    return Input(param.name, _(param.label), tuple(options), value=value, term=False)
