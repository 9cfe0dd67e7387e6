"""Tables are made from results: parts beside win rates, means over cases."""

from typing import Any

import pytest

from bench.report import choice_rows, follow_rows, influence_rows, loop_rows, reward_rows, update_rows, with_rows


def loop_run(**more: Any) -> dict[str, Any]:
    return {"taste": "list", "seed": 0, "minutes": 4.0, "held_out_accuracy": 0.8, "win_rate": 0.9, "kl": 5.0} | more


def test_the_parts_of_a_win_rate_stand_below_it() -> None:
    parts = {"thing": 0.5, "words": 18, "on_topic": 0.85, "empty": 0.0, "degenerate": 0.02, "distinct": 0.9}
    rows = loop_rows([loop_run(parts=parts, sft_parts=parts | {"thing": 0.2})])
    assert "| the thing itself, from 0 to 1; the SFT model's in brackets | – | 0.50 (0.20) |" in rows
    assert len(rows) == len(loop_rows([loop_run()])) + len(parts)


def test_a_model_of_its_own_has_its_own_aim_and_what_was_measured_of_it() -> None:
    rows = loop_rows([loop_run(cpu_minutes=20.0, peak_gibibytes=2.5)], most_minutes=15)
    assert any("minutes | < 15 | 4.00 |" in row for row in rows)
    assert "| peak memory of a job, GiB | < 6 | 2.50 |" in rows
    assert not any("peak memory" in row for row in loop_rows([loop_run()])), "results from before"


def test_the_table_of_reward_models_has_means_and_the_worst() -> None:
    def run(case: str, seed: int, of_ceiling: float) -> dict[str, Any]:
        figures = {"of_ceiling": of_ceiling, "right": 0.5, "spread": 0.3}
        return {"case": case, "rankings": 60, "flips": 0.1, "seed": seed} | figures

    runs = [run("brief", 0, 0.9), run("brief", 1, 0.8), run("list", 0, 0.65), run("list", 1, 0.65)]
    rows = reward_rows({"runs": runs})
    assert rows[2] == "| brief | 0.30 | 0.85 (0.50) |"
    assert rows[-2:] == ["| mean of all | | 0.75 |", "| worst | | 0.65 |"]


def test_the_table_of_slips_has_all_tastes_together_below_each() -> None:
    def run(case: str, rankings: int, harmful: float) -> dict[str, Any]:
        found = {"harmful": harmful, "harmful_shown": 0.5, "surprising": 0.75}
        return {"case": case, "rankings": rankings, "seed": 0} | found

    rows = influence_rows(
        {"runs": [run("warm", 60, 0.25), run("brief", 60, 0.5), run("warm", 200, 1.0), run("brief", 200, 0.0)]}
    )
    assert rows[2] == "| warm | 0.25 | 0.50 | 0.75 | 1.00 | 0.50 | 0.75 |"
    assert rows[-1] == "| all | 0.38 | 0.50 | 0.75 | 0.50 | 0.50 | 0.75 |"


def test_the_table_of_chosen_cards_ends_with_what_was_saved() -> None:
    runs = [
        {"case": case, "seed": 0, "random": [0.5, 0.6], "active": [0.5, right]}
        for case, right in (("a", 0.7), ("b", 0.8))
    ]
    rows = choice_rows({"runs": runs, "sizes": [20, 40], "saved": 0.25, "interval": [-0.1, 0.5]})
    assert rows[2:5] == ["| a | 0.600 → 0.700 |", "| b | 0.600 → 0.800 |", "| all | 0.600 → 0.750 |"]
    assert "saved at equal accuracy, all tastes: 25% (95% interval -10% to 50%" in rows[-1]


def test_a_policys_row_has_what_it_wins_and_what_it_keeps() -> None:
    side = {"thing": 0.5, "words": 30.0, "on_topic": 0.97}
    card = {"greedy": {"on topic": 0.96, "follow-up understood": 0.97}}
    run = {
        "taste": "brief", "way": "ppo", "changes": {"kl_target": 2.5}, "sft_card": card, "card": card,
        "served": {"win_rate": 0.9, "champions": side, "challengers": side | {"words": 12.0}},
        "verdict": {"fit": "good fit", "episodes": 128},
        "history": [{"episodes": 0, "kl": 0.0, "knowledge": 1.0}, {"episodes": 128, "kl": 1.5, "knowledge": 0.96}],
    }  # fmt: skip
    unwatched: dict[str, Any] = run | {"way": "dpo", "changes": {}, "verdict": None, "history": [], "cpu_seconds": 36.6}
    back = run | {"verdict": {"episodes": 640, "way": 0.7}, "ways": [{"way": 0.7, "kl": 0.9, "knowledge": 0.98}]}
    rows = follow_rows({"runs": [run, unwatched, back]})
    told = "0.90 | 0.50 → 0.50 | 30 → 12 | 0.96 → 0.96 | 0.97 → 0.97"
    assert rows[2:] == [
        f"| brief, ppo, KL 2.5 | 1.5 | 0.96 | {told} | – |",
        f"| brief, dpo | – | – | {told} | 37 |",
        f"| brief, ppo, KL 2.5 | 0.9 | 0.98 | {told} | – |",
    ]
    assert len({row.count("|") for row in rows}) == 1


def test_the_table_of_the_update_has_a_column_for_each_case_and_a_row_for_each_part() -> None:
    case = {"case": "as shipped", "precision": "bf16", "update_seconds": 1.2, "update_spread": [1.1, 1.3]}
    case |= {"share_of_peak": 0.45, "measuring_seconds": 0.3, "peak_mebibytes": 1100, "parts": {"rest": 0.4}}
    rows = update_rows({"threads": 1, "cases": [case, case | {"precision": "fp32", "share_of_peak": 1.3}]})
    assert rows[0] == "| PPO, 1 thread | as shipped, bf16 | as shipped, fp32 |"
    assert "| share of the matrix peak | 0.45 | 1.30 |" in rows
    assert rows[-1] == "| in rest | 0.40 | 0.40 |"


def test_a_page_without_the_marks_is_refused() -> None:
    with pytest.raises(SystemExit, match="no place"):
        with_rows("text", "<!-- a -->", "<!-- /a -->", ["row"])
