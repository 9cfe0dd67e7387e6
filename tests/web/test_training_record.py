"""The record beside a base or SFT model: told in words, and nothing at all where it is damaged."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.layout import BASE_MODEL, SFT_MODEL
from app.translation import speaking
from app.web.learn_record import pairs_seen, seconds_taken, sft_parts
from app.web.training_record import FILE, training_record

RECORD: dict[str, Any] = {
    "metrics": {"loss/train": 0.4, "loss/held_out": 0.5}, "verdict": "overfit", "parameters": 7,
    "tokens_seen": 2_000_000, "wall_seconds": 60.0, "hparams": {"total_pairs": 64},
    "curve": [{"tokens": 5, "loss": 0.4, "held_out": 0.5}],
}  # fmt: skip


def test_the_shipped_models_have_theirs() -> None:
    base, sft = training_record(BASE_MODEL), training_record(SFT_MODEL)
    assert base is not None
    assert sft is not None
    with speaking("en"):
        assert base.stage == "Pretraining on 31 million tokens"
        assert sft.stage == f"Fine-tuning (SFT) on {sft.pairs:,} pairs"
        assert base.sentence
        assert sft.sentence
    assert base.points[-1].held_out == pytest.approx(base.held_out, abs=0.01)
    assert sft.pairs > json.loads((SFT_MODEL / FILE).read_text())["hparams"]["total_pairs"], "all parts count"


def test_parts_of_a_fine_tuning_add_up_and_pretraining_is_none(tmp_path: Path) -> None:
    before = RECORD | {"base": RECORD | {"hparams": {"total_tokens": 9}}}
    (tmp_path / FILE).write_text(json.dumps(RECORD | {"base": before}))
    record = training_record(tmp_path)
    assert record is not None
    assert (record.pairs, record.tokens, record.seconds) == (128, 4_000_000, 120.0)


def test_a_part_that_was_stopped_counts_as_far_as_it_came(tmp_path: Path) -> None:
    """And a record of an earlier version names its time otherwise."""
    stopped = RECORD | {"stopped_at_step": 3, "steps_planned": 4, "wall_seconds": None, "wall_seconds_last_run": 5.0}
    (tmp_path / FILE).write_text(json.dumps(RECORD | {"base": stopped}))
    record = training_record(tmp_path)
    assert record is not None
    assert (record.pairs, record.seconds) == (64 + 48, 65.0)


def test_versions_and_learn_tell_the_same_of_the_shipped_fine_tuning() -> None:
    record = training_record(SFT_MODEL)
    assert record is not None
    assert record.pairs == sum(map(pairs_seen, sft_parts()))
    assert record.tokens == sum(part["tokens_seen"] for part in sft_parts())
    assert record.seconds == pytest.approx(sum(map(seconds_taken, sft_parts())))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "7",
        "{}",
        '{"hparams": 7}',
        '{"base": 7}',
        "[" * 100_000,
        '{"hparams": {"total_pairs": "many"}}',
        "\udcff",
    ],
)
def test_what_is_no_record_is_none(tmp_path: Path, text: str) -> None:
    assert training_record(tmp_path) is None
    (tmp_path / FILE).write_text(text, errors="surrogateescape")
    assert training_record(tmp_path) is None
