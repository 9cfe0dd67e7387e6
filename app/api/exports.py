"""Data out: prompts, rankings and comparisons, streamed line by line."""

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import BaseModel, Field

from app.api.description import lines, raises
from app.db.models.labelers import LabelerKind
from app.errors import UnavailableError
from app.formats.json_lines import json_line
from app.runtime import ReadSession, RuntimeDep, UnitRoute
from app.services.data.dataset_card import dataset_card
from app.services.data.exports import (
    count_export,
    export_comparisons,
    export_plain_comparisons,
    export_prompts,
    export_rankings,
    languages_of_prompts,
)
from app.services.data.vote_exports import export_vote_preferences, export_votes
from app.services.views.record_counts import count_records

router = APIRouter(prefix="/api/v1/export", tags=["data"], route_class=UnitRoute)
PROMPTS = {**lines("A prompt with its split and language."), **raises(UnavailableError)}
RANKINGS = {**lines("A ranking with its answers."), **raises(UnavailableError)}
VOTES = {**lines("A vote with its pair of answers."), **raises(UnavailableError)}
COMPARISONS = {**lines("A chosen and a rejected answer."), **raises(UnavailableError)}


def _json_lines(rows: Iterable[dict[str, Any]], name: str) -> StreamingResponse:
    lines: Iterator[str] = (json_line(row) for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines, media_type="application/jsonl", headers=headers)


@router.get("/prompts.jsonl", response_class=StreamingResponse, responses=PROMPTS)
def prompts(runtime: RuntimeDep) -> StreamingResponse:
    """Exports the prompts, archived ones too. With rankings.jsonl it is everything that people gave: both can be
    imported into another installation."""
    return _json_lines(export_prompts(runtime.read), "prompts.jsonl")


@router.get("/rankings.jsonl", response_class=StreamingResponse, responses=RANKINGS)
def rankings(runtime: RuntimeDep, labeler_kind: LabelerKind | None = None) -> StreamingResponse:
    """Exports the rankings: prompt, answers with ranks, the version and settings that made them, labeler."""
    return _json_lines(export_rankings(runtime.read, labeler_kind), "rankings.jsonl")


@router.get("/comparisons.jsonl", response_class=StreamingResponse, responses=COMPARISONS)
def comparisons(
    runtime: RuntimeDep, labeler_kind: LabelerKind | None = None, ties: bool = False, plain: bool = False
) -> StreamingResponse:
    """Exports pairs of a chosen and a rejected answer, as TRL's trainers read them: conversations or, with
    `plain=true`, texts, of prompts that are one message. Ties are left out; `ties=true` includes them, marked by
    `"tie": true`. Answers with the same text make no pair."""
    if plain:
        rows = export_plain_comparisons(runtime.read, labeler_kind, ties=ties)
        return _json_lines(rows, "comparisons-plain.jsonl")
    return _json_lines(export_comparisons(runtime.read, labeler_kind, ties=ties), "comparisons.jsonl")


@router.get("/votes.jsonl", response_class=StreamingResponse, responses=VOTES)
def votes(runtime: RuntimeDep, labeler_kind: LabelerKind | None = None) -> StreamingResponse:
    """Exports the votes of the arena: prompt, both answers with who wrote them, verdict, labeler. It can be imported
    into another installation."""
    return _json_lines(export_votes(runtime.read, labeler_kind), "votes.jsonl")


@router.get("/vote-preferences.jsonl", response_class=StreamingResponse, responses=COMPARISONS)
def vote_preferences(runtime: RuntimeDep, labeler_kind: LabelerKind | None = None) -> StreamingResponse:
    """Exports votes that call one answer better as pairs of a chosen and a rejected one, as TRL's trainers read them.
    Those about held-out prompts are left out: they are never trained on."""
    return _json_lines(export_vote_preferences(runtime.read, labeler_kind), "vote-preferences.jsonl")


class MarkdownResponse(PlainTextResponse):
    media_type = "text/markdown"


@router.get("/README.md", response_class=MarkdownResponse, responses=raises(UnavailableError))
def card(session: ReadSession) -> MarkdownResponse:
    """Exports the dataset card of the other files: what they hold, counted, with the header that Hugging Face reads."""
    counts = count_records(session)
    text = dataset_card(
        rankings=counts.rankings,
        labelers=len(counts.by_labeler),
        votes=counts.votes,
        prompts=counts.prompts,
        languages=languages_of_prompts(session),
    )
    headers = {"Content-Disposition": 'attachment; filename="README.md"'}
    return MarkdownResponse(text, headers=headers)


class ExportSummary(BaseModel):
    rankings: int = Field(description="Lines of rankings.jsonl.")
    comparisons: int = Field(description="Lines of comparisons.jsonl.")
    ties: int = Field(description="Pairs ranked equal: in comparisons.jsonl only with `ties=true`.")
    same_text: int = Field(description="Pairs of answers with the same text: in no export.")


@router.get("/summary", responses=raises(UnavailableError))
def summary(runtime: RuntimeDep, labeler_kind: LabelerKind | None = None) -> ExportSummary:
    """Counts what the exports hold and what they leave out."""
    return ExportSummary.model_validate(count_export(runtime.read, labeler_kind), from_attributes=True)
