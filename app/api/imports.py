"""The data in: JSON Lines as the body, kept on disk while it comes: no file is too large for memory."""

import tempfile
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import IO

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from app.api.description import raises
from app.errors import UnavailableError
from app.runtime import RuntimeDep
from app.services.imports import Imported

router = APIRouter(prefix="/api/v1/import", tags=["data"])
WRITTEN_AT_ONCE = 1 << 20
FULL = HTTPStatus.INSUFFICIENT_STORAGE
BODY = {"content": {"application/jsonl": {"schema": {"type": "string", "format": "binary"}}}, "required": True}


class ImportOut(BaseModel):
    lines: int = Field(description="Lines of the file that are not blank.")
    new: int = Field(description="Prompts that were not there yet.")
    repeated: int = Field(description="Lines whose prompt was there already, or stands earlier in the file.")
    kept: int = Field(
        description="Of these, those that the file gives another split or language: the prompts stay as they are."
    )


@router.post("/prompts", status_code=201, openapi_extra={"requestBody": BODY}, responses=raises(UnavailableError, FULL))
async def prompts(request: Request, runtime: RuntimeDep) -> ImportOut:
    """One prompt per line. A bad line is named by its number and nothing of the file is kept. A long file takes its
    time (minutes for 64 MB), so that people can go on ranking; its prompts appear together when it is in."""
    with tempfile.TemporaryFile(dir=runtime.settings.data_dir) as file:  # it has no name: a crash leaves nothing
        await _save(request.stream(), file)
        return ImportOut.model_validate(await run_in_threadpool(_import, runtime, file), from_attributes=True)


def _import(runtime: RuntimeDep, file: IO[bytes]) -> Imported:
    return runtime.imports.run(file, runtime.group_sampler.fitting())


async def _save(pieces: AsyncIterator[bytes], file: IO[bytes]) -> None:
    waiting = bytearray()
    async for piece in pieces:
        waiting += piece
        if len(waiting) >= WRITTEN_AT_ONCE:
            await run_in_threadpool(file.write, bytes(waiting))
            waiting.clear()
    await run_in_threadpool(file.write, bytes(waiting))
