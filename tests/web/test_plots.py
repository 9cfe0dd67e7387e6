"""Plots in words and figures: the sentence stands once, and is filled in here and by the scripts."""

from pathlib import Path

import pytest

from app.db.models.jobs import JobMetric
from app.kinds.registry import KINDS
from app.web.plots import MAX_TABLE_ROWS, Drawn, Line, overlaid, plot_tables
from tests.repository import REPOSITORY

KL = Line("objective/kl", "KL to the SFT model")


def points(*values: tuple[int, dict[str, float]]) -> list[JobMetric]:
    return [JobMetric(job_id="j", step=step, values=named) for step, named in values]


def summary(name: str, *values: tuple[int, dict[str, float]]) -> str:
    [found] = [table.summary for table in plot_tables("train_policy", points(*values)) if table.name == name]
    return found


def test_a_label_keeps_its_capitals() -> None:
    assert KL.sentence == "KL to the SFT model: {first} at step {first_step}, {last} at step {last_step}."
    assert KL.no_values == "No values of KL to the SFT model yet."
    said = summary("kl", (1, {"objective/kl": 0.5}), (4, {"objective/kl": -0.25}))
    assert said == "KL to the SFT model: 0.5 at step 1, −0.25 at step 4."


def test_a_line_without_values_is_said_beside_one_that_has_some() -> None:
    said = summary("reward", (2, {"objective/scores": 1.0}))
    assert said == "Score: 1 at step 2, 1 at step 2. No values of score minus KL penalty yet."
    assert summary("reward") == "No points yet."
    ended = plot_tables("train_policy", points((2, {"objective/scores": 1.0})), ended=True)
    assert ended[0].summary.endswith("No values of score minus KL penalty were recorded.")
    assert {table.summary for table in plot_tables("train_policy", [], ended=True)} == {"No points were recorded."}


def test_a_table_shows_a_few_steps_with_both_ends() -> None:
    [table, *_] = plot_tables(
        "train_policy", points(*((step, {"objective/scores": step / 10}) for step in range(1, 101)))
    )
    assert len(table.rows) == MAX_TABLE_ROWS
    assert (table.rows[0][0], table.rows[-1][0]) == (1, 100)


@pytest.mark.parametrize("script", sorted((REPOSITORY / "static" / "js").glob("*.js")), ids=lambda path: path.name)
def test_no_script_has_words_of_its_own_for_it(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert "at step" not in text
    assert "No values of" not in text


def test_kinds_without_plots_have_no_tables() -> None:
    for kind in KINDS.values():
        assert len(plot_tables(kind.name, [])) == len(kind.plots)


def test_accuracies_are_drawn_from_nought_to_one() -> None:
    assert [plot.name for kind in KINDS.values() for plot in kind.plots if plot.share] == ["accuracy"] * 2


def test_several_runs_are_lines_of_one_plot() -> None:
    first = points((1, {"objective/scores": 0.5, "objective/kl": 1.0}), (3, {"objective/scores": 0.75}))
    other = points((2, {"objective/scores": 0.25}), (3, {"objective/scores": 0.5}))
    tables = overlaid("train_policy", [Drawn("a", "Run 1", first), Drawn("b", "Run 2", other, ended=False)])
    score = tables[0]
    assert (score.name, score.title) == ("objective-scores", "Reward: score")
    assert [(line.metric, line.label) for line in score.lines] == [
        ("a/objective/scores", "Run 1"), ("b/objective/scores", "Run 2"),
    ]  # fmt: skip
    assert (score.ended, score.summary) == (
        False,
        "Run 1: 0.5 at step 1, 0.75 at step 3. Run 2: 0.25 at step 2, 0.5 at step 3.",
    )
    kl = next(table for table in tables if table.name == "objective-kl")
    assert kl.summary == "Run 1: 1 at step 1, 1 at step 1. No values of Run 2 yet."
    assert score.points == [(1, [0.5, None]), (2, [None, 0.25]), (3, [0.75, 0.5])]
    assert score.summary == "Run 1: 0.5 at step 1, 0.75 at step 3. Run 2: 0.25 at step 2, 0.5 at step 3."
    [kl] = [table for table in tables if table.name == "objective-kl"]
    assert (kl.title, kl.summary) == ("KL divergence", "Run 1: 1 at step 1, 1 at step 1. No values of Run 2 yet.")
