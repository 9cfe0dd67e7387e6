"""A million rankings exported to a client that reads slowly at first, while others rank and look at the label page.

    python -m bench.slow_client --data-dir FOLDER

On a database as `bench/data.py` fills it (its `--data-dir` keeps one): each export is read whole, for the first minute
16 kB twice a second, then as fast as it comes. Meanwhile, every two seconds, somebody opens the label page and ranks a
card through the API, so that the write-ahead log has something to grow by. Results: bench/results/slow_client.json.
"""

import json
import os
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import httpx2
import pyarrow.parquet
import typer

from bench.data import fill, processor_ms, server_pid, spread
from bench.pressure import serving

RESULTS = Path(__file__).parent / "results" / "slow_client.json"
FILES = ("rankings.jsonl", "rankings.parquet", "comparisons.jsonl", "comparisons.parquet")
SLOW_BYTES, SLOW_PAUSE = 16_384, 0.5
PACE_SECONDS = 2.0
MEBIBYTE = 1 << 20


@dataclass
class Meanwhile:
    """Someone at the label page, and what the server's process and the write-ahead log come to."""

    port: int
    pid: int
    wal: Path
    waited_ms: list[float] = field(default_factory=list)
    ranked: int = 0
    most_memory: int = 0
    most_wal: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def go(self) -> None:
        headers = {"X-Labeler": "bench", "Cookie": "fourfold_labeler=bench", "Accept": "text/html, application/json"}
        with httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=120, headers=headers) as client:
            while not self.ended.wait(PACE_SECONDS):
                began = time.perf_counter()
                page = client.get("/")
                self.waited_ms.append(1_000 * (time.perf_counter() - began))
                assert page.status_code == 200, page.status_code
                self.ranked += rank_one(client)
                self.most_memory = max(self.most_memory, own_memory(self.pid))
                self.most_wal = max(self.most_wal, self.wal.stat().st_size if self.wal.exists() else 0)


def rank_one(client: httpx2.Client) -> bool:
    card = client.post("/api/v1/groups/next")
    if card.status_code != 200:
        return False
    ranks = {str(answer["id"]): place for place, answer in enumerate(card.json()["answers"], start=1)}
    sent = client.post(f"/api/v1/groups/{card.json()['group_id']}/rankings", json={"ranks": ranks})
    return sent.status_code == 201


def own_memory(pid: int) -> int:
    """Bytes in memory now that are the process's own: without the pages of files, which the system may drop."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1_024 * int(next(line.split()[1] for line in lines if line.startswith("RssAnon:")))


def exported(port: int, name: str, slow_seconds: float, out: Path) -> dict[str, Any]:
    """Reads one file whole; counts its rows."""
    began, size = time.perf_counter(), 0
    address = f"http://127.0.0.1:{port}/api/v1/export/{name}"
    with httpx2.stream("GET", address, timeout=600) as answer, out.open("wb") as kept:
        assert answer.status_code == 200, answer.status_code
        for piece in answer.iter_raw(SLOW_BYTES):
            size += kept.write(piece)
            if time.perf_counter() - began < slow_seconds:
                time.sleep(SLOW_PAUSE)
    return {"seconds": round(time.perf_counter() - began), "mebibytes": round(size / MEBIBYTE), "rows": rows_of(out)}


def rows_of(file: Path) -> int:
    if file.suffix == ".parquet":
        return int(pyarrow.parquet.ParquetFile(file).metadata.num_rows)
    with file.open("rb") as lines:
        return sum(1 for line in lines if json.loads(line))


def measured(port: int, pid: int, data: Path, name: str, slow_seconds: float, out: Path) -> dict[str, Any]:
    beside = Meanwhile(port, pid, data / "fourfold.db-wal")
    before = processor_ms(pid)
    with ThreadPoolExecutor(1) as threads:
        somebody = threads.submit(beside.go)
        try:
            result = exported(port, name, slow_seconds, out)
        finally:
            beside.ended.set()
        somebody.result()
    return {
        **result,
        "processor_seconds": round((processor_ms(pid) - before) / 1_000),
        "most_memory_mebibytes": round(beside.most_memory / MEBIBYTE),
        "most_write_ahead_log_mebibytes": round(beside.most_wal / MEBIBYTE, 1),
        "label_page_milliseconds": spread(beside.waited_ms),
        "ranked_meanwhile": beside.ranked,
    }


def wait_ready(port: int) -> None:
    """The model is loaded first."""
    while httpx2.get(f"http://127.0.0.1:{port}/readyz", timeout=120).status_code != 200:
        time.sleep(0.1)


def main(
    data_dir: Annotated[Path, typer.Option(help="Kept, and filled only where it is empty.")],
    rankings: Annotated[int, typer.Option(min=1_000)] = 1_000_000,
    slow_seconds: Annotated[float, typer.Option(min=0)] = 60.0,
    only: Annotated[str, typer.Option(help="One of the files.")] = "",
) -> None:
    data_dir.mkdir(parents=True, exist_ok=True)
    if not (data_dir / "filled").exists():
        with serving(data_dir, ready_groups=0):
            pass  # makes the tables and stores the shipped models and prompts
        fill(data_dir, rankings)
        (data_dir / "filled").touch()
    results: dict[str, Any] = {}
    kept: dict[str, Any] = {"rankings": rankings, "slow_seconds": slow_seconds}
    with (
        tempfile.TemporaryDirectory(dir=data_dir) as folder,
        serving(data_dir, ready_groups=2, retrain_after_rankings=100_000) as port,
    ):
        pid = server_pid(port)
        wait_ready(port)
        kept |= {"memory_before_mebibytes": round(own_memory(pid) / MEBIBYTE)}
        for name in [only] if only else FILES:
            results[name] = measured(port, pid, data_dir, name, slow_seconds, Path(folder) / name)
            print(name, results[name], flush=True)
            kept |= {"load_average": round(os.getloadavg()[0], 1), "files": results}
            RESULTS.write_text(json.dumps(kept, indent=2) + "\n")


if __name__ == "__main__":
    typer.run(main)
