"""`fourfold run` as a person starts it: both processes come up, and Ctrl-C leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.repository import REPOSITORY
from tests.waiting import PATIENCE_SECONDS, wait_for
from tests.worker.harness import alive

pytestmark = pytest.mark.sqlite  # its file is what this is about


def _app(*arguments: str, environment: dict[str, str], output: Path) -> subprocess.Popen[bytes]:
    with output.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "app", *arguments],
            cwd=REPOSITORY,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def test_run_and_ctrl_c(tmp_path: Path, tiny_model_dir: Path) -> None:
    output = tmp_path / "output"
    data_dir = tmp_path / "data"
    environment = {
        "FOURFOLD_PORT": "0",
        "FOURFOLD_DATA_DIR": str(data_dir),
        "FOURFOLD_MODEL_DIR": str(tiny_model_dir),
        "FOURFOLD_READY_GROUPS": "0",
    }

    def worker_health() -> int:
        return _app("worker-health", environment=environment, output=tmp_path / "health").wait(PATIENCE_SECONDS)

    running = _app("run", environment=environment, output=output)
    try:
        wait_for(lambda: "Fourfold is ready: " in output.read_text() or running.poll() is not None, "address")
        said = output.read_text()
        assert "Fourfold is ready: " in said, said
        address = said.split("Fourfold is ready: ")[1].split()[0]
        assert httpx2.get(f"{address}healthz").status_code == 200
        wait_for(lambda: "is ready" in output.read_text().split("worker |")[-1], "worker")
        assert worker_health() == 0, (tmp_path / "health").read_text()
        children = _children(running.pid)
        assert len(children) == 2
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE_SECONDS) == 0
        assert not any(map(alive, children))
        assert output.read_text().endswith("Fourfold has stopped.\n")
        wait_for(lambda: worker_health() == 1, "end of the worker's heartbeat")
        assert "no worker heartbeat" in (tmp_path / "health").read_text()
    finally:
        if running.poll() is None:
            running.kill()
        running.wait()


def test_run_on_a_taken_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment = {"FOURFOLD_PORT": str(port), "FOURFOLD_DATA_DIR": str(tmp_path / "data")}
        running = _app("run", environment=environment, output=tmp_path / "output")
        try:
            assert running.wait(PATIENCE_SECONDS) == 1
        finally:
            running.kill()
    said = (tmp_path / "output").read_text()
    assert said.startswith(f"Port {port} on 127.0.0.1 cannot be used (Address already in use).")
    assert "FOURFOLD_PORT=" in said
    assert "Traceback" not in said
    assert not (tmp_path / "data").exists()
