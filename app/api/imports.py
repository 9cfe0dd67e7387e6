"""Data in: the request's body is a file, kept on disk while it arrives, so that its size does not matter."""

import tempfile
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import IO

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from app.api.description import raises
from app.api.labeler import ApiLabeler
from app.api.schemas import Out
from app.errors import ConflictError, UnavailableError
from app.runtime import Runtime, RuntimeDep
from app.services.data.import_summary import ImportSummary, told
from app.services.data.row_doors import COMPARED, CONVERSATIONS, PROMPTS, VOTES
from app.services.data.row_forms import Form
from app.services.labeling.labelers import LabelerName

router = APIRouter(prefix="/api/v1/import", tags=["data"])
WRITTEN_AT_ONCE = 1 << 20
ANY_FILE = {"schema": {"type": "string", "format": "binary"}}
MEDIA_TYPES = ("application/jsonl", "application/json", "text/csv", "application/vnd.apache.parquet")
BODY = {"content": dict.fromkeys(MEDIA_TYPES, ANY_FILE), "required": True}
ANSWERS = raises(ConflictError, UnavailableError, HTTPStatus.INSUFFICIENT_STORAGE)


class ImportOut(Out):
    """What happened to the file's rows. Nothing is left out without being counted here."""

    says: str = Field(description="The same in sentences.")
    lines: int = Field(description="Rows of the file.")
    new: int = Field(description="Prompts that were not there yet.")
    repeated: int = Field(description="Rows whose prompt was there already, or comes earlier in the file.")
    kept: int = Field(
        description="Of these, those with another split or language in the file, or archived there: what is stored "
        "stays as it is."
    )
    put_away: int = Field(
        description="Prompts that ship with Fourfold and are archived in the file: archived here, too."
    )
    rankings: int = Field(description="New rankings; a comparison is one of two answers.")
    repeated_rankings: int = Field(description="Those that were there already.")
    other_comments: int = Field(description="Of these, those with another comment in the file: they stay as they are.")
    votes: int = Field(description="New votes of the arena.")
    repeated_votes: int = Field(description="Those that were there already.")
    conversations: int = Field(description="New conversations.")
    repeated_conversations: int = Field(description="Those that were there already.")
    conversations_beside: int = Field(
        description="Of the new ones, those that began when another one of their labeler did, and read otherwise."
    )
    held_out: int = Field(description="New rankings of held-out prompts: kept, but not trained on.")
    archived: int = Field(description="New rankings of archived prompts: not trained on until these are restored.")
    same_text: int = Field(description="Comparisons of a text with itself: left out.")
    answers_not_kept: int = Field(
        description="Answers that were not compared with another: only their prompts are kept."
    )
    questions_not_kept: int = Field(description="Later questions of the conversations with such answers: not kept.")
    columns_not_kept: list[str] = Field(description="Names of the columns that are not used, the first twenty.")


def import_out(summary: ImportSummary) -> ImportOut:
    columns = sorted(summary.columns_not_kept)
    shown = {"columns_not_kept": columns, "put_away": len(summary.put_away)}
    return ImportOut(says=told(summary), **(vars(summary) | shown))


@router.post("/prompts", status_code=201, openapi_extra={"requestBody": BODY}, responses=ANSWERS)
async def prompts(request: Request, runtime: RuntimeDep) -> ImportOut:
    """Imports prompts from JSON Lines, a JSON list, CSV or Parquet, one in each row (prompt, messages or text). If a
    row holds one answer, too (ShareGPT, Alpaca, prompt and completion), the answer is counted but not kept. If a row
    is bad, the error names it and nothing of the file is kept. A long file (64 MB, say) takes minutes, so that people
    can keep ranking meanwhile; its prompts appear together at the end."""
    return await _import(request, runtime, PROMPTS)


@router.post("/comparisons", status_code=201, openapi_extra={"requestBody": BODY}, responses=ANSWERS)
async def comparisons(request: Request, runtime: RuntimeDep) -> ImportOut:
    """Imports preferences: a chosen and a rejected answer in each row, as in comparisons.jsonl and as TRL reads them;
    ranked answers, too. Reward models learn from them. Their labeler has the kind `imported`, unless the file names
    one."""
    return await _import(request, runtime, COMPARED)


@router.post("/rankings", status_code=201, openapi_extra={"requestBody": BODY}, responses=ANSWERS)
async def rankings(request: Request, runtime: RuntimeDep) -> ImportOut:
    """Imports rankings: a prompt and 2 to 16 answers with ranks or scores in each row, as in rankings.jsonl;
    comparisons, too."""
    return await _import(request, runtime, COMPARED)


@router.post("/votes", status_code=201, openapi_extra={"requestBody": BODY}, responses=ANSWERS)
async def votes(request: Request, runtime: RuntimeDep) -> ImportOut:
    """Imports votes of the arena, as in votes.jsonl. A version that is here too is known by its files; others keep the
    name that they have in the file."""
    return await _import(request, runtime, VOTES)


@router.post("/conversations", status_code=201, openapi_extra={"requestBody": BODY}, responses=ANSWERS)
async def conversations(request: Request, runtime: RuntimeDep, who: ApiLabeler) -> ImportOut:
    """Imports conversations, as in conversations.jsonl: each belongs to the labeler whom the file names. A version that
    is here too is known by its files; of another the name is kept. Rows of `messages` alone, as TRL's trainers read
    them, are conversations of the labeler of `X-Labeler`."""
    return await _import(request, runtime, CONVERSATIONS, who)


async def _import(
    request: Request, runtime: Runtime, wanted: frozenset[Form], owner: LabelerName | None = None
) -> ImportOut:
    with tempfile.TemporaryFile(dir=runtime.settings.data_dir) as file:  # it has no name: a crash leaves nothing
        await _save(request.stream(), file)
        return import_out(await run_in_threadpool(_run, runtime, file, wanted, owner))


def _run(runtime: Runtime, file: IO[bytes], wanted: frozenset[Form], owner: LabelerName | None) -> ImportSummary:
    return runtime.importer.run(file, runtime.group_sampling.fitting(), wanted, owner)


async def _save(pieces: AsyncIterator[bytes], file: IO[bytes]) -> None:
    waiting = bytearray()
    async for piece in pieces:
        waiting += piece
        if len(waiting) >= WRITTEN_AT_ONCE:
            await run_in_threadpool(file.write, bytes(waiting))
            waiting.clear()
    await run_in_threadpool(file.write, bytes(waiting))
