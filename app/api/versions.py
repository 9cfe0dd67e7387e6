"""Model versions: listed, looked at, activated (and rolled back: the same call with the former one)."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.api.description import raises
from app.api.schemas import After, JsonObject, Limit, PageOut, page_out
from app.db.models.versions import Version, VersionKind, VersionOrigin, VersionStatus
from app.errors import ConflictError, NotFoundError
from app.ids import RowId
from app.runtime import ReadSession, RuntimeDep, UnitRoute, WriteSession
from app.services import versions

router = APIRouter(prefix="/api/v1/versions", tags=["versions"], route_class=UnitRoute)


class VersionOut(BaseModel):
    id: int
    kind: VersionKind
    status: VersionStatus
    origin: VersionOrigin
    imported_from: str | None = Field(description="The name of the directory that an imported one came from.")
    parent_id: int | None
    reward_version_id: int | None
    job_id: str | None
    metrics: JsonObject
    hparams: JsonObject
    seed: int | None
    precision: str | None = Field(
        description="Number format it was trained in: bf16 or fp32; null if not trained here."
    )
    code_commit: str | None
    content_hash: str
    created_at: datetime
    activated_at: datetime | None


class VersionDetail(VersionOut):
    lineage: list[int]
    """Its own id, its parent's, and so on to the root."""
    ranking_ids: list[int]
    """The rankings that made it."""


def version_out(version: Version) -> VersionOut:
    return VersionOut.model_validate(version, from_attributes=True)


@router.get("")
def index(
    session: ReadSession, after: After = None, limit: Limit = 50, kind: VersionKind | None = None
) -> PageOut[VersionOut]:
    """Newest first."""
    return page_out(versions.list_versions(session, after=after, limit=limit, kind=kind), version_out)


@router.get("/{version_id}", responses=raises(NotFoundError))
def read(version_id: RowId, session: ReadSession) -> VersionDetail:
    line = versions.lineage(session, version_id)
    return VersionDetail(
        **version_out(line[0]).model_dump(),
        lineage=[version.id for version in line],
        ranking_ids=versions.ranking_ids(session, line[0]),
    )


@router.post("/{version_id}/activate", responses=raises(NotFoundError, ConflictError))
def activate(version_id: RowId, runtime: RuntimeDep, session: WriteSession) -> VersionOut:
    """From now on it answers (or scores); the former one is retired and can be activated again."""
    return version_out(versions.activate(session, version_id, data_dir=runtime.settings.data_dir))
