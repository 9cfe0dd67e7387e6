"""A whole Fourfold (web and worker) on an empty data folder and a free loopback port, for the benchmarks."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from app.processes import own_process
from app.processes.parent_watch import FOLLOW_PARENT

READY_SECONDS = 120.0
STOP_SECONDS = 30.0
FINAL = frozenset({"succeeded", "failed", "cancelled"})


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running_fourfold(data_dir: Path, **settings: Any) -> Iterator[httpx2.Client]:
    """Starts `fourfold run`, yields a client once /readyz answers, stops it by SIGINT as Ctrl-C does."""
    port = free_port()
    environment = own_process.environment() | {
        f"FOURFOLD_{name.upper()}": str(value) for name, value in settings.items()
    }
    environment |= {"FOURFOLD_PORT": str(port), "FOURFOLD_HOST": "127.0.0.1", "FOURFOLD_DATA_DIR": str(data_dir)}
    environment |= {FOLLOW_PARENT: "1", "FOURFOLD_TOKEN": ""}  # whatever ends the benchmark ends Fourfold
    with (data_dir / "server.log").open("wb") as log:
        process = subprocess.Popen(
            own_process.command("app", "run"),
            env=environment,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=120.0) as client:
            _wait_ready(client, process)
            yield client
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=STOP_SECONDS)


def _wait_ready(client: httpx2.Client, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"fourfold run ended with {process.returncode}; see server.log in the data folder")
        try:
            if client.get("/readyz").is_success:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    raise TimeoutError(f"not ready after {READY_SECONDS:.0f} s")


def post(client: httpx2.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    response = client.post(path, json=body)
    if response.is_error:
        raise RuntimeError(f"{path}: {response.status_code} {response.text}")
    return dict(response.json())


def items(client: httpx2.Client, path: str, **params: Any) -> list[dict[str, Any]]:
    """All items of a paged list."""
    rows: list[dict[str, Any]] = []
    after: Any = None
    while True:
        page = (
            client.get(path, params=params | ({"after": after} if after is not None else {})).raise_for_status().json()
        )
        rows += page["items"]
        after = page["next"]
        if after is None:
            return rows


def wait_for_job(client: httpx2.Client, job_id: str) -> dict[str, Any]:
    """Polls until the job is final. Raises RuntimeError when it did not succeed."""
    while True:
        job = client.get(f"/api/v1/jobs/{job_id}").raise_for_status().json()
        if job["status"] in FINAL:
            if job["status"] != "succeeded":
                raise RuntimeError(f"{job['kind']} {job['status']}: {job['error']}")
            return dict(job)
        time.sleep(0.2)


def run_job(client: httpx2.Client, kind: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    return wait_for_job(client, post(client, "/api/v1/jobs", {"kind": kind, "params": params or {}})["job_id"])
