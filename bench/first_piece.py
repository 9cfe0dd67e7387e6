"""How much later an answer's first piece comes over HTTP than from the engine itself: the wait after a click.

    python -m bench.first_piece --rounds 30

A whole server streams, and an engine in this process with the same weights, settings and number format is asked the
same; they take turns. Results: bench/results/first_piece.json.
"""

import json
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, cast

import httpx2
import typer

from app.chat import GenerationRequest, Message
from app.hparams import SamplingParams
from app.layout import SFT_MODEL
from app.lm.inference.engine import LocalEngine
from bench.server import running_fourfold

RESULTS = Path(__file__).parent / "results" / "first_piece.json"
PROMPTS = ("What is a volcano?", "Tell me a story about a fox.", "How do I cook rice?", "火山是什么？")
PRECISION = "fp32"
AIM = 1.3


def over_http(client: httpx2.Client, number: int, logprobs: int | None) -> float:
    """Seconds from the request to the first piece."""
    body = {"prompt": PROMPTS[number % len(PROMPTS)], "n": 1, "seed": number, "stream": True, "temperature": 1.0}
    if logprobs is not None:
        body["logprobs"] = logprobs
    started = time.perf_counter()
    with client.stream("POST", "/api/v1/generate", json=body) as response:
        response.raise_for_status()
        lines = response.iter_lines()
        next(line for line in lines if line.startswith("data:"))
        seconds = time.perf_counter() - started
        for _ in lines:  # to its end: the next one begins on an idle server
            pass
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
    engine = LocalEngine(lambda _: SFT_MODEL, threads=1, precision=PRECISION)
    results: dict[str, Any] = {"rounds": rounds}
    with (
        tempfile.TemporaryDirectory() as folder,
        running_fourfold(Path(folder), precision=PRECISION, ready_groups=0) as client,
    ):
        for name, logprobs in (("plain", None), ("with 20 alternatives", 20)):
            for number in range(3):  # both are warm
                over_http(client, number, logprobs), from_engine(engine, number, logprobs)
            pairs = [
                (over_http(client, number, logprobs), from_engine(engine, number, logprobs)) for number in range(rounds)
            ]
            http_ms, engine_ms = (1_000 * statistics.median(column) for column in zip(*pairs, strict=True))
            results[name] = {"http_ms": http_ms, "engine_ms": engine_ms, "ratio": http_ms / engine_ms, "aim": AIM}
            typer.echo(
                f"{name}: {http_ms:.1f} ms over HTTP, {engine_ms:.1f} ms from the engine, {http_ms / engine_ms:.2f}"
            )
    engine.close()
    if out is not None:
        out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
