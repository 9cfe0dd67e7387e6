"""One prompt on the data page: what was asked, what came of it, and its words and language to be edited."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from app.chat import Message
from app.db.base import utc_now
from app.db.models.prompts import Prompt
from app.errors import AppError, InvalidError
from app.formats.ids import RowId
from app.formats.languages import NAMES
from app.formats.texts import clean_text
from app.runtime import ReadSession, Runtime, RuntimeDep, UnitRoute
from app.services.prompts import curation
from app.services.prompts.prompts import get_prompt, validate_messages
from app.translation import N_, _
from app.web.data_frame import PATH, DataPage, frame
from app.web.data_tags import DONE as TAGS_DONE
from app.web.security import FormDep
from app.web.templating import render

router = APIRouter(route_class=UnitRoute)
HERE = f"{PATH}/prompts"
DONE = {
    **TAGS_DONE,
    "changed": N_("The prompt was changed."),
    "replaced": N_(
        "The new words are a prompt of their own. The old one is archived where something was ranked about it."
    ),
}


@dataclass(frozen=True, kw_only=True)
class PromptPage(DataPage):
    template: ClassVar[str] = "data/prompt.html"
    prompt: Prompt
    """With all its messages."""
    typed: str
    """What stands in the form: the last message."""
    typed_language: str
    """The language that is chosen there."""
    error: AppError | None = None
    """Why the last change was refused."""
    language_names: tuple[tuple[str, str], ...] = tuple(NAMES.items())
    """Codes and names."""


@router.get(HERE + "/{prompt_id}")
def show(request: Request, runtime: RuntimeDep, session: ReadSession, prompt_id: RowId, done: str = "") -> Response:
    return _page(
        session, request=request, runtime=runtime, prompt_id=prompt_id, notice=_(DONE[done]) if done in DONE else ""
    )


@router.post(HERE + "/{prompt_id}/edit")
async def edit(request: Request, runtime: RuntimeDep, form: FormDep, prompt_id: RowId) -> Response:
    text, language = str(form.get("prompt", "")), clean_text(str(form.get("language", "")))[:16]
    try:
        earlier = await runtime.reading.run(lambda session: get_prompt(session, prompt_id).messages[:-1])
        last = Message(role="user", content=text)
        messages = validate_messages([*earlier, last], runtime.settings.max_prompt_characters)
        await run_in_threadpool(lambda: runtime.group_sampling.fitting().check(messages))
        change = partial(_edit, prompt_id=prompt_id, messages=messages, language=language)
        new_id = await runtime.writing.run(change)
    except InvalidError as error:
        refused = partial(_page, request=request, runtime=runtime, prompt_id=prompt_id)
        return await runtime.reading.run(partial(refused, error=error, typed=text, typed_language=language))
    runtime.prefetcher.wake()
    return RedirectResponse(f"{HERE}/{new_id}?done={'changed' if new_id == prompt_id else 'replaced'}", 303)


def _edit(session: Session, *, prompt_id: int, messages: list[Message], language: str) -> int:
    language = language or get_prompt(session, prompt_id).language
    return curation.edit_prompt(session, prompt_id, messages, language, utc_now()).id


def _page(
    session: Session,
    *,
    request: Request,
    runtime: Runtime,
    prompt_id: int,
    notice: str = "",
    error: AppError | None = None,
    typed: str | None = None,
    typed_language: str | None = None,
) -> Response:
    prompt = get_prompt(session, prompt_id)
    page = PromptPage(
        frame=frame(session, runtime, HERE, notice),
        prompt=prompt,
        typed=prompt.text if typed is None else typed,
        typed_language=typed_language or prompt.language,
        error=error,
    )
    return render(request, page, status_code=200 if error is None else error.status_code)
