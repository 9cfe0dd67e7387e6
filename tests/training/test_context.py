"""Checkpoints on disk and draining."""

from collections.abc import Generator
from pathlib import Path
from typing import IO

import pytest
import torch

from app.saving import TrainingError
from app.training.context import FileContext, Progress, drain
from tests.training.tiny import NoContext


def test_state_comes_back(tmp_path: Path) -> None:
    context = FileContext(tmp_path / "deep" / "checkpoint.pt")
    assert context.load() is None
    context.save({"step": 3, "weights": {"a": torch.arange(3)}, "none": None})
    context.save({"step": 4, "weights": {"a": torch.arange(4)}, "none": None})
    state = context.load()
    assert state is not None
    assert state["step"] == 4
    assert state["weights"]["a"].tolist() == [0, 1, 2, 3]
    assert [path.name for path in context.path.parent.iterdir()] == ["checkpoint.pt"]
    context.clear()
    assert context.load() is None


def test_a_damaged_state_says_what_to_do(tmp_path: Path) -> None:
    context = FileContext(tmp_path / "checkpoint.pt")
    context.path.write_bytes(b"no state")
    with pytest.raises(TrainingError, match="Remove it to start"):
        context.load()


def test_a_state_cannot_run_code(tmp_path: Path) -> None:
    context = FileContext(tmp_path / "checkpoint.pt")
    torch.save({"path": tmp_path}, context.path)  # a class that weights_only refuses
    with pytest.raises(TrainingError):
        context.load()


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), RuntimeError("PytorchStreamWriter failed")])
def test_a_full_disk_keeps_the_last_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    context = FileContext(tmp_path / "checkpoint.pt")
    context.save({"step": 1})

    def fails(_state: object, file: IO[bytes]) -> None:
        file.write(b"half")
        raise fault

    monkeypatch.setattr(torch, "save", fails)
    with pytest.raises(TrainingError, match="Free some disk space and start the job again"):
        context.save({"step": 2})
    assert context.load() == {"step": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"], "nothing half-written stays"


def test_no_context_keeps_nothing() -> None:
    context = NoContext()
    context.save({"step": 1})
    assert context.load() is None


def test_drain_tells_and_returns() -> None:
    def trainer() -> Generator[Progress, None, str]:
        yield Progress(1, 2)
        yield Progress(2, 2, {"loss/train": 1.0})
        return "done"

    told: list[int] = []
    assert drain(trainer(), lambda progress: told.append(progress.step)) == "done"
    assert told == [1, 2]
