"""Races: what is told of rounds is their medians, spreads and pairwise ratios; contestants serve; tables show both."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from app.layout import SFT_MODEL
from app.lm.files.checkpoint import load_model
from bench import label_efficiency, matched_kl, published
from bench.frontier import with_weights
from bench.speed import race, tables
from bench.speed.child import Stopwatch
from bench.speed.workload import pairs_of, strict_ranks


def rounds(*seconds: float, work: float = 10.0) -> list[race.Measured]:
    return [
        {"work": work, "seconds": each, "cpu_seconds": 2 * each, "peak_mebibytes": 100 + place}
        for place, each in enumerate(seconds)
    ]


def test_rates_are_medians_with_their_spread() -> None:
    known = race.summary(rounds(1.0, 4.0, 2.0))
    assert (known["n"], known["per_second"], known["least"], known["most"]) == (3, 5.0, 2.5, 10.0)
    assert known["per_cpu_second"] == 2.5
    assert known["peak_mebibytes"] == 102


def test_ratios_are_of_rounds_that_followed_each_other() -> None:
    """The machine slows down by half: neither rate says so, each pair does."""
    runs = {"ours": rounds(1.0, 2.0, 2.0), "theirs": rounds(3.0, 6.0, 8.0), "slow": rounds(9.0, 9.0, 9.0)}
    compared = race.ratios(runs, ["theirs", "slow"], "theirs")
    assert compared == {"ours": {"times_as_fast": 3.0, "least": 3.0, "most": 4.0, "by_cpu": 3.0}}


CHILD = """
from bench.speed.child import Stopwatch, serve
def prepare(request):
    print("a library talks")
    def run():
        with Stopwatch() as watch:
            print("and talks")
        return watch.round(request["work"], tokens_per_answer=7.0)
    return run
