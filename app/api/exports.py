"""The data out, streamed line by line."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from app.api.description import lines, raises
from app.db.models.labelers import LabelerKind
from app.errors import UnavailableError
from app.runtime import RuntimeDep
from app.services.exports import export_comparisons, export_rankings

router = APIRouter(prefix="/api/v1/export", tags=["data"])
RANKINGS = {**lines("A ranking with its four answers."), **raises(UnavailableError)}
COMPARISONS = {**lines("A chosen and a rejected answer."), **raises(UnavailableError)}


def _json_lines(rows: Iterable[dict[str, Any]], name: str) -> StreamingResponse:
    lines: Iterator[str] = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines, media_type="application/jsonl", headers=headers)


@router.get("/rankings.jsonl", response_class=StreamingResponse, responses=RANKINGS)
def rankings(runtime: RuntimeDep, labeler_kind: LabelerKind | None = None) -> StreamingResponse:
    """One ranking per line: prompt, four answers with ranks, version and settings that made them, labeler."""
    return _json_lines(export_rankings(runtime.read, labeler_kind), "rankings.jsonl")


@router.get("/comparisons.jsonl", response_class=StreamingResponse, responses=COMPARISONS)
def comparisons(runtime: RuntimeDep, labeler_kind: LabelerKind | None = None) -> StreamingResponse:
    """One chosen-rejected pair per line, as TRL's trainers read them; `labeler_kind=person` leaves programs out."""
    return _json_lines(export_comparisons(runtime.read, labeler_kind), "comparisons.jsonl")
