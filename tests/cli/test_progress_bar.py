"""The bar under long work: its result comes through, and without a terminal its words are told now and then."""

from collections.abc import Generator
from dataclasses import dataclass

import pytest

from app.cli import progress_bar
from app.cli.progress_bar import with_progress_bar


@dataclass(frozen=True)
class Step:
    step: int


def steps() -> Generator[Step, None, str]:
    yield Step(1)
    yield Step(2)
    return "made"


@pytest.mark.parametrize(("seconds", "lines"), [(-1.0, ["fetching: 1 of 2", "fetching: 2 of 2"]), (60.0, [])])
def test_words_are_told_now_and_then_and_the_result_comes_through(
    seconds: float, lines: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress_bar, "TELL_EVERY_SECONDS", seconds)
    assert with_progress_bar(steps(), "fetching", lambda _: 2, lambda step: f"{step.step} of 2") == "made"
    assert capsys.readouterr().out.splitlines() == lines
