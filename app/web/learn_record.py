"""The records that lie beside the shipped models, of how they were trained, and the curves in them."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from app.layout import BASE_MODEL, OVERFITTING, RECORDED_RUNS, SFT_MODEL


@cache
def _record(path: Path) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return kept


def base_record() -> dict[str, Any]:
    return _record(BASE_MODEL / "training.json")


def sft_record() -> dict[str, Any]:
    return _record(SFT_MODEL / "training.json")


def overfitting_record() -> dict[str, Any]:
    """Of the same model fine-tuned on a few pairs too often; `provenance` says how."""
    return _record(OVERFITTING)


def runs_record() -> dict[str, Any]:
    """Of trainings of policies that ran before, for installations where none has (bench/recorded_runs.py)."""
    return _record(RECORDED_RUNS)


def sft_parts() -> list[dict[str, Any]]:
    """The records of all parts of fine-tuning, the first one first, without the pretraining that they began from."""
    parts, record = [], sft_record()
    while "total_pairs" in record.get("hparams", {}):
        parts.append(record)
        record = record.get("base", {})
    return parts[::-1]


def pairs_seen(part: dict[str, Any]) -> int:
    """Of a part of fine-tuning, or of a pretraining, which has none: one that was stopped before its end saw a part of
    its pairs."""
    share = float(part.get("stopped_at_step", 1)) / float(part.get("steps_planned", 1))
    return round(int(part["hparams"].get("total_pairs", 0)) * share)


def seconds_taken(part: dict[str, Any]) -> float:
    """Records of earlier versions name it otherwise."""
    return float(part.get("wall_seconds") or part.get("wall_seconds_last_run") or 0)


@dataclass(frozen=True)
class Moment:
    """Of a training: tokens seen, and the two losses, nats a token."""

    tokens: int
    loss: float
    held_out: float


def moments(record: dict[str, Any]) -> list[Moment]:
    return [Moment(point["tokens"], point["loss"], point["held_out"]) for point in record["curve"]]
