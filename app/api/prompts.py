"""Prompts: listed; one or many added. A prompt that is there already is answered as it is stored."""

from datetime import datetime
from typing import Self

from fastapi import APIRouter
from pydantic import BaseModel, Field, model_validator

from app.api.schemas import After, Limit, MessageIn, PageOut, PromptInput, page_out
from app.db.models.prompts import Prompt, PromptSource, PromptSplit
from app.runtime import ReadSession, RuntimeDep, UnitRoute, WriteSession
from app.services.prompts import NewPrompt, add_prompts, list_prompts

router = APIRouter(prefix="/api/v1/prompts", tags=["prompts"], route_class=UnitRoute)
MAX_PROMPTS = 500


class PromptIn(PromptInput):
    split: PromptSplit = PromptSplit.TRAIN
    language: str | None = Field(None, min_length=2, max_length=16)


class PromptsIn(PromptIn):
    """One prompt, or `prompts` with many."""

    prompts: list[PromptIn] | None = Field(None, min_length=1, max_length=MAX_PROMPTS)

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if sum(given is not None for given in (self.prompt, self.messages, self.prompts)) != 1:
            raise ValueError("give one of prompt (text), messages (a list) and prompts (a list of those)")
        return self


class PromptOut(BaseModel):
    id: int
    text: str
    messages: list[MessageIn]
    split: PromptSplit
    source: PromptSource
    language: str
    created_at: datetime


class PromptsOut(BaseModel):
    items: list[PromptOut]


def prompt_out(prompt: Prompt) -> PromptOut:
    return PromptOut(
        id=prompt.id,
        text=prompt.text,
        messages=[MessageIn.model_validate(message) for message in prompt.messages],
        split=prompt.split,
        source=prompt.source,
        language=prompt.language,
        created_at=prompt.created_at,
    )


@router.get("")
def index(
    session: ReadSession, after: After = None, limit: Limit = 50, split: PromptSplit | None = None
) -> PageOut[PromptOut]:
    """Oldest first."""
    return page_out(list_prompts(session, after=after, limit=limit, split=split), prompt_out)


@router.post("", status_code=201)
def create(body: PromptsIn, runtime: RuntimeDep, session: WriteSession) -> PromptsOut:
    """`{prompt}` or `{messages}`, or `{prompts: [...]}` for many: all are stored or none."""
    given = body.prompts or [body]
    new = [NewPrompt(prompt.to_messages(runtime.settings), prompt.split, prompt.language) for prompt in given]
    stored = add_prompts(session, new, PromptSource.OWN)
    return PromptsOut(items=[prompt_out(prompt) for prompt in stored])