serve(prepare)
"""


def contestant(folder: Path, name: str, source: str, **request: Any) -> race.Contestant:
    (folder / f"{name}.py").write_text(source)
    starter = folder / f"{name}.sh"
    starter.write_text(f'#!/bin/sh\nshift 2\nexec {sys.executable} {folder}/{name}.py "$@"\n')
    starter.chmod(0o755)
    return race.Contestant(name, starter, "unused", request)


def test_a_race_keeps_every_counted_round(tmp_path: Path) -> None:
    result = race.race([contestant(tmp_path, "ours", CHILD, work=4.0)], rounds=2, threads=1)
    ours = result["contestants"]["ours"]
    assert [run["work"] for run in ours["runs"]] == [4.0, 4.0]
    assert ours["runs"][0]["tokens_per_answer"] == 7.0
    assert 0 < ours["libraries_mebibytes"] <= ours["peak_mebibytes"]
    assert ours["versions"]["torch"]
    assert {"commit", "flags", "threads", "load_before", "load_after"} <= set(result["environment"])


def test_a_contestant_that_fails_says_why(tmp_path: Path) -> None:
    broken = contestant(tmp_path, "broken", "raise SystemExit('no such model')")
    with pytest.raises(RuntimeError, match="no such model"):
        race.race([broken], rounds=1, threads=1)


def test_a_stopwatch_adds_up() -> None:
    watch = Stopwatch()
    with watch:
        pass
    first = watch.seconds
    with watch:
        pass
    assert 0 < first < watch.seconds
    assert watch.round(3.0, batch_size=8).more == {"batch_size": 8}


def test_rankings_are_strict_and_give_all_their_pairs() -> None:
    ranks = strict_ranks([1.0, 3.0, 1.0, 2.0])
    assert ranks == [3, 1, 4, 2]
    pairs = pairs_of([{"prompt_tokens": [9], "completions": [[10], [11], [12], [13]], "ranks": ranks}])
    assert [(pair["chosen_ids"], pair["rejected_ids"]) for pair in pairs] == [
        ([11], [10]), ([10], [12]), ([13], [10]), ([11], [12]), ([11], [13]), ([13], [12]),
    ]  # fmt: skip


def test_the_table_of_a_race_shows_ratios_and_conditions() -> None:
    known = {"commit": "abc", "date": "2026-01-01 10:00", "processor": "P", "flags": ["avx2"], "threads": 2}
    loads = {"load_before": (0.1, 0, 0), "load_after": (1.9, 0, 0)}
    runs = {"Fourfold": rounds(1.0, 1.0), "TRL": rounds(3.0, 5.0)}
    result = {
        "dpo": {
            "environment": known | loads,
            "contestants": {name: race.summary(taken) for name, taken in runs.items()},
            "ratios": race.ratios(runs, ["TRL"], "TRL"),
        }
    }
    rows = tables.speed_rows(result)
    assert "| Fourfold | 10.0 (10.0 to 10.0) | 2 | 4.00 (3.00 to 5.00) | 4.00 | 101 |" in rows
    assert "| TRL | 2.67 (2.00 to 3.33) | 2 | – | – | 101 |" in rows
    assert "| dpo | abc | 2026-01-01 10:00 | 2 | 0.1 and 1.9 |" in rows
    assert rows[-2:] == ["P (avx2):", "dpo."]
    assert sum("not measured yet" in row for row in rows) == len(tables.TITLES) - 1
    assert max(map(len, rows)) < 120


def test_the_table_of_labels_needed() -> None:
    def run(side: str, rankings: int, seed: int, right: float) -> dict[str, Any]:
        known = {"case": "warm", "flips": 0.1, "of_ceiling": 0.9}
        return known | {"side": side, "rankings": rankings, "seed": seed, "right": right}

    runs = [run("Fourfold", 250, 0, 0.9), run("Fourfold", 250, 1, 0.8), run("TRL", 500, 0, 0.7)]
    rows = tables.efficiency_rows({"runs": runs})
    assert rows[0] == "| mean over 2 seeds, 10% turned: side, rankings | Fourfold, 250 | TRL, 500 |"
    assert rows[-1] == "| warm | 0.85 (0.90) | 0.70 (0.90) |"
    assert tables.efficiency_rows({"runs": runs[1:2]})[0].startswith("| mean over 1 seed, 10% turned:")


def test_the_table_of_waits() -> None:
    waits = {"page_ms": {"p95": 20.0}, "next_ms": {"p95": 5.0}}
    seconds = {"reward": 10.0, "policy": 80.0, "evaluation": 20.0, "all": 110.0}
    run = {"seconds": seconds, "idle": waits, "training": {"page_ms": {"p95": 30.0}, "next_ms": {"p95": 5.0}}}
    rows = tables.turnaround_rows({"runs": [run]})
    assert "| all, s | 110 (110 to 110) | < 180 |" in rows
    assert "| label page, p95 over idle | 1.50 (1.50 to 1.50) | ≤ 1.5 |" in rows


def test_gold_is_read_between_checkpoints() -> None:
    points = [{"kl": 1.0, "gold": 1.0}, {"kl": 4.0, "gold": 2.0}, {"kl": 3.0, "gold": 9.0}]
    assert matched_kl.gold_at(points, 0.25) == pytest.approx(0.5)
    assert matched_kl.gold_at(points, 2.25) == pytest.approx(1.5)
    assert matched_kl.gold_at(points, 5.0) is None


def test_gold_of_both_sides_is_compared_with_its_error() -> None:
    def run(ours: float, theirs: float) -> dict[str, Any]:
        known = {"taste": "brief", "episodes": 64, "fourfold_seconds": 4.0, "trl_seconds": 32.0}
        return known | {"fourfold": [{"kl": 4.0, "gold": ours}], "trl": [{"kl": 4.0, "gold": theirs}]}

    runs = [run(3.0, 1.0), run(4.0, 4.0)]
    (row,) = matched_kl.compared(runs, (4, 9))
    assert (row["kl"], row["n"], row["difference"]) == (4, 2, 1.0)
    assert row["error"] == pytest.approx(1.0)
    shown = tables.matched_rows({"runs": runs, "compared": [row]})
    assert "| 4 | 2 of 2 | 3.50 | 2.50 | 1.00 ± 1.00 |" in shown
    assert shown[-1] == "Whole runs: 16.0 and 2.00 episodes per second."
    (single,) = matched_kl.compared(runs[:1], (4,))
    assert math.isnan(single["error"])
    assert json.loads(json.dumps(single))["n"] == 1


def test_weights_of_a_whole_model_are_all_taken_over() -> None:
    reference, _ = load_model(SFT_MODEL)
    trained = {name: weight + 1.0 for name, weight in reference.state_dict().items()}
    taken = with_weights(reference, matched_kl.as_kept(trained)).state_dict()
    assert all(torch.equal(taken[name], weight) for name, weight in trained.items())


def test_settings_of_the_peer_are_read() -> None:
    assert label_efficiency.settings_of("3e-5:2,1e-4:3") == [
        {"learning_rate": 3e-5, "epochs": 2.0},
        {"learning_rate": 1e-4, "epochs": 3.0},
    ]


def test_answers_are_compared_with_llama_cpp_round_by_round() -> None:
    """The machine slows down by half: each pair says that ours takes half as long, and all of its gain is in decode."""

    def runs(*pairs: tuple[float, float]) -> list[race.Measured]:
        return [
            {"seconds": whole, "first_seconds": first, "cpu_seconds": whole, "resident_mebibytes": 300}
            for whole, first in pairs
        ]

    sides = {"ours": {"runs": runs((1.0, 0.5), (2.0, 1.0))}, "llama.cpp": {"runs": runs((2.0, 0.5), (4.0, 1.0))}}
    ratios = published.compared(sides)
    assert ratios == {"ours": {"whole": [0.5] * 3, "first": [1.0] * 3, "decode": [0.333] * 3}}
    known = {
        "processor": "P", "flags": ["avx2"], "commit": "c", "date": "d", "threads": 2, "load_before": [0.5],
        "load_after": [1.0],
    }  # fmt: skip
    told = {name: side | {"peak_mebibytes": 400} for name, side in sides.items()}
    rows = tables.answer_rows(
        {"file": "f", "rounds": 2, "tokens": 64, "environment": known, "contestants": told, "ratios": ratios}
    )
    assert rows[2:4] == [
        "| ours | 1500 (0.50) | 750 (1.00) | 750 (0.33) | 1.50 | 400 |",
        "| llama.cpp | 3000 | 750 | 2250 | 3.00 | 400 |",
    ]
