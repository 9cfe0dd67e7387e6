"""Model versions: listed, looked at, named, activated, rolled back (by activating the former one), discarded,
downloaded, removed."""

import os
from collections.abc import Callable
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.types import Receive, Scope, Send

from app.api.description import Responses, raises
from app.api.schemas import SEEN, After, JsonObject, Limit, Model, Out, PageOut, page_out
from app.db.models.versions import Version, VersionKind, VersionOrigin, VersionStatus
from app.errors import ConflictError, GoneError, InvalidError, NotFoundError, UnavailableError
from app.formats.ids import RowId
from app.http.head import wants_head_only
from app.model_info.gguf_kinds import GgufKind
from app.model_info.weights import CheckpointError
from app.model_info.zipped import PIECE_BYTES, zipped
from app.runtime import ReadSession, Runtime, RuntimeDep, UnitRoute, WriteSession
from app.services.lifecycle import deciding, gguf_files, removal
from app.services.lifecycle.deciding import Decided, Seen
from app.services.versions import versions

router = APIRouter(prefix="/api/v1/versions", tags=["versions"], route_class=UnitRoute)
GGUF: Responses = {200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}}
ZIP: Responses = {200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}}
FULL = HTTPStatus.INSUFFICIENT_STORAGE


class VersionOut(Out):
    id: int
    """Its number."""
    name: str | None = Field(description="What somebody calls it.")
    note: str | None
    """A person's own words about it."""
    kind: VersionKind
    """What it is."""
    status: VersionStatus
    """What it does now."""
    origin: VersionOrigin
    """Where it comes from."""
    imported_from: str | None = Field(description="The name of the directory that an imported one came from.")
    languages: list[str] | None = Field(
        description="Languages that an SFT model is for, if given; what is trained from it is for the same."
    )
    parent_id: int | None
    """What it was trained from."""
    reward_version_id: int | None
    """The reward model that a policy was trained against."""
    job_id: str | None
    """The job that made it."""
    metrics: JsonObject
    """What was measured (docs/metrics.md)."""
    hparams: JsonObject
    """What it was trained with."""
    seed: int | None
    """What chance began with."""
    precision: str | None = Field(
        description="Number format it was trained in: bf16 or fp32; null if not trained here."
    )
    code_commit: str | None
    """The program that made it."""
    content_hash: str
    """sha256 of its files: the same model elsewhere is known by it."""
    created_at: datetime
    """When it was made."""
    discarded_at: datetime | None = Field(
        description="Since when a candidate is not to be used; it can be taken back while its files are there."
    )
    activated_at: datetime | None
    """When it last became the active one."""
    removed_at: datetime | None = Field(description="When its files were removed; its record stays.")


class VersionDetail(VersionOut):
    lineage: list[int]
    """Its own id, its parent's, and so on to the root."""
    ranking_ids: list[int]
    """The rankings that made it."""


class VersionChange(Model):
    name: str | None = Field(
        None, description=f"At most {deciding.MAX_NAME_CHARACTERS} characters; empty takes the name away."
    )
    note: str | None = Field(
        None, description=f"At most {deciding.MAX_NOTE_CHARACTERS} characters; empty takes the note away."
    )
    seen_name: str | None = Field(None, description=SEEN)
    seen_note: str | None = Field(None, description=SEEN)


class SeenIn(Model):
    """What you saw when you decided: where somebody else decided meanwhile, nothing is changed (409)."""

    in_place_id: int | None = None
    """The version that answered, or scored; null: none did."""
    decided: Decided | None = None
    """What had been decided about this one; null: you do not say."""


class PruneIn(Model):
    keep: int = Field(removal.KEEP, ge=0, le=1_000, description="How many of the newest of each kind to keep.")
    dry_run: bool = Field(False, description="Only show what would be removed.")


class Removed(Out):
    id: int
    """Its number."""
    kind: VersionKind
    """What it is."""
    freed_bytes: int = Field(description="Size of its files, except those that another version shares.")


class Kept(Out):
    id: int
    """Its number."""
    kind: VersionKind
    """What it is."""
    reason: str
    """Why, in a sentence."""


class RemovalOut(Out):
    removed: list[Removed]
    """Whose files are gone."""
    kept: list[Kept]
    """Whose files stay."""
    freed_bytes: int
    """Room on the disk."""
    left: list[str] = Field(description="Folders whose files could not be deleted, in sentences.")


def removal_out(removed: removal.Removal, left: list[str]) -> RemovalOut:
    return RemovalOut(
        removed=[
            Removed(id=each.version.id, kind=each.version.kind, freed_bytes=each.freed_bytes) for each in removed.going
        ],
        kept=[Kept(id=version.id, kind=version.kind, reason=reason) for version, reason in removed.staying],
        freed_bytes=removed.freed_bytes,
        left=left,
    )


def version_out(version: Version) -> VersionOut:
    return VersionOut.model_validate(version, from_attributes=True)


@router.get("")
def index(
    session: ReadSession, after: After = None, limit: Limit = 50, kind: VersionKind | None = None
) -> PageOut[VersionOut]:
    """Lists model versions, newest first."""
    return page_out(versions.list_versions(session, after=after, limit=limit, kind=kind), version_out)


@router.get("/{version_id:digits}", responses=raises(NotFoundError))
def read(version_id: RowId, session: ReadSession) -> VersionDetail:
    """Returns one version with its lineage and the rankings that it was trained on."""
    line = versions.lineage(session, version_id)
    return VersionDetail(
        **version_out(line[0]).model_dump(),
        lineage=[version.id for version in line],
        ranking_ids=versions.ranking_ids(session, line[0]),
    )


