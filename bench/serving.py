"""Sixteen clients at once, each streaming one answer over HTTP: first token, last token, tokens per second.

    python -m bench.serving --rounds 3

Two whole servers, same weights and settings but one: the first writes up to 64 answers side by side, the second one
answer after the other (FOURFOLD_SAMPLER_ROWS=1). Rounds alternate. Results: bench/results/serving.json.
"""

import json
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx2
import typer

from bench.server import running_fourfold

RESULTS = Path(__file__).parent / "results" / "serving.json"
CLIENTS = 16
PROMPTS = ("What is a volcano?", "Tell me a story about a fox.", "How do I cook rice?", "火山是什么？")


@dataclass(frozen=True)
class Answered:
    first_seconds: float
    all_seconds: float
    tokens: int


def ask(client: httpx2.Client, number: int) -> Answered:
    started = time.perf_counter()
    first = 0.0
    tokens = 0
    body = {"prompt": PROMPTS[number % len(PROMPTS)], "n": 1, "seed": number, "stream": True, "temperature": 1.0}
    with client.stream("POST", "/api/v1/generate", json=body) as response:
        response.raise_for_status()
        for line in response.iter_lines():
            if line.startswith("data:"):
                first = first or time.perf_counter() - started
                tokens = max(tokens, len(json.loads(line[5:]).get("token_ids", ())))
    return Answered(first, time.perf_counter() - started, tokens)


def crowd(client: httpx2.Client) -> dict[str, float]:
    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as threads:
        answers = list(threads.map(lambda number: ask(client, number), range(CLIENTS)))
    whole = time.perf_counter() - started
    return {
        "first_token_ms": 1_000 * statistics.median(answer.first_seconds for answer in answers),
        "last_token_ms": 1_000 * statistics.median(answer.all_seconds for answer in answers),
        "slowest_ms": 1_000 * max(answer.all_seconds for answer in answers),
        "tokens_per_second": sum(answer.tokens for answer in answers) / whole,
    }


def main(rounds: Annotated[int, typer.Option(min=1)] = 5) -> None:
    """Alternate between both servers."""
    runs_of: dict[str, list[dict[str, float]]] = {"side by side": [], "one by one": []}
    with (
        tempfile.TemporaryDirectory() as one,
        tempfile.TemporaryDirectory() as other,
        running_fourfold(Path(one), ready_groups=0) as together,
        running_fourfold(Path(other), ready_groups=0, sampler_rows=1) as alone,
    ):
        sides = {"side by side": together, "one by one": alone}
        for turn in range(rounds + 1):
            for name, client in sides.items():
                result = crowd(client)
                if turn:  # the first round warms up
                    runs_of[name].append(result)
    medians: dict[str, Any] = {
        name: {key: round(statistics.median(run[key] for run in runs)) for key in runs[0]}
        for name, runs in runs_of.items()
    }
    pairs = list(zip(runs_of["side by side"], runs_of["one by one"], strict=True))
    medians["ratios"] = {
        key: round(statistics.median(alone[key] / together[key] for together, alone in pairs), 2)
        for key in ("first_token_ms", "last_token_ms", "slowest_ms")
    } | {
        "tokens_per_second": round(
            statistics.median(a["tokens_per_second"] / b["tokens_per_second"] for a, b in pairs), 2
        )
    }
    result = {"clients": CLIENTS, "rounds": rounds, **medians}
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    typer.run(main)
