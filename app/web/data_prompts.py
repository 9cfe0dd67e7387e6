"""Prompts on the data page: browsed, added, imported, archived, restored, deleted. Plain forms: no script."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, ClassVar
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from app.chat import Message
from app.db.base import utc_now
from app.db.models.prompts import Prompt, PromptSource, PromptSplit
from app.db.models.tags import Tagged
from app.errors import AppError, InvalidError, NotFoundError
from app.formats.ids import RowId
from app.formats.texts import clean_text
from app.runtime import ReadSession, Runtime, RuntimeDep, UnitRoute
from app.services.prompts import curation
from app.services.prompts.curation import MAX_SEARCH_CHARACTERS, PromptList, Wanted
from app.services.prompts.prompts import add_prompt, validate_messages
from app.services.views.prompt_records import PromptOrder, list_in_order
from app.translation import N_, _
from app.web.asked import anything, asked, one_of
from app.web.data_frame import PATH, ROWS, DataPage, frame, page_at, values_of
from app.web.data_tags import choices
from app.web.left_out import LeftOut, left_out
from app.web.security import FormDep
from app.web.templating import render

router = APIRouter(route_class=UnitRoute)
HERE = f"{PATH}/prompts"
LISTS = (
    (PromptList.ACTIVE, N_("In use")),
    (PromptList.HELD_OUT, N_("Held out")),
    (PromptList.SET_ASIDE, N_("Left out")),
    (PromptList.ARCHIVED, N_("Archived")),
)
SORTS = (
    (PromptOrder.OLDEST, N_("Oldest first")),
    (PromptOrder.NEWEST, N_("Newest first")),
    (PromptOrder.MOST_SHOWN, N_("Most often shown")),
)
KNOWN = {
    "show": one_of(list(PromptList)),
    "q": anything,
    "after": anything,
    "tag": anything,
    "sort": values_of(SORTS),
}
"""What may stand in the address; an order that another list has is passed over."""
DONE = {
    "added": N_("The prompt was added."),
    "archive": N_("The prompt was archived. It is neither shown nor trained on."),
    "restore": N_("The prompt is in use again."),
    "delete": N_("The prompt was deleted."),
}
ACTIONS: dict[str, Callable[[Session, int], object]] = {
    "archive": lambda session, prompt_id: curation.archive_prompt(session, prompt_id, utc_now()),
    "restore": curation.restore_prompt,
    "delete": curation.delete_prompt,
}


@dataclass(frozen=True)
class Position:
    """Where in which list a person is: in the address, so that it can be kept and shared."""

    prompt_list: PromptList = PromptList.ACTIVE
    words: str = ""
    after: str | None = None
    tag: str = ""
    sort: PromptOrder = PromptOrder.OLDEST

    def address(self, **changes: str | None) -> str:
        sort = None if self.sort is PromptOrder.OLDEST else self.sort.value
        asked = {"q": self.words or None, "tag": self.tag or None, "sort": sort, "after": self.after}
        query = {"show": self.prompt_list.value} | asked | changes
        return f"{HERE}?" + urlencode({name: value for name, value in query.items() if value is not None})


FIRST = Position()


@dataclass(frozen=True)
class AddForm:
    """What was typed into the form that adds a prompt, and why it was refused."""

    text: str = ""
    held_out: bool = False
    error: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of the last button that was pressed."""

    notice: str = ""
    error: AppError | None = None
    """Of a change to a prompt."""
    add: AddForm = AddForm()

    @property
    def status_code(self) -> int:
        return 422 if self.add.error else 200 if self.error is None else self.error.status_code


@dataclass(frozen=True, kw_only=True)
class PromptsPage(DataPage):
    template: ClassVar[str] = "data/prompts.html"
    position: Position
    """Which list, what is searched for, and behind which prompt it begins."""
    prompts: list[Prompt]
    """In the order asked for."""
    next: str | None
    """Where the next page begins; none at the end."""
    deletable: set[int]
    """Ids of the prompts that may be deleted."""
    outcome: Outcome
    """What came of the last button that was pressed."""
    left_out: LeftOut
    """How many prompts the active version cannot answer."""
    max_prompt_characters: int
    """Longest prompt."""
    tags: tuple[tuple[str, str], ...]
    """Those that prompts have, with how often."""
    sorts: tuple[tuple[PromptOrder, str], ...]
    """The orders of this list, with their names, untranslated."""
    lists: tuple[tuple[PromptList, str], ...] = LISTS
    """All lists the same way."""


