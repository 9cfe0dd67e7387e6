"""500 clients at once on pages and API: reads, writes and live streams; what is answered, and whether /healthz waits.

    python -m bench.pressure --clients 500 --seconds 60

Three processes on the loopback: the server, the clients (one asyncio loop, plain sockets), and this one, which asks
/healthz twenty times a second. A client that is answered 503 comes again after Retry-After, as its header asks. A 503
is an answer; a 500, and a connection that breaks off, are not. Results: bench/results/pressure.json.
"""

import asyncio
import json
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import httpx2
import typer

from app.processes import own_process
from app.processes.parent_watch import FOLLOW_PARENT

RESULTS = Path(__file__).parent / "results" / "pressure.json"
HEALTH_SECONDS = 0.05
STOP_SECONDS = 20.0
ANSWER_SECONDS = 60.0
"""A client waits no longer for an answer; it counts as broken off."""
CSRF = "pressure"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Client:
    """One labeler over one connection, which is opened anew where the server closed it."""

    port: int
    name: str
    seen: Counter[str]
    seconds: dict[str, list[float]]
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, what: str, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> Answer:
        """`what` names the request in the results. Waits as long as a 503 asks for."""
        started = time.perf_counter()
        try:
            answer = await asyncio.wait_for(self._ask(method, path, body, kind), ANSWER_SECONDS)
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            self.close()
            self.seen[f"{what} broken off: {type(error).__name__}"] += 1
            return Answer(0, {}, b"")
        self.seen[f"{what} {answer.status}"] += 1
        self.seconds[what].append(time.perf_counter() - started)
        if answer.status == 503:
            await asyncio.sleep(float(answer.headers.get("retry-after", "1")))
        return answer

    async def _ask(self, method: str, path: str, body: bytes, kind: str) -> Answer:
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nX-Labeler: {self.name}\r\n"
        head += f"Cookie: fourfold_labeler={self.name}; fourfold_csrf={CSRF}\r\nAccept: text/html, */*\r\n"
        head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        for reused in (self.streams is not None, False):
            if self.streams is None:
                self.streams = await asyncio.open_connection("127.0.0.1", self.port)
            reader, writer = self.streams
            try:
                writer.write(head.encode() + body)
                await writer.drain()
                return await _answer(reader, self.close)
            except (OSError, EOFError):  # an idle connection may be closed under us: once, on a fresh one
                self.close()
                if not reused:
                    raise
        raise EOFError

    def close(self) -> None:
        if self.streams is not None:
            self.streams[1].close()
            self.streams = None


async def _answer(reader: asyncio.StreamReader, close: Callable[[], None]) -> Answer:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    if headers.get("connection") == "close":
        close()
    return Answer(int(lines[0].split()[1]), headers, body)


async def label(client: Client, rng: random.Random) -> None:
    card = await client.ask("next card", "POST", "/api/v1/groups/next")
    if card.status != 200:
        return
    group = card.json()
    ranks = {str(answer["id"]): place for place, answer in enumerate(group["answers"], start=1)}
    path = f"/api/v1/groups/{group['group_id']}/rankings"
    body = {"ranks": ranks, "idempotency_key": f"{client.name}-{rng.random()}"}
    await client.ask("ranking", "POST", path, json.dumps(body).encode())


async def look(client: Client, rng: random.Random) -> None:
    path = rng.choice(("/", "/", "/card", "/strip", "/train", "/train/jobs", "/versions/1"))
    await client.ask("page", "GET", path)


async def read(client: Client, rng: random.Random) -> None:
    path = rng.choice(("/api/v1/rankings?limit=50", "/api/v1/prompts", "/api/v1/versions", "/v1/models"))
    await client.ask("list", "GET", path)


async def add(client: Client, rng: random.Random) -> None:
    body = json.dumps({"prompt": f"How do I wash {rng.random()} hands?"}).encode()
    await client.ask("prompt", "POST", "/api/v1/prompts", body)


async def stream(client: Client, rng: random.Random) -> None:
    body = {"prompt": "How do I wash my hands?", "n": 1, "max_tokens": 16, "stream": True, "seed": rng.randrange(999)}
    await client.ask("api stream", "POST", "/api/v1/generate", json.dumps(body).encode())


async def ask_own(client: Client, rng: random.Random) -> None:
    """The label page's own box: the prompt is sent, its answers are followed live."""
    form = f"csrf_token={CSRF}&prompt=Tell+me+about+{rng.randrange(10**9)}".encode()
    # without htmx's header the page waits for the four answers, so the live stream is asked for beside it
    sent = await client.ask("own prompt", "POST", "/prompts", form, "application/x-www-form-urlencoded")
    group = re.search(r"/groups/(\d+)", sent.headers.get("location", ""))
    if group is not None:
        await client.ask("page stream", "GET", f"/groups/{group[1]}/stream")


