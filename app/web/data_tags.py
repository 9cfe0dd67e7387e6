"""Tags on the data page: one more or one less of a prompt, a group or a ranking. Its own page shows the form."""

from functools import partial

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from app.db.models.tags import Tagged
from app.errors import InvalidError
from app.formats.ids import parse_id
from app.runtime import RuntimeDep, UnitRoute
from app.services.labeling.tags import change_tag, known_tags
from app.translation import N_, _
from app.web.data_frame import PATH
from app.web.security import FormDep

router = APIRouter(route_class=UnitRoute)
HERE = f"{PATH}/tags"
PAGES = {Tagged.PROMPT: f"{PATH}/prompts", Tagged.GROUP: f"{PATH}/groups", Tagged.RANKING: f"{PATH}/rankings"}
DONE = {"tagged": N_("The tag was added."), "untagged": N_("The tag was taken away.")}


@router.post(HERE)
async def change(request: Request, runtime: RuntimeDep, form: FormDep) -> Response:
    """Fields: `of` (what kind of record), `id`, `tag`, and `less` where it goes."""
    del request
    kind, record_id, less = str(form.get("of", "")), parse_id(str(form.get("id", ""))), bool(form.get("less"))
    if kind not in set(Tagged) or record_id is None:
        raise InvalidError(_("The form was changed. Reload the page."))
    name = str(form.get("tag", ""))
    await runtime.writing.run(partial(_change, kind=Tagged(kind), record_id=record_id, name=name, add=not less))
    return RedirectResponse(f"{PAGES[Tagged(kind)]}/{record_id}?done={'untagged' if less else 'tagged'}#tags", 303)


def _change(session: Session, *, kind: Tagged, record_id: int, name: str, add: bool) -> None:
    change_tag(session, kind, record_id, name, add=add)


def choices(session: Session, kind: Tagged) -> tuple[tuple[str, str], ...]:
    """For a list's filter: any, then all that there are; a tag is no message and is not translated."""
    return tuple((name, f"{name} ({count:,})") for name, count in known_tags(session, kind))
