"""Votes of the arena as rows of files hold them: a prompt, a pair of answers with who wrote each, and a verdict."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.db.models.arena import PairSource, Verdict
from app.db.models.labelers import LabelerKind
from app.errors import InvalidError
from app.formats.writers import Writer
from app.services.data.compared_rows import plain
from app.services.data.row_values import (
    Row,
    a_number,
    a_text,
    a_time,
    a_whole_number,
    a_writer,
    one_of,
    sampling_settings,
    show,
)
from app.services.labeling.rankings import MAX_DURATION_MS
from app.translation import _


@dataclass(frozen=True)
class GivenSide:
    text: str
    tokens: list[int]
    finish_reason: str
    score: float | None
    writer: Writer
    """The version by its name where the file is from, and by its files: the same model here is known by these."""


@dataclass(frozen=True)
class GivenVote:
    sides: tuple[GivenSide, GivenSide]
    """A, B."""
    verdict: Verdict
    drawn_from: PairSource
    settings: dict[str, Any]
    labeler: str | None
    labeler_kind: LabelerKind | None
    duration_ms: int | None
    created_at: datetime | None


def vote_of(row: Row) -> GivenVote:
    """Raises InvalidError with the column that is wrong."""
    pair = row.take("pair")
    if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(side, dict) for side in pair):
        raise InvalidError(_("pair must be a list of two objects, the answers A and B."))
    verdict = one_of(row.take("verdict"), "verdict", Verdict)
    assert verdict is not None, "it is what tells a vote"
    labeler = row.take("labeler")
    for name in ("vote_id", "pair_id", "reward_version"):
        row.take(name)
    return GivenVote(
        sides=(_side(pair[0], "pair[0]"), _side(pair[1], "pair[1]")),
        verdict=verdict,
        drawn_from=one_of(row.take("drawn_from"), "drawn_from", PairSource) or PairSource.OWN,
        settings=sampling_settings(row.take("settings")),
        labeler=labeler if labeler is None or isinstance(labeler, str) else show(labeler),
        labeler_kind=one_of(row.take("labeler_kind"), "labeler_kind", LabelerKind),
        duration_ms=a_whole_number(row.take("duration_ms"), "duration_ms", most=MAX_DURATION_MS),
        created_at=a_time(row.take("created_at"), "created_at"),
    )


def _side(side: Mapping[str, Any], column: str) -> GivenSide:
    text = a_text(side.get("text"), f"{column}.text")
    writer = a_writer(side.get("written_by"), side.get("content_hash"), f"{column}.written_by")
    if text is None or writer is None:
        raise InvalidError(_("{column} needs text and written_by.", column=column))
    tokens = side.get("tokens") or []
    if not isinstance(tokens, list) or not all(type(each) is int and 0 <= each < 2**31 for each in tokens):
        raise InvalidError(_("{column}.tokens must be a list of whole numbers.", column=column))
    finish_reason = side.get("finish_reason") or "stop"
    if finish_reason not in ("stop", "length"):
        given = show(finish_reason)
        raise InvalidError(
            _("{column} must be stop or length; it is {given}.", column=f"{column}.finish_reason", given=given)
        )
    score = side.get("score")
    return GivenSide(
        text=plain(text),
        tokens=tokens,
        finish_reason=finish_reason,
        score=None if score is None else a_number(score, f"{column}.score"),
        writer=writer,
    )
