"""The data in: a file as the body, kept on disk while it comes: no file is too large for memory."""

import tempfile
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import IO

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from app.api.description import raises
from app.errors import ConflictError, UnavailableError
from app.runtime import Runtime, RuntimeDep
from app.services.data.import_words import told
from app.services.data.imports import COMPARED, PROMPTS
from app.services.data.row_forms import Form
from app.services.data.taking_in import Imported

router = APIRouter(prefix="/api/v1/import", tags=["data"])
WRITTEN_AT_ONCE = 1 << 20
ANY_FILE = {"schema": {"type": "string", "format": "binary"}}
MEDIA_TYPES = ("application/jsonl", "application/json", "text/csv", "application/vnd.apache.parquet")
BODY = {"content": dict.fromkeys(MEDIA_TYPES, ANY_FILE), "required": True}
ANSWERS = raises(ConflictError, UnavailableError, HTTPStatus.INSUFFICIENT_STORAGE)


class ImportOut(BaseModel):
    """What became of the file's rows. Nothing is left out without being counted here."""

    says: str = Field(description="The same for a person.")
    lines: int = Field(description="Rows of the file.")
    new: int = Field(description="Prompts that were not there yet.")
    repeated: int = Field(description="Rows whose prompt was there already, or stands earlier in the file.")
    kept: int = Field(
        description="Of these, those that the file gives another split or language, or archives: the prompts stay as "
        "they are."
    )
    put_away: int = Field(
        description="Prompts that ship with Fourfold and are archived in the file: archived here, too."
    )
    rankings: int = Field(description="New rankings; a comparison is one of two answers.")
    repeated_rankings: int = Field(description="Those that were there already.")
    held_out: int = Field(description="Of the new ones, those about held-out prompts: kept, but not learned from.")
    archived: int = Field(
        description="Of the other new ones, those about archived prompts: not learned from until these are taken back."
    )
    same_text: int = Field(description="Comparisons of a text with itself: left out, they say nothing.")
    answers_not_kept: int = Field(description="Answers that were compared with no other: only their prompts are kept.")
    questions_not_kept: int = Field(description="Later questions of the conversations with such answers.")
    columns_not_kept: list[str] = Field(description="Columns that say nothing here; the first twenty.")


def import_out(found: Imported) -> ImportOut:
    columns = sorted(found.columns_not_kept)
    shown = {"columns_not_kept": columns, "put_away": len(found.put_away)}
    return ImportOut(says=told(found), **(vars(found) | shown))


@router.post("/prompts", status_code=201, openapi_extra={"requestBody": BODY}, responses=ANSWERS)
async def prompts(request: Request, runtime: RuntimeDep) -> ImportOut:
    """Prompts: JSON Lines, a JSON list, CSV or Parquet with a prompt in each row (prompt, messages or text). Of prompts
    with one answer (ShareGPT, Alpaca, prompt and completion) the answers are not kept, and counted. A bad row is named
    by its place and nothing of the file is kept. A long file takes its time (minutes for 64 MB), so that people can go
    on ranking; its prompts appear together when it is in."""
    return await _import(request, runtime, PROMPTS)


@router.post("/comparisons", status_code=201, openapi_extra={"requestBody": BODY}, responses=ANSWERS)
async def comparisons(request: Request, runtime: RuntimeDep) -> ImportOut:
    """Preferences: a chosen and a rejected answer in each row, as TRL reads them and comparisons.jsonl has them. Ranked
    answers are taken here, too. Reward models learn from them; whoever gave them is a labeler of kind `imported`,
    unless the file says more."""
    return await _import(request, runtime, COMPARED)


@router.post("/rankings", status_code=201, openapi_extra={"requestBody": BODY}, responses=ANSWERS)
async def rankings(request: Request, runtime: RuntimeDep) -> ImportOut:
    """Rankings: a prompt and a list of 2 to 16 answers with ranks or scores in each row, as rankings.jsonl has them.
    Comparisons are taken here, too."""
    return await _import(request, runtime, COMPARED)


async def _import(request: Request, runtime: Runtime, wanted: frozenset[Form]) -> ImportOut:
    with tempfile.TemporaryFile(dir=runtime.settings.data_dir) as file:  # it has no name: a crash leaves nothing
        await _save(request.stream(), file)
        return import_out(await run_in_threadpool(_run, runtime, file, wanted))


def _run(runtime: Runtime, file: IO[bytes], wanted: frozenset[Form]) -> Imported:
    return runtime.imports.run(file, runtime.group_sampling.fitting(), wanted)


async def _save(pieces: AsyncIterator[bytes], file: IO[bytes]) -> None:
    waiting = bytearray()
    async for piece in pieces:
        waiting += piece
        if len(waiting) >= WRITTEN_AT_ONCE:
            await run_in_threadpool(file.write, bytes(waiting))
            waiting.clear()
    await run_in_threadpool(file.write, bytes(waiting))
