"""How much later an answer's first piece comes over HTTP than from the engine itself: the wait after a click.

    python -m bench.first_piece --rounds 30

A whole server streams, and an engine in this process with the same weights, settings and number format is asked the
same; they take turns. The client is the standard library's, on a connection that stays open, as a browser's does: what
a client library makes of requests and answers is not the server's. Beside medians the least is told: on a busy machine
each of the server's threads waits for a core, and the medians tell of that. `page` is the same in a headless Chromium,
by the page's own clock: from the click in the playground to the first token in the document. Results:
bench/results/first_piece.json.
"""

import json
import os
import statistics
import tempfile
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from app.chat import GenerationRequest, Message
from app.hparams import SamplingParams
from app.layout import SFT_MODEL
from app.lm.inference.engine import LocalEngine
from app.lm.precision import Formats
from bench.chromium import STAGES, opened_playground, shown_after
from bench.server import running_fourfold

RESULTS = Path(__file__).parent / "results" / "first_piece.json"
PROMPTS = ("What is a volcano?", "Tell me a story about a fox.", "How do I cook rice?", "火山是什么？")
PRECISION = "fp32"
AIM = 1.3


def over_http(connection: HTTPConnection, number: int, logprobs: int | None) -> float:
    """Seconds from the request to the first piece."""
    body = {"prompt": PROMPTS[number % len(PROMPTS)], "n": 1, "seed": number, "stream": True, "temperature": 1.0}
    if logprobs is not None:
        body["logprobs"] = logprobs
    written = json.dumps(body)
    started = time.perf_counter()
    connection.request("POST", "/api/v1/generate", written, {"Content-Type": "application/json"})
    response = connection.getresponse()
    if response.status != 200:
        raise RuntimeError(f"{response.status} {response.read().decode()}")
    while not response.readline().startswith(b"data:"):
        pass
    seconds = time.perf_counter() - started
    response.read()  # to its end: the next one begins on an idle server
    return seconds


def from_engine(engine: LocalEngine, number: int, logprobs: int | None) -> float:
    question: list[Message] = [{"role": "user", "content": PROMPTS[number % len(PROMPTS)]}]
    params = SamplingParams(seed=number, temperature=1.0)
    started = time.perf_counter()
    events = engine.stream(GenerationRequest(question, version_id=1, params=params, logprobs=logprobs))
    with closing(cast(Any, events)):
        next(events)
        seconds = time.perf_counter() - started
        for _ in events:
            pass
    return seconds


def main(
    rounds: Annotated[int, typer.Option(min=3, help="Questions to each of the two.")] = 30,
    out: Annotated[Path | None, typer.Option(help="Where the numbers go.")] = RESULTS,
) -> None:
    engine = LocalEngine(lambda _: SFT_MODEL, threads=1, formats=Formats(PRECISION))
    results: dict[str, Any] = {"rounds": rounds, "load_average": os.getloadavg()[0], "cores": os.cpu_count()}
    with (
        tempfile.TemporaryDirectory() as folder,
        running_fourfold(Path(folder), precision=PRECISION, ready_groups=0) as client,
        closing(HTTPConnection(str(client.base_url.host), client.base_url.port)) as connection,
    ):
        for name, logprobs in (("plain", None), ("as the playground", 0), ("with 20 alternatives", 20)):
            for number in range(3):  # both are warm
                over_http(connection, number, logprobs), from_engine(engine, number, logprobs)
            pairs = [
                (over_http(connection, number, logprobs), from_engine(engine, number, logprobs))
                for number in range(rounds)
            ]
            first, alone = ([1_000 * seconds for seconds in column] for column in zip(*pairs, strict=True))
            results[name] = compared(first, alone)
            typer.echo(f"{name}: " + _line(results[name]))
        results["page"] = in_the_page(str(client.base_url), engine, rounds)
        typer.echo("page: " + _line(results["page"]))
    engine.close()
    if out is not None:
        out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def in_the_page(url: str, engine: LocalEngine, rounds: int) -> dict[str, float]:
    """From the click, and when each stage on the way was reached: the browser's own part is what lies before `sent` and
    behind `received`."""
    with opened_playground(url, PROMPTS[0]) as page:
        for _ in range(3):
            shown_after(page), from_engine(engine, 0, 0)
        pairs = [(shown_after(page), 1_000 * from_engine(engine, 4 * number, 0)) for number in range(rounds)]
    columns = {name: [times[name] for times, _ in pairs] for name in STAGES}
    told = compared(columns["shown"], [milliseconds for _, milliseconds in pairs], over="page")
    for stage, column in columns.items():
        told |= {f"{stage}_median_ms": statistics.median(column), f"{stage}_least_ms": min(column)}
    return told


def _line(told: dict[str, float]) -> str:
    return ", ".join(f"{key} {value:.2f}" for key, value in told.items())


def compared(first: list[float], engine: list[float], over: str = "http") -> dict[str, float]:
    """Of the milliseconds of both."""
    told: dict[str, float] = {}
    for name, of in (("median", statistics.median), ("least", min)):
        whole, alone = of(first), of(engine)
        told |= {f"{over}_{name}_ms": whole, f"engine_{name}_ms": alone, f"{name}_ratio": whole / alone}
    return told | {"aim": AIM}


if __name__ == "__main__":
    typer.run(main)
