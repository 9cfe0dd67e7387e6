"""The page of prompts: browse, add, import, archive, restore, delete. Plain forms: no script."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from app.chat import Message
from app.db.base import utc_now
from app.db.models.prompts import Prompt, PromptSource, PromptSplit
from app.errors import AppError, ConflictError, InvalidError, NotFoundError
from app.formats.ids import RowId
from app.formats.texts import clean_text
from app.http.limits import MAX_IMPORT_BYTES
from app.runtime import ReadSession, Runtime, RuntimeDep, UnitRoute
from app.services.data.import_words import told
from app.services.labeling import drawing
from app.services.prompts import curation
from app.services.prompts.curation import MAX_SEARCH_CHARACTERS, Shelf, Wanted
from app.services.prompts.prompts import add_prompt, validate_messages
from app.web.security import FormDep
from app.web.templating import render

router = APIRouter(route_class=UnitRoute)
ROWS = 25
SHELVES = (
    (Shelf.ACTIVE, "In use"),
    (Shelf.HELD_OUT, "Held out"),
    (Shelf.SET_ASIDE, "Left out"),
    (Shelf.ARCHIVED, "Archived"),
)
DONE = {
    "added": "The prompt was added.",
    "archive": "The prompt was archived. It is neither shown nor trained on.",
    "restore": "The prompt is in use again.",
    "delete": "The prompt was deleted.",
}
ACTIONS: dict[str, Callable[[Session, int], object]] = {
    "archive": lambda session, prompt_id: curation.archive_prompt(session, prompt_id, utc_now()),
    "restore": curation.restore_prompt,
    "delete": curation.delete_prompt,
}


@dataclass(frozen=True)
class Place:
    """Where in the list a person is: in the address, so that it can be kept and shared."""

    shelf: Shelf = Shelf.ACTIVE
    words: str = ""
    after: str | None = None

    def address(self, **changes: str | None) -> str:
        found = {"show": self.shelf.value, "q": self.words or None, "after": self.after} | changes
        return "/prompts?" + urlencode({name: value for name, value in found.items() if value is not None})


def place_of(show: object, words: object, after: object) -> Place:
    """Whatever stands in an address or a form: what is unknown is the first shelf."""
    shelf = Shelf(str(show)) if str(show) in list(Shelf) else Shelf.ACTIVE
    return Place(shelf, clean_text(str(words or ""))[:MAX_SEARCH_CHARACTERS], str(after) if after else None)


def _place(show: str = "", q: str = "", after: str | None = None) -> Place:
    return place_of(show, q, after)


PlaceDep = Annotated[Place, Depends(_place)]


@router.get("/prompts")
def index(
    request: Request,
    runtime: RuntimeDep,
    session: ReadSession,
    place: PlaceDep,
    done: Annotated[str, Query(max_length=16)] = "",
) -> Response:
    return _page(session, request=request, runtime=runtime, place=place, notice=DONE.get(done, ""))


@router.post("/prompts/new")
async def add(request: Request, runtime: RuntimeDep, form: FormDep) -> Response:
    """Into the deck: it is shown to whoever comes, or kept for evaluation."""
    text = str(form.get("prompt", ""))
    split = PromptSplit.HELD_OUT if form.get("split") == PromptSplit.HELD_OUT else PromptSplit.TRAIN
    try:
        messages = validate_messages([{"role": "user", "content": text}], runtime.settings.max_prompt_characters)
        await run_in_threadpool(lambda: runtime.group_sampling.fitting().check(messages))
        stored = await runtime.writing.run(partial(_add, messages=messages, split=split))
    except InvalidError as error:
        said = error.page_message.replace("Message 1 is empty", "The prompt is empty")
        shown = partial(_page, request=request, runtime=runtime, place=Place(), text=text, split=split, add_error=said)
        return await runtime.reading.run(shown)
    shelf = Shelf.HELD_OUT if stored.split is PromptSplit.HELD_OUT else Shelf.ACTIVE
    runtime.prefetcher.wake()
    return RedirectResponse(Place(shelf).address(done="added"), 303)


def _add(session: Session, *, messages: list[Message], split: PromptSplit) -> Prompt:
    """Raises InvalidError, and changes nothing, where it is in the other part."""
    stored = add_prompt(session, messages=messages, source=PromptSource.OWN, split=split)
    if stored.split is not split:
        raise InvalidError("This prompt is already there, in the other part. It stays where it is.")
    return stored


@router.post("/prompts/import")
async def take_in(request: Request, runtime: RuntimeDep, form: FormDep) -> Response:
    """A file of prompts, or of answers that were compared. Sent again it adds nothing, so the answer is the page."""
    given = form.get("file")
    show = partial(_page, request=request, runtime=runtime, place=Place())
    try:
        if not isinstance(given, UploadFile) or not given.filename:
            raise InvalidError("No file was chosen. Choose one, then press Import.")
        found = await run_in_threadpool(lambda: runtime.imports.run(given.file, runtime.group_sampling.fitting()))
    except (InvalidError, ConflictError) as error:
        return await runtime.reading.run(partial(show, import_error=error))
    runtime.prefetcher.wake()
    return await runtime.reading.run(partial(show, notice=told(found)))


@router.post("/prompts/{prompt_id}/{action}")
async def change(request: Request, runtime: RuntimeDep, form: FormDep, prompt_id: RowId, action: str) -> Response:
    if action not in ACTIONS:
        raise NotFoundError("A prompt can be archived, restored or deleted. Go back to the list of prompts.")
    place = place_of(form.get("show"), form.get("q"), form.get("after"))
    try:
        await runtime.writing.run(lambda session: ACTIONS[action](session, prompt_id))
    except AppError as error:
        shown = partial(_page, request=request, runtime=runtime, place=place, error=error)
        return await runtime.reading.run(shown)
    return RedirectResponse(place.address(done=action), 303)


def _page(
    session: Session,
    *,
    request: Request,
    runtime: Runtime,
    place: Place,
    notice: str = "",
    error: AppError | None = None,
    text: str = "",
    split: PromptSplit = PromptSplit.TRAIN,
    add_error: str | None = None,
    import_error: AppError | None = None,
) -> Response:
    wanted = Wanted(shelf=place.shelf, words=place.words)
    found = curation.list_prompts(session, after=place.after, limit=ROWS, wanted=wanted)
    context: dict[str, Any] = {
        "page": "prompts",
        "place": place,
        "shelves": SHELVES,
        "found": found,
        "num_set_aside": drawing.count_set_aside(session),
        "most_counted": drawing.COUNTED,
        "max_prompt_characters": runtime.settings.max_prompt_characters,
        "notice": notice,
        "error": error,
        "add_text": text,
        "add_held_out": split is PromptSplit.HELD_OUT,
        "add_error": add_error,
        "import_error": import_error,
        "max_import_mebibytes": MAX_IMPORT_BYTES >> 20,
        "can_be_deleted": _can_be_deleted,
    }
    refused = error or import_error
    status = 422 if add_error else 200 if refused is None else refused.status_code
    return render(request, "prompts/index.html", context, status_code=status)


def _can_be_deleted(prompt: Prompt) -> bool:
    """Not shipped ones, which would come back; whether rankings stand against it is looked up when it is asked for."""
    return prompt.source is not PromptSource.SHIPPED
