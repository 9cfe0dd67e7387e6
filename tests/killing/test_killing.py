"""A few of the nightly's moments: each trainer, killed, ends bitwise as an undisturbed one."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.killing.__main__ import main
from tests.killing.killed_runs import TRAINERS
from tests.repository import REPOSITORY

MOMENTS = 1
HERE = [name for name in TRAINERS if name not in {"ppo", "rloo"}]
"""worker/test_kinds.py kills PPO by day; RLOO is GRPO's trainer with another baseline. The nightly has them."""


def nightly(record: Path, *arguments: str) -> str:
    """In a process that has no threads, which it forks."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.killing", "--record", str(record), *arguments],
        cwd=REPOSITORY,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """The same in this process, where no moment is to be begun."""

    def say(record: Path, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["tests.killing", "--record", str(record), *arguments])
        assert main() == 0
        return capsys.readouterr().out

    return say


@pytest.mark.timeout(600)
def test_kill_9_at_random_moments_changes_nothing(tmp_path: Path, say: Callable[..., str]) -> None:
    """All in one process: to begin one takes as long as a trainer's moment."""
    record = tmp_path / "record.jsonl"
    said = nightly(record, "--trainers", ",".join(HERE), "--moments", str(MOMENTS))
    assert [name for name in HERE if f"{name}: {MOMENTS} moments" not in said] == []
    rows = [json.loads(line) for line in record.read_text().splitlines()]
    assert [(row["trainer"], row["same"]) for row in rows] == [(name, True) for name in HERE for _ in range(MOMENTS)]
    assert "done before" in say(record, "--trainers", HERE[0], "--moments", str(MOMENTS)), "it goes on, not anew"


def test_no_moment_is_begun_when_the_time_is_over(tmp_path: Path, say: Callable[..., str]) -> None:
    said = say(tmp_path / "record.jsonl", "--trainers", "dpo", "--minutes", "0")
    assert "dpo: 0 of 100 moments done before" in said
