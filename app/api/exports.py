"""The data out, streamed line by line."""

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from app.api.description import lines, raises
from app.db.models.labelers import LabelerKind
from app.errors import UnavailableError
from app.formats.json_lines import json_line
from app.runtime import RuntimeDep
from app.services.data.exports import count_export, export_comparisons, export_prompts, export_rankings

router = APIRouter(prefix="/api/v1/export", tags=["data"])
PROMPTS = {**lines("A prompt with its split and language."), **raises(UnavailableError)}
RANKINGS = {**lines("A ranking with its answers."), **raises(UnavailableError)}
COMPARISONS = {**lines("A chosen and a rejected answer."), **raises(UnavailableError)}


def _json_lines(rows: Iterable[dict[str, Any]], name: str) -> StreamingResponse:
    lines: Iterator[str] = (json_line(row) for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines, media_type="application/jsonl", headers=headers)


@router.get("/prompts.jsonl", response_class=StreamingResponse, responses=PROMPTS)
def prompts(runtime: RuntimeDep) -> StreamingResponse:
    """One prompt per line, archived ones too. With rankings.jsonl it is all that people gave: both may be imported into
    another installation."""
    return _json_lines(export_prompts(runtime.read), "prompts.jsonl")


@router.get("/rankings.jsonl", response_class=StreamingResponse, responses=RANKINGS)
def rankings(runtime: RuntimeDep, labeler_kind: LabelerKind | None = None) -> StreamingResponse:
    """One ranking per line: prompt, answers with ranks, version and settings that made them, labeler."""
    return _json_lines(export_rankings(runtime.read, labeler_kind), "rankings.jsonl")


@router.get("/comparisons.jsonl", response_class=StreamingResponse, responses=COMPARISONS)
def comparisons(runtime: RuntimeDep, labeler_kind: LabelerKind | None = None, ties: bool = False) -> StreamingResponse:
    """One chosen-rejected pair per line, as TRL's trainers read them; `labeler_kind=person` leaves programs out. Pairs
    that were called equal are left out, or with `ties=true` marked by `"tie": true`. Two answers with one text make no
    pair."""
    return _json_lines(export_comparisons(runtime.read, labeler_kind, ties=ties), "comparisons.jsonl")


class ExportSummary(BaseModel):
    rankings: int = Field(description="Lines of rankings.jsonl.")
    comparisons: int = Field(description="Lines of comparisons.jsonl.")
    ties: int = Field(description="Pairs that were called equal: further lines of comparisons.jsonl with `ties=true`.")
    same_text: int = Field(description="Pairs of answers with one text: in none of them.")


@router.get("/summary", responses=raises(UnavailableError))
def summary(runtime: RuntimeDep, labeler_kind: LabelerKind | None = None) -> ExportSummary:
    """What the exports hold, and what is left out of them."""
    return ExportSummary.model_validate(count_export(runtime.read, labeler_kind), from_attributes=True)
