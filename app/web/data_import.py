"""Files in, on the data page: chosen, shown as they will be understood, and only then kept. And files out."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile
from starlette.responses import Response, StreamingResponse

from app.chat import Message
from app.errors import AppError, ConflictError, InvalidError, NotFoundError
from app.formats.figures import number
from app.formats.languages import in_a_row
from app.http.limits import MAX_IMPORT_BYTES
from app.runtime import ReadSession, Runtime, RuntimeDep, UnitRoute
from app.services.chat import conversation_exports
from app.services.chat.conversation_exports import export_conversations
from app.services.data.export_files import MEDIA_TYPES, FileFormat, pieces_of
from app.services.data.import_preview import SHOWN_PROBLEMS, ImportPreview
from app.services.data.import_summary import NO_ROWS, told
from app.services.data.row_forms import Form, GivenRow
from app.services.labeling.labelers import LabelerName
from app.translation import N_, _, ngettext
from app.web.browser_name import BrowserLabeler
from app.web.data_frame import PATH, DataPage, frame
from app.web.security import FormDep
from app.web.templating import render
from app.web.told import Told, in_letters

router = APIRouter(route_class=UnitRoute)
HERE = f"{PATH}/import"
SHOWN_TURNS = 4
AS_CONVERSATIONS = "as_conversations"
"""The field of that choice."""
FORM_NAMES = {
    Form.PROMPTS: N_("a prompt"),
    Form.ANSWERED: N_("a prompt with one answer, which is not kept"),
    Form.RANKINGS: N_("a ranking"),
    Form.COMPARISONS: N_("a ranking of two"),
    Form.VOTES: N_("a vote of the arena"),
    Form.CONVERSATIONS: N_("a conversation"),
}


@dataclass(frozen=True)
class Example:
    """One row of the file, as it will be understood."""

    place: str
    form: str
    """Untranslated."""
    order: Told | None
    """Of a ranking."""
    messages: Sequence[Message]
    """The prompt's, or a conversation's first ones."""
    answers: list[str]
    """Of a ranking or a vote, in the order shown."""


@dataclass(frozen=True)
class Shown:
    """A preview, in words."""

    name: str
    """Of the file."""
    preview: ImportPreview
    counted: str
    """Its rows by form."""
    examples: list[Example]
    key: str
    """By which it is imported; empty where it cannot be."""
    as_conversations: bool
    """Whether rows of messages are to be conversations."""

    @property
    def more_problems(self) -> int:
        return max(0, self.preview.num_problems - SHOWN_PROBLEMS)


@dataclass(frozen=True, kw_only=True)
class ImportPage(DataPage):
    template: ClassVar[str] = "data/import.html"
    shown: Shown | None = None
    """The file that was chosen."""
    error: AppError | None = None
    """Why a file was not taken."""
    max_mebibytes: int = MAX_IMPORT_BYTES >> 20
    """Largest file."""


@dataclass(frozen=True, kw_only=True)
class ExportPage(DataPage):
    template: ClassVar[str] = "data/export.html"


@router.get(HERE)
def index(request: Request, runtime: RuntimeDep, session: ReadSession) -> Response:
    return _page(session, request=request, runtime=runtime)


@router.post(HERE + "/preview")
async def preview(request: Request, runtime: RuntimeDep, who: BrowserLabeler, form: FormDep) -> Response:
    """Keeps the file for an hour at most, and nothing of what it holds."""
    given, owner = form.get("file"), who if form.get(AS_CONVERSATIONS) else None
    show = partial(_page, request=request, runtime=runtime)
    try:
        if not isinstance(given, UploadFile) or not given.filename:
            raise InvalidError(_("No file was chosen. Choose one, then press “Look at it”."))
        shown = await run_in_threadpool(_look, runtime, given, owner)
    except (InvalidError, ConflictError) as error:
        return await runtime.reading.run(partial(show, error=error))
    if shown is None:
        return await runtime.reading.run(partial(show, notice=_(NO_ROWS)))
    return await runtime.reading.run(partial(show, shown=shown))


@router.post(HERE)
async def take_in(request: Request, runtime: RuntimeDep, who: BrowserLabeler, form: FormDep) -> Response:
    """The file that was looked at. Sent again it adds nothing, so the answer is the page."""
    key, owner = str(form.get("key", "")), who if form.get(AS_CONVERSATIONS) else None
    show = partial(_page, request=request, runtime=runtime)
    try:
        said = await run_in_threadpool(_import, runtime, key, owner)
    except (InvalidError, ConflictError, NotFoundError) as error:
        return await runtime.reading.run(partial(show, error=error))
    runtime.prefetcher.wake()
    return await runtime.reading.run(partial(show, notice=said))


def _import(runtime: Runtime, key: str, owner: LabelerName | None) -> str:
    with runtime.uploads.open(key) as file:
        said = told(runtime.importer.run(file, runtime.group_sampling.fitting(), owner=owner))
    runtime.uploads.drop(key)
    return said


def _look(runtime: Runtime, given: UploadFile, owner: LabelerName | None) -> Shown | None:
    """None of a file without rows. `owner`: whose conversations rows of messages are."""
    seen = runtime.importer.preview(given.file, runtime.group_sampling.fitting(), owner)
    if not seen.rows and not seen.num_problems:
        return None
    key = runtime.uploads.keep(given.file) if seen.can_be_imported else ""
    examples = [_example(*each) for each in seen.examples]
    return Shown(given.filename or "", seen, _counted(seen), examples, key, owner is not None)


def _counted(seen: ImportPreview) -> str:
    forms = seen.forms
    prompts, votes = forms[Form.PROMPTS] + forms[Form.ANSWERED], forms[Form.VOTES]
    rankings = forms[Form.RANKINGS] + forms[Form.COMPARISONS]
    said = [ngettext("{n} prompt", "{n} prompts", prompts, n=number(prompts))] if prompts else []
    said += [ngettext("{n} ranking", "{n} rankings", rankings, n=number(rankings))] if rankings else []
    said += [ngettext("{n} vote", "{n} votes", votes, n=number(votes))] if votes else []
    held = forms[Form.CONVERSATIONS]
    said += [ngettext("{n} conversation", "{n} conversations", held, n=number(held))] if held else []
    return in_a_row(said)


def _example(place: str, row: GivenRow) -> Example:
    ranking, vote = row.ranking, row.vote
    order = None if ranking is None else in_letters(dict(enumerate(ranking.ranks)), range(len(ranking.ranks)))
    sides = [] if vote is None else [side.text for side in vote.sides]
    answers = sides if ranking is None else [answer.text for answer in ranking.answers]
    messages = row.prompt.messages if row.conversation is None else row.conversation.turns[:SHOWN_TURNS]
    return Example(place, FORM_NAMES[row.form], order, messages, answers)


def _page(
    session: Session,
    *,
    request: Request,
    runtime: Runtime,
    shown: Shown | None = None,
    error: AppError | None = None,
    notice: str = "",
) -> Response:
    page = ImportPage(frame=frame(session, runtime, HERE, notice), shown=shown, error=error)
    bad = shown is not None and not shown.preview.can_be_imported
    status_code = error.status_code if error is not None else 422 if bad else 200
    return render(request, page, status_code=status_code)


@router.get(f"{PATH}/export/conversations.{{file_format}}")
def own_conversations(runtime: RuntimeDep, who: BrowserLabeler, file_format: FileFormat) -> Response:
    """Of this browser's labeler alone."""
    pieces = pieces_of(export_conversations(runtime.read, who), conversation_exports.COLUMNS, file_format)
    headers = {"Content-Disposition": f'attachment; filename="conversations.{file_format}"'}
    return StreamingResponse(pieces, media_type=MEDIA_TYPES[file_format], headers=headers)


@router.get(f"{PATH}/export")
def export(request: Request, runtime: RuntimeDep, session: ReadSession) -> Response:
    return render(request, ExportPage(frame=frame(session, runtime, f"{PATH}/export")))