def position_of(show: object, words: object, after: object, tag: object, sort: object) -> Position:
    """Whatever stands in an address or a form: what is unknown is the first list."""
    prompt_list = PromptList(str(show)) if str(show) in set(PromptList) else PromptList.ACTIVE
    words, tag = (clean_text(str(given or ""))[:MAX_SEARCH_CHARACTERS] for given in (words, tag))
    orders = {order.value: order for order, _name in sorts_of(prompt_list)}
    order = orders.get(str(sort), PromptOrder.OLDEST)
    return Position(prompt_list, words, str(after) if after else None, tag, order)


def sorts_of(prompt_list: PromptList) -> tuple[tuple[PromptOrder, str], ...]:
    """Only those in use are shown to anybody, some more often than others."""
    return SORTS if prompt_list is PromptList.ACTIVE else SORTS[:2]


def _position(request: Request) -> Position:
    given = asked(request, KNOWN, most_characters=MAX_SEARCH_CHARACTERS)
    return position_of(*(given.get(name, "") for name in KNOWN))


PositionDep = Annotated[Position, Depends(_position)]


@router.get("/prompts")
async def former_address(request: Request) -> Response:
    """Prompts had a page of their own: links to it lead here."""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(HERE + query, 308)


@router.get(HERE)
def index(
    request: Request,
    runtime: RuntimeDep,
    session: ReadSession,
    position: PositionDep,
    done: Annotated[str, Query(max_length=16)] = "",
) -> Response:
    outcome = Outcome(notice=_(DONE[done]) if done in DONE else "")
    return _page(session, request=request, runtime=runtime, position=position, outcome=outcome)


@router.post(HERE + "/new")
async def add(request: Request, runtime: RuntimeDep, form: FormDep) -> Response:
    """Among those that are shown to whoever comes, or kept for evaluation."""
    text = str(form.get("prompt", ""))
    split = PromptSplit.HELD_OUT if form.get("split") == PromptSplit.HELD_OUT else PromptSplit.TRAIN
    try:
        messages = validate_messages([{"role": "user", "content": text}], runtime.settings.max_prompt_characters)
        await run_in_threadpool(lambda: runtime.group_sampling.fitting().check(messages))
        stored = await runtime.writing.run(partial(_add, messages=messages, split=split))
    except InvalidError as error:
        said = error.page_message
        refused = Outcome(add=AddForm(text, held_out=split is PromptSplit.HELD_OUT, error=said))
        return await runtime.reading.run(partial(_page, request=request, runtime=runtime, outcome=refused))
    prompt_list = PromptList.HELD_OUT if stored.split is PromptSplit.HELD_OUT else PromptList.ACTIVE
    runtime.prefetcher.wake()
    return RedirectResponse(Position(prompt_list).address(done="added"), 303)


def _add(session: Session, *, messages: list[Message], split: PromptSplit) -> Prompt:
    """Raises InvalidError, and changes nothing, where it is in the other part."""
    stored = add_prompt(session, messages=messages, source=PromptSource.OWN, split=split)
    if stored.split is not split:
        raise InvalidError(_("This prompt is already there, in the other part. It stays where it is."))
    return stored


@router.post(HERE + "/{prompt_id}/{action}")
async def change(request: Request, runtime: RuntimeDep, form: FormDep, prompt_id: RowId, action: str) -> Response:
    if action not in ACTIONS:
        raise NotFoundError(_("A prompt can be archived, restored or deleted. Go back to the list of prompts."))
    position = position_of(*(form.get(name) for name in ("show", "q", "after", "tag", "sort")))
    try:
        await runtime.writing.run(lambda session: ACTIONS[action](session, prompt_id))
    except AppError as error:
        outcome = Outcome(error=error)
        show = partial(_page, request=request, runtime=runtime, position=position, outcome=outcome)
        return await runtime.reading.run(show)
    return RedirectResponse(position.address(done=action), 303)


def _page(
    session: Session, *, request: Request, runtime: Runtime, outcome: Outcome, position: Position = FIRST
) -> Response:
    wanted = Wanted(prompt_list=position.prompt_list, words=position.words, tag=position.tag)
    after, listed = page_at(
        request,
        position.after,
        lambda after: list_in_order(session, wanted, position.sort, after=after, limit=ROWS),
    )
    position = replace(position, after=after)
    page = PromptsPage(
        frame=frame(session, runtime, HERE, outcome.notice),
        position=position,
        prompts=listed.items,
        next=listed.next,
        deletable={prompt.id for prompt in listed.items if _may_be_deleted(prompt)},
        outcome=outcome,
        left_out=left_out(session),
        tags=choices(session, Tagged.PROMPT),
        sorts=sorts_of(position.prompt_list),
        max_prompt_characters=runtime.settings.max_prompt_characters,
    )
    return render(request, page, status_code=outcome.status_code)


def _may_be_deleted(prompt: Prompt) -> bool:
    """Not shipped ones, which would come back; whether rankings stand against it is looked up when it is asked for."""
    return prompt.source is not PromptSource.SHIPPED
