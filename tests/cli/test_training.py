"""`fourfold pretrain`, `fourfold sft`, `fourfold generate` as a person types them, tiny."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.__main__ import cli, main
from app.cli.training import describe
from bench.model_report import DOC, with_tables

SIZES = ["--hidden-size", "64", "--layers", "1", "--context-tokens", "64", "--batch-rows", "4"]


@pytest.fixture(autouse=True)
def _small_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.training.datasets.TOKENIZER_DOCUMENTS", 1_500)
    monkeypatch.setattr("app.training.datasets.CHUNK", 100)
    monkeypatch.setattr("app.corpus.cleaning.clean.BLOCK", 1_000)


def test_from_nothing_to_answers(tmp_path: Path) -> None:
    base, tuned = tmp_path / "base", tmp_path / "sft"
    runner = CliRunner()
    made = runner.invoke(cli, ["pretrain", "--out", str(base), "--tokens", "3000", *SIZES])
    assert made.exit_code == 0, made.output
    made = runner.invoke(cli, ["sft", "--base", str(base), "--out", str(tuned), "--pairs", "64", "--batch-rows", "4"])
    assert made.exit_code == 0, made.output
    record = json.loads((base / "training.json").read_text())
    assert record["cleaning"]["documents_in"] > record["cleaning"]["documents_out"] > 0
    record = json.loads((tuned / "training.json").read_text())
    assert record["base"]["data_hash"] != record["data_hash"]
    assert record["tokens_seen"] > 0
    assert record["flops"] == 6 * record["parameters"] * record["tokens_seen"]
    assert record["verdict"] in ("underfit", "good fit", "overfit")
    card = tmp_path / "card.json"
    made = runner.invoke(cli, ["evaluate-sft", "--model", str(tuned), "--prompts", "4", "--out", str(card)])
    assert made.exit_code == 0, made.output
    shares = json.loads(card.read_text())
    assert shares["greedy"]["on topic"]["asked"] == 4
    assert shares["sampled"]["on topic"]["asked"] == 16
    asked = ["generate", "Hello", "--model", str(tuned), "--n", "2", "--max-tokens", "5", "--seed", "1"]
    first = runner.invoke(cli, asked)
    assert first.exit_code == 0, first.output
    assert first.stdout == runner.invoke(cli, asked).stdout
    assert first.stdout.startswith("1. ")


@pytest.mark.parametrize("command", [["pretrain"], ["sft", "--base", "nowhere"]], ids=["pretrain", "sft"])
def test_a_folder_of_other_things_is_not_replaced(command: list[str], tmp_path: Path) -> None:
    """The model becomes the whole folder; one that was there is a former model, or a mistake."""
    (tmp_path / "mine.txt").write_text("mine")
    told = CliRunner().invoke(cli, [*command, "--out", str(tmp_path)], env={"COLUMNS": "1000"})
    assert told.exit_code == 2, told.output
    assert "is there already. Give a folder that does not exist yet" in told.output
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_progress_tells_what_was_measured_and_nothing_else() -> None:
    assert describe({}) == ""
    assert describe({"loss/train": 0.5, "tokens_per_second": 1234.5}) == "loss 0.500  1,234 tokens/s"


def test_the_tables_of_the_model_page_are_those_of_the_records() -> None:
    page = DOC.read_text(encoding="utf-8")
    assert with_tables(page) == page, "run: python -m bench.model_report"


def test_a_missing_model_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["fourfold", "generate", "Hello", "--model", str(tmp_path / "none")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    told = capfd.readouterr().err
    assert "is not a directory" in told
    assert "Traceback" not in told


def test_help_is_quick_because_torch_stays_out() -> None:
    program = "import sys, app.__main__; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