@router.post("/{version_id:digits}/activate", responses=raises(NotFoundError, ConflictError, GoneError))
def activate(version_id: RowId, runtime: RuntimeDep, session: WriteSession, seen: SeenIn | None = None) -> VersionOut:
    """Makes a version the one that answers (or scores). The previous one is retired and can be activated again. The
    body may be left out: then whatever others decided meanwhile is overridden."""
    data_dir = runtime.settings.data_dir
    return version_out(deciding.use(session, version_id, data_dir=data_dir, seen=_seen(seen)))


@router.patch("/{version_id:digits}", responses=raises(NotFoundError, ConflictError, InvalidError))
def change(version_id: RowId, body: VersionChange, session: WriteSession) -> VersionOut:
    """Changes a version's name, its note, or both; what is left out stays. No two versions have one name."""
    return version_out(deciding.rename(session, version_id, **body.model_dump()))


@router.post("/{version_id:digits}/discard", responses=raises(NotFoundError, ConflictError, GoneError))
def discard(version_id: RowId, session: WriteSession, seen: SeenIn | None = None) -> VersionOut:
    """Decides against a candidate. Its files stay until it is removed or pruned. The body may be left out."""
    return version_out(deciding.discard(session, version_id, seen=_seen(seen)))


@router.post("/{version_id:digits}/take-back", responses=raises(NotFoundError, ConflictError, GoneError))
def take_back(version_id: RowId, session: WriteSession, seen: SeenIn | None = None) -> VersionOut:
    """Makes a discarded version a candidate again. The body may be left out."""
    return version_out(deciding.take_back(session, version_id, seen=_seen(seen)))


def _seen(sent: SeenIn | None) -> Seen | None:
    return None if sent is None else Seen(sent.in_place_id, sent.decided)


@router.get(
    "/{version_id:digits}/download",
    response_class=StreamingResponse,
    responses={**ZIP, **raises(NotFoundError, GoneError, CheckpointError)},
)
def download(version_id: RowId, runtime: RuntimeDep, session: ReadSession) -> StreamingResponse:
    """Streams a version's files as a zip in the layout of the Hugging Face Hub, which transformers opens unzipped."""
    version = versions.usable_version(session, version_id)
    name = f"fourfold-{version.kind}-{version.id}"
    pieces = zipped(runtime.settings.version_directory(version.path), name)
    headers = {"Content-Disposition": f'attachment; filename="{name}.zip"'}
    return StreamingResponse(pieces, media_type="application/zip", headers=headers)


@router.get(
    "/{version_id:digits}/gguf",
    response_class=StreamingResponse,
    responses={**GGUF, **raises(NotFoundError, GoneError, InvalidError, UnavailableError)},
)
def download_gguf(
    request: Request,
    version_id: RowId,
    runtime: RuntimeDep,
    session: ReadSession,
    kind: Annotated[GgufKind, Query(alias="type")] = GgufKind.Q8_0,
) -> Response:
    """A version as one GGUF file, for llama.cpp. It is written before the first byte is sent, which takes seconds for a
    small model; one at a time."""
    version = versions.usable_version(session, version_id)
    gguf_files.check_exportable(version)
    name, folder = gguf_files.name_of(version), runtime.settings.version_directory(version.path)
    if wants_head_only(request):
        return Response(media_type="application/octet-stream")
    session.rollback()  # nothing waits for the child with a transaction open
    file = gguf_files.written(runtime.settings, folder, kind, name)
    headers = {
        "Content-Disposition": f'attachment; filename="{name}-{kind.file_word}.gguf"',
        "Content-Length": str(os.fstat(file.fileno()).st_size),
    }
    return OpenFileResponse(file, headers)


class OpenFileResponse(StreamingResponse):
    """Closes its file however the sending ended, also where the reader had left before the first byte."""

    def __init__(self, file: BinaryIO, headers: dict[str, str]) -> None:
        pieces = iter(partial(file.read, PIECE_BYTES), b"")
        super().__init__(pieces, media_type="application/octet-stream", headers=headers)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._file:
            await super().__call__(scope, receive, send)


@router.delete("/{version_id:digits}", responses=raises(NotFoundError, ConflictError, UnavailableError, FULL))
async def remove(version_id: RowId, runtime: RuntimeDep) -> RemovalOut:
    """Deletes a version's files for good; its record stays. Refused while something needs it."""
    mark = partial(removal.remove, version_id=version_id, settings=runtime.settings)
    return await removed(runtime, mark)


@router.post("/prune", responses=raises(UnavailableError, FULL))
async def prune(body: PruneIn, runtime: RuntimeDep) -> RemovalOut:
    """Removes every version that nothing needs; `kept` says which stay, and why."""
    if body.dry_run:
        look = partial(removal.plan, settings=runtime.settings, keep=body.keep)
        return removal_out(await runtime.reading.run(look), [])
    return await removed(runtime, partial(removal.prune, settings=runtime.settings, keep=body.keep))


async def removed(runtime: Runtime, mark: Callable[[Session], removal.Removal]) -> RemovalOut:
    """Files go once the rows are committed: never the other way round."""
    removed = await runtime.writing.run(mark)
    return removal_out(removed, await runtime.reading.run(partial(removal.clear, settings=runtime.settings)))
