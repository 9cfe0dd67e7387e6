"""Data out: prompts, rankings, comparisons and votes, streamed as JSON Lines or as Parquet."""

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import Field

from app.api.description import Responses, lines, raises
from app.api.labeler import ApiLabeler
from app.api.schemas import Out
from app.db.models.labelers import LabelerKind
from app.errors import UnavailableError
from app.runtime import ReadSession, RuntimeDep, UnitRoute
from app.services.chat import conversation_exports
from app.services.chat.conversation_exports import export_conversations
from app.services.data import export_columns
from app.services.data.dataset_card import dataset_card
from app.services.data.export_columns import Columns
from app.services.data.export_files import MEDIA_TYPES, FileFormat, pieces_of
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


def _format(request: Request) -> FileFormat:
    return FileFormat(request.url.path.rpartition(".")[2])


Format = Annotated[FileFormat, Depends(_format)]
TABLE: Responses = {
    200: {"content": {MEDIA_TYPES[FileFormat.PARQUET]: {"schema": {"type": "string", "format": "binary"}}}},
    **raises(UnavailableError),
}


def _lines(row: str) -> Responses:
    return {**lines(row), **raises(UnavailableError)}


PROMPTS = _lines("A prompt with its split and language.")
RANKINGS = _lines("A ranking with its answers.")
VOTES = _lines("A vote with its pair of answers.")
CONVERSATIONS = _lines("A conversation with its messages.")
COMPARISONS = _lines("A chosen and a rejected answer.")


def _file(rows: Iterable[dict[str, Any]], columns: Columns, name: str, file_format: FileFormat) -> StreamingResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}.{file_format}"'}
    return StreamingResponse(
        pieces_of(rows, columns, file_format), media_type=MEDIA_TYPES[file_format], headers=headers
    )


@router.get("/prompts.jsonl", response_class=StreamingResponse, responses=PROMPTS)
@router.get("/prompts.parquet", response_class=StreamingResponse, responses=TABLE)
def prompts(runtime: RuntimeDep, file_format: Format) -> StreamingResponse:
    """Exports the prompts, archived ones too. With the rankings it is everything that people gave: both can be imported
    into another installation."""
    return _file(export_prompts(runtime.read), export_columns.PROMPTS, "prompts", file_format)


@router.get("/rankings.jsonl", response_class=StreamingResponse, responses=RANKINGS)
@router.get("/rankings.parquet", response_class=StreamingResponse, responses=TABLE)
def rankings(runtime: RuntimeDep, file_format: Format, labeler_kind: LabelerKind | None = None) -> StreamingResponse:
    """Exports the rankings: prompt, answers with ranks, the version and settings that made them, labeler."""
    return _file(export_rankings(runtime.read, labeler_kind), export_columns.RANKINGS, "rankings", file_format)


@router.get("/comparisons.jsonl", response_class=StreamingResponse, responses=COMPARISONS)
@router.get("/comparisons.parquet", response_class=StreamingResponse, responses=TABLE)
def comparisons(
    runtime: RuntimeDep,
    file_format: Format,
    labeler_kind: LabelerKind | None = None,
    ties: bool = False,
    plain: bool = False,
) -> StreamingResponse:
    """Exports pairs of a chosen and a rejected answer, as TRL's trainers read them: conversations or, with
    `plain=true`, texts, of prompts that are one message. Ties are left out; `ties=true` includes them, marked by
    `"tie": true`. Answers with the same text make no pair."""
    if plain:
        rows = export_plain_comparisons(runtime.read, labeler_kind, ties=ties)
        return _file(rows, export_columns.PLAIN_COMPARISONS, "comparisons-plain", file_format)
    rows = export_comparisons(runtime.read, labeler_kind, ties=ties)
    return _file(rows, export_columns.COMPARISONS, "comparisons", file_format)


@router.get("/votes.jsonl", response_class=StreamingResponse, responses=VOTES)
@router.get("/votes.parquet", response_class=StreamingResponse, responses=TABLE)
def votes(runtime: RuntimeDep, file_format: Format, labeler_kind: LabelerKind | None = None) -> StreamingResponse:
    """Exports the votes of the arena: prompt, both answers with who wrote them, verdict, labeler. It can be imported
    into another installation."""
    return _file(export_votes(runtime.read, labeler_kind), export_columns.VOTES, "votes", file_format)


@router.get("/vote-preferences.jsonl", response_class=StreamingResponse, responses=COMPARISONS)
@router.get("/vote-preferences.parquet", response_class=StreamingResponse, responses=TABLE)
def vote_preferences(
    runtime: RuntimeDep, file_format: Format, labeler_kind: LabelerKind | None = None
) -> StreamingResponse:
    """Exports votes that call one answer better as pairs of a chosen and a rejected one, as TRL's trainers read them.
    Those about held-out prompts are left out: they are never trained on."""
    rows = export_vote_preferences(runtime.read, labeler_kind)
    return _file(rows, export_columns.VOTE_PREFERENCES, "vote-preferences", file_format)


@router.get("/conversations.jsonl", response_class=StreamingResponse, responses=CONVERSATIONS)
@router.get("/conversations.parquet", response_class=StreamingResponse, responses=TABLE)
def conversations(runtime: RuntimeDep, file_format: Format, who: ApiLabeler) -> StreamingResponse:
    """Exports your own conversations as the chat shows them, as TRL's trainers read them: `messages` with roles and
    contents. Nobody exports another's."""
    rows = export_conversations(runtime.read, who)
    return _file(rows, conversation_exports.COLUMNS, "conversations", file_format)


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


class ExportSummary(Out):
    rankings: int = Field(description="Lines of rankings.jsonl.")
    comparisons: int = Field(description="Lines of comparisons.jsonl.")
    ties: int = Field(description="Pairs ranked equal: in comparisons.jsonl only with `ties=true`.")
    same_text: int = Field(description="Pairs of answers with the same text: in no export.")


@router.get("/summary", responses=raises(UnavailableError))
def summary(runtime: RuntimeDep, labeler_kind: LabelerKind | None = None) -> ExportSummary:
    """Counts what the exports hold and what they leave out."""
    return ExportSummary.model_validate(count_export(runtime.read, labeler_kind), from_attributes=True)
