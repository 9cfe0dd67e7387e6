"""Prompts: listed, searched, added, archived and restored, deleted."""

from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Self

from fastapi import APIRouter, Query
from pydantic import Field, model_validator

from app.api.description import raises
from app.api.schemas import After, Limit, MessageIn, Out, PageOut, PromptInput, Text, one_of, page_out
from app.db.base import utc_now
from app.db.models.prompts import Prompt, PromptSource, PromptSplit
from app.db.session import transaction
from app.errors import ConflictError, InvalidError, NotFoundError, UnavailableError
from app.formats.ids import RowId
from app.formats.texts import clean_text
from app.runtime import ReadSession, RuntimeDep, UnitRoute, WriteSession
from app.services.prompts import curation
from app.services.prompts.curation import MAX_SEARCH_CHARACTERS, PromptList, Wanted
from app.services.prompts.prompts import NewPrompt, add_prompts, get_prompt

router = APIRouter(prefix="/api/v1/prompts", tags=["prompts"], route_class=UnitRoute)
MAX_PROMPTS = 500


class PromptIn(PromptInput):
    split: PromptSplit = PromptSplit.TRAIN
    """`held_out` is for evaluations alone."""
    language: Text | None = Field(None, min_length=2, max_length=16)
    """A short code such as en; default: guessed from the words."""


class PromptsIn(PromptIn):
    """One prompt, or `prompts` with many."""

    model_config = one_of(prompt="string", messages="array", prompts="array")

    prompts: list[PromptIn] | None = Field(None, min_length=1, max_length=MAX_PROMPTS)
    """Several at once, in the place of the fields beside it."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if sum(given is not None for given in (self.prompt, self.messages, self.prompts)) != 1:
            raise ValueError("give one of prompt (text), messages (a list) and prompts (a list of those)")
        return self


class PromptOut(Out):
    id: int
    """Its number."""
    text: str
    """The last message."""
    messages: list[MessageIn]
    """The whole conversation."""
    split: PromptSplit
    """`held_out` is for evaluations alone."""
    source: PromptSource
    """Where it comes from."""
    language: str
    """A short code."""
    shown: int = Field(description="How many groups of answers were sampled for it.")
    archived_at: datetime | None = Field(description="When it was archived; since then it is not shown or trained on.")
    set_aside: str | None = Field(description="Why the active version cannot answer it; it is not shown or trained on.")
    created_at: datetime
    """When it was added."""


class PromptsOut(Out):
    items: list[PromptOut]
    """In the order given; those that were there already among them."""


def prompt_out(prompt: Prompt) -> PromptOut:
    return PromptOut(
        id=prompt.id,
        text=prompt.text,
        messages=[MessageIn.model_validate(message) for message in prompt.messages],
        split=prompt.split,
        source=prompt.source,
        language=prompt.language,
        shown=prompt.shown,
        archived_at=prompt.archived_at,
        set_aside=prompt.set_aside,
        created_at=prompt.created_at,
    )


class Shelf(StrEnum):
    """Which prompts are listed."""

    ACTIVE = PromptList.ACTIVE
    HELD_OUT = PromptList.HELD_OUT
    SET_ASIDE = PromptList.SET_ASIDE
    ARCHIVED = PromptList.ARCHIVED


@router.get("")
def index(
    session: ReadSession,
    after: After = None,
    limit: Limit = 50,
    split: PromptSplit | None = None,
    shelf: Annotated[Shelf | None, Query(description="Default: all, including archived ones.")] = None,
    search: Annotated[str, Query(max_length=MAX_SEARCH_CHARACTERS, description="Part of the last message.")] = "",
) -> PageOut[PromptOut]:
    """Lists prompts, oldest first. A filtered page may be short and still have a `next`: go on until that is null."""
    prompt_list = None if shelf is None else PromptList(shelf)
    wanted = Wanted(prompt_list=prompt_list, split=split, words=clean_text(search))
    return page_out(curation.list_prompts(session, after=after, limit=limit, wanted=wanted), prompt_out)


@router.post("", status_code=201, responses=raises(UnavailableError, HTTPStatus.INSUFFICIENT_STORAGE))
def create(body: PromptsIn, runtime: RuntimeDep) -> PromptsOut:
    """Adds one prompt (`prompt` or `messages`) or many (`prompts`): all of them or none. A prompt that leaves no room
    for an answer in the active version's context is refused. One that is there already is returned as it is stored."""
    given = body.prompts or [body]
    new = [NewPrompt(prompt.to_messages(runtime.settings), prompt.split, prompt.language) for prompt in given]
    fitting = runtime.group_sampling.fitting()
    for number, prompt in enumerate(new, start=1):
        try:
            fitting.check_quickly(prompt.messages)
        except InvalidError as error:
            which = "" if body.prompts is None else f"Prompt {number}: "
            raise InvalidError(which + error.message) from error
    with transaction(runtime.write) as session:
        stored = add_prompts(session, new)
        return PromptsOut(items=[prompt_out(prompt) for prompt in stored])


@router.get("/{prompt_id}", responses=raises(NotFoundError))
def show(prompt_id: RowId, session: ReadSession) -> PromptOut:
    """Returns one prompt."""
    return prompt_out(get_prompt(session, prompt_id))


@router.post("/{prompt_id}/archive", responses=raises(NotFoundError))
def archive(prompt_id: RowId, session: WriteSession) -> PromptOut:
    """Archives a prompt: it is no longer shown to labelers, and its rankings are no longer trained on."""
    return prompt_out(curation.archive_prompt(session, prompt_id, utc_now()))


@router.post("/{prompt_id}/restore", responses=raises(NotFoundError))
def restore(prompt_id: RowId, session: WriteSession) -> PromptOut:
    """Brings an archived prompt back into use."""
    return prompt_out(curation.restore_prompt(session, prompt_id))


@router.delete("/{prompt_id}", status_code=204, responses=raises(NotFoundError, ConflictError))
def delete(prompt_id: RowId, session: WriteSession) -> None:
    """Deletes a prompt for good. 409 if a ranking, an open card or a training depends on it: archive it instead."""
    curation.delete_prompt(session, prompt_id)
