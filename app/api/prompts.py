"""Prompts: listed; one or many added. A prompt that is there already is answered as it is stored."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.api.schemas import After, Limit, MessageIn, Model, PageOut, PromptInput, page_out
from app.db.models.prompts import Prompt, PromptSource, PromptSplit
from app.runtime import ReadSession, RuntimeDep, WriteSession
from app.services.prompts import NewPrompt, add_prompts, list_prompts

router = APIRouter(prefix="/api/v1/prompts", tags=["prompts"])
MAX_PROMPTS = 500


class PromptIn(PromptInput):
    split: PromptSplit = PromptSplit.TRAIN
    language: str | None = Field(None, min_length=2, max_length=16)


class PromptsIn(Model):
    prompts: list[PromptIn] = Field(min_length=1, max_length=MAX_PROMPTS)


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
def create(body: PromptIn | PromptsIn, runtime: RuntimeDep, session: WriteSession) -> PromptsOut:
    """`{prompt}` or `{messages}`, or `{prompts: [...]}` for many: all are stored or none."""
    given = body.prompts if isinstance(body, PromptsIn) else [body]
    new = [NewPrompt(prompt.to_messages(runtime.settings), prompt.split, prompt.language) for prompt in given]
    stored = add_prompts(session, new, PromptSource.OWN)
    return PromptsOut(items=[prompt_out(prompt) for prompt in stored])
