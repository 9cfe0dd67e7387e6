"""The process of one attempt, wherever the worker was started."""

from pathlib import Path

import pytest
from sqlalchemy import Engine as Database

from app.settings.config import Settings
from app.worker.child import EXIT_SUPERSEDED, HANDLE
from app.worker.process import Child
from tests.waiting import wait_for


def test_it_runs_this_program_beside_another_app(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds no such job, and says so by its exit status."""
    del database  # made by its fixture
    for name in ("app/__init__.py", "app/worker/__init__.py", "app/worker/child.py", "torch.py", "json.py"):
        path = tmp_path / "hostile" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("raise SystemExit('a file of the current folder was run')")
    monkeypatch.chdir(tmp_path / "hostile")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    child = Child(Settings(data_dir=tmp_path), "0" * 32, 1, HANDLE)
    try:
        wait_for(lambda: not child.running(0.01), "end of the process")
        assert child._process.returncode == EXIT_SUPERSEDED, child.describe_crash()
    finally:
        child.end()