KINDS: tuple[tuple[Callable[[Client, random.Random], Awaitable[None]], float], ...] = (
    (look, 0.35),
    (read, 0.2),
    (label, 0.25),
    (add, 0.1),
    (stream, 0.08),
    (ask_own, 0.02),
)


async def _crowd(port: int, clients: int, seconds: float) -> dict[str, Any]:
    seen: Counter[str] = Counter()
    took: dict[str, list[float]] = defaultdict(list)
    until = time.monotonic() + seconds

    async def one(number: int) -> None:
        client, rng = Client(port, f"client{number}", seen, took), random.Random(number)
        kinds, weights = zip(*KINDS, strict=True)
        while time.monotonic() < until:
            await rng.choices(kinds, weights)[0](client, rng)
        client.close()

    await asyncio.gather(*(one(number) for number in range(clients)))
    return {
        "answers": dict(sorted(seen.items())),
        "milliseconds": {what: _spread(all_of) for what, all_of in sorted(took.items())},
    }


def _spread(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "median": round(1_000 * statistics.median(ordered), 1),
        "p99": round(1_000 * ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))], 1),
        "most": round(1_000 * ordered[-1], 1),
    }


@contextmanager
def serving(data_dir: Path, **settings: Any) -> Iterator[int]:
    """`fourfold serve` as a child process; gives its port. Ends it by SIGTERM, by SIGKILL where it does not end."""
    environment = own_process.environment() | {
        f"FOURFOLD_{name.upper()}": str(value) for name, value in settings.items()
    }
    environment |= {"FOURFOLD_PORT": "0", "FOURFOLD_HOST": "127.0.0.1", "FOURFOLD_DATA_DIR": str(data_dir)}
    environment |= {FOLLOW_PARENT: "1", "FOURFOLD_TOKEN": ""}  # whatever ends the benchmark ends the server
    with (data_dir / "server.log").open("w") as log:
        command = own_process.command("app", "serve")
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.startswith("Serving on"):
            raise RuntimeError(f"the server did not start: {line}{(data_dir / 'server.log').read_text()[-2_000:]}")
        yield int(line.rstrip("/\n").rsplit(":", 1)[1])
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


@dataclass
class Health:
    """Asks /healthz until stopped; a fresh connection each time would measure the crowd's queue at the door, too."""

    port: int
    seconds: list[float] = field(default_factory=list)

    def watch(self, load: "subprocess.Popen[str]", limit_seconds: float) -> None:
        until = time.monotonic() + limit_seconds
        with httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30.0) as client:
            while load.poll() is None and time.monotonic() < until:
                started = time.perf_counter()
                client.get("/healthz").raise_for_status()
                self.seconds.append(time.perf_counter() - started)
                time.sleep(HEALTH_SECONDS)


def measure(clients: int, seconds: float, data_dir: Path, **settings: Any) -> dict[str, Any]:
    """Bounded: the clients end by themselves after `seconds`, and are killed when their last answers take too long."""
    with serving(data_dir, **settings) as port:
        base = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 120
        while httpx2.get(f"{base}/readyz", timeout=30).status_code != 200 and time.monotonic() < until:
            time.sleep(0.1)
        command = [sys.executable, "-m", "bench.pressure", "--crowd-on", str(port)]
        command += ["--clients", str(clients), "--seconds", str(seconds)]
        load = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        health = Health(port)
        try:
            health.watch(load, seconds + 2 * ANSWER_SECONDS)
            said, _ = load.communicate(timeout=STOP_SECONDS)
        finally:
            load.kill()
            load.communicate()
        after = httpx2.get(f"{base}/readyz", timeout=30)
    return {
        "clients": clients,
        "seconds": seconds,
        "healthz_milliseconds": _spread(health.seconds) | {"asked": len(health.seconds)},
        "ready_afterwards": after.json(),
        **json.loads(said),
    }


def main(
    clients: Annotated[int, typer.Option(min=1, max=900)] = 500,
    seconds: Annotated[float, typer.Option(min=1, max=600)] = 60.0,
    crowd_on: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    if crowd_on is not None:
        print(json.dumps(asyncio.run(_crowd(crowd_on, clients, seconds))))
        return
    with tempfile.TemporaryDirectory(prefix="fourfold-pressure-") as folder:
        result = measure(clients, seconds, Path(folder))
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    typer.run(main)
