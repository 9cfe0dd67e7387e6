"""The page of a version: where it comes from, what was measured, activated and removed."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from app.db.models.versions import Version
from app.errors import ConflictError, InvalidError, UnavailableError
from app.formats.ids import RowId, parse_id
from app.model_info.catalogue import Published, catalogue
from app.runtime import ReadSession, Runtime, RuntimeDep, UnitRoute, WriteSession
from app.services import written
from app.services.lifecycle import deciding, installing, removal
from app.services.lifecycle.deciding import Decided, Seen
from app.services.lifecycle.removal import Removal
from app.translation import _
from app.web import notices
from app.web.notices import VersionNotice
from app.web.security import FormDep
from app.web.templating import PageContext, is_fragment, render
from app.web.train import changed_results
from app.web.version_page import Typed, version_page
from app.web.version_tree import Tree, tree
from app.web.written import seen_texts

router = APIRouter(route_class=UnitRoute)


@dataclass(frozen=True)
class Offer:
    """A published model of the catalogue on the page of all versions."""

    model: Published
    version: Version | None
    """What it became here."""


@dataclass(frozen=True, kw_only=True)
class VersionsPage(PageContext):
    template: ClassVar[str] = "versions/list.html"
    page: str | None = "train"
    notice: str
    """What came of the last button that was pressed; empty without one."""
    tree: Tree
    """All versions."""
    offers: list[Offer]
    """Models that can be brought in."""


@dataclass(frozen=True, kw_only=True)
class PrunePage(PageContext):
    template: ClassVar[str] = "versions/prune.html"
    page: str | None = "train"
    plan: Removal
    """Which versions go and which stay, with the reasons."""
    done: bool
    """Whether they are gone already."""
    failures: list[str]
    """A sentence for each folder that is still there."""


@router.get("/versions")
def show_versions(
    request: Request,
    runtime: RuntimeDep,
    session: ReadSession,
    said: str = "",
    version: str = "",
    below: RowId | None = None,
) -> Response:
    """`below`: the older versions, with ids below one."""
    notice = notices.about_version(session, said, version)
    offers = [Offer(model, installing.version_of(session, model)) for model in catalogue().values()]
    shown = tree(session, runtime.settings, back="all", below=below)
    return render(request, VersionsPage(notice=notice, tree=shown, offers=offers))


@router.post("/versions/{version_id}/activate")
def activate_version(
    request: Request, runtime: RuntimeDep, session: WriteSession, form: FormDep, version_id: RowId
) -> Response:
    version = deciding.use(session, version_id, data_dir=runtime.settings.data_dir, seen=_seen(form))
    runtime.prefetcher.wake()
    return _decided(request, runtime, session, form, VersionNotice.ACTIVATED, version)


@router.post("/versions/{version_id}/discard")
def discard_version(
    request: Request, runtime: RuntimeDep, session: WriteSession, form: FormDep, version_id: RowId
) -> Response:
    version = deciding.discard(session, version_id, seen=_seen(form))
    return _decided(request, runtime, session, form, VersionNotice.DISCARDED, version)


@router.post("/versions/{version_id}/take-back")
def take_version_back(
    request: Request, runtime: RuntimeDep, session: WriteSession, form: FormDep, version_id: RowId
) -> Response:
    version = deciding.take_back(session, version_id, seen=_seen(form))
    return _decided(request, runtime, session, form, VersionNotice.TAKEN_BACK, version)


def _seen(form: FormData) -> Seen | None:
    """What its page showed; None where it does not say."""
    if "seen" not in form:
        return None
    decided = str(form.get("decided"))
    return Seen(parse_id(str(form["seen"])), Decided(decided) if decided in set(Decided) else None)


def _decided(
    request: Request, runtime: Runtime, session: Session, form: FormData, said: VersionNotice, version: Version
) -> Response:
    """Back to the page that asked."""
    near = {"version": f"/versions/{version.id}?said={said}", "all": f"/versions?said={said}&version={version.id}"}
    back = near.get(str(form.get("back")))
    if back is not None or not is_fragment(request):
        return RedirectResponse(back or f"/train?said={said}&version={version.id}", 303)
    return render(request, changed_results(runtime, session, notices.of_version(said, version)))


@router.get("/versions/prune")
def show_prunable(request: Request, runtime: RuntimeDep, session: ReadSession) -> Response:
    return render(request, PrunePage(plan=removal.plan(session, runtime.settings), done=False, failures=[]))


@router.post("/versions/prune")
async def prune_versions(request: Request, runtime: RuntimeDep, form: FormDep) -> Response:
    """Those that were shown, as far as nothing needs them by now."""
    shown = {number for value in form.getlist("version_id") if (number := parse_id(str(value))) is not None}
    plan = await runtime.writing.run(partial(removal.prune, settings=runtime.settings, shown=shown))
    failures = await runtime.reading.run(partial(removal.clear, settings=runtime.settings))
    return render(request, PrunePage(plan=plan, done=True, failures=failures))


@router.post("/versions/{version_id}/remove")
async def remove_version(runtime: RuntimeDep, _form: FormDep, version_id: RowId) -> Response:
    await runtime.writing.run(partial(removal.remove, version_id=version_id, settings=runtime.settings))
    failures = await runtime.reading.run(partial(removal.clear, settings=runtime.settings))
    if failures:
        raise UnavailableError(_("Version {id} is removed. {failure}", id=version_id, failure=failures[0]))
    return RedirectResponse(f"/versions/{version_id}", 303)


@router.get("/versions/{version_id}")
def show_version(
    request: Request, runtime: RuntimeDep, session: ReadSession, version_id: RowId, said: str = ""
) -> Response:
    notice = notices.about_version(session, said, str(version_id))
    return render(request, version_page(session, runtime.settings, version_id, notice=notice))


@router.post("/versions/{version_id}/rename")
def rename_version(
    request: Request, runtime: RuntimeDep, session: WriteSession, form: FormDep, version_id: RowId
) -> Response:
    """Refused, the page comes back with what was typed and what is wrong with it."""
    name, note = str(form.get("name", "")), str(form.get("note", ""))
    try:
        deciding.rename(session, version_id, name=name, note=note, **seen_texts(form))
    except (ConflictError, InvalidError) as error:
        typed = Typed(name, note, error.page_message, about_note=error.param == written.NOTE)
        page = version_page(session, runtime.settings, version_id, typed=typed)
        return render(request, page, status_code=error.status_code)
    return RedirectResponse(f"/versions/{version_id}?said={VersionNotice.RENAMED}", 303)
