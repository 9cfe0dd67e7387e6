"""A simulated labeler: ranks through the REST API as a noisy person with a known taste would.

Noise: each answer's utility is perceived with independent Gumbel noise of scale `noise`, and answers are ordered by
what was perceived (Plackett 1975, Luce 1959), so that every pair follows Bradley-Terry: P(a over b) =
sigmoid((u_a - u_b) / noise). Answers perceived less than `tie_margin` below the best of their rank tie with it
(for two answers that is Rao and Kupper 1967).
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx2

from app.simulation.tastes import Taste


@dataclass(frozen=True)
class Noise:
    """Both in nats of the taste's utility."""

    scale: float = 0.5
    tie_margin: float = 0.5


def rank_answers(texts: list[str], taste: Taste, noise: Noise, rng: Random) -> list[int]:
    """Ranks from 1 (best), in the order of `texts`; equal numbers are ties; ranks are dense."""
    perceived = [taste.utility(text) + noise.scale * _gumbel(rng) for text in texts]
    order = sorted(range(len(texts)), key=lambda index: -perceived[index])
    ranks = [0] * len(texts)
    rank, best = 0, math.inf
    for index in order:
        if best - perceived[index] >= noise.tie_margin or rank == 0:
            rank, best = rank + 1, perceived[index]
        ranks[index] = rank
    return ranks


def _gumbel(rng: Random) -> float:
    """A draw from the standard Gumbel distribution."""
    return -math.log(-math.log(max(rng.random(), 1e-300)))


@dataclass(frozen=True)
class Step:
    """What one simulated ranking did."""

    ranking_id: int
    ranks: list[int]
    next_seconds: float
    submit_seconds: float


class SimulatedLabeler:
    """Talks to a running server; its rankings are marked as simulated by the header."""

    def __init__(self, client: httpx2.Client, name: str, taste: Taste, *, noise: Noise, seed: int) -> None:
        self._client = client
        self._headers = {"X-Labeler": name, "X-Labeler-Kind": "simulated"}
        self._taste, self._noise, self._rng = taste, noise, Random(seed)

    def rank_next(self) -> Step:
        """Leases the next group and ranks it. Raises httpx2.HTTPStatusError with the server's sentence."""
        group, next_seconds = self._timed(lambda: self._post("/api/v1/groups/next"))
        answers = group["answers"]
        ranks = rank_answers([answer["text"] for answer in answers], self._taste, self._noise, self._rng)
        body = {
            "ranks": {str(answer["id"]): rank for answer, rank in zip(answers, ranks, strict=True)},
            "idempotency_key": f"{self._headers['X-Labeler']}-{group['group_id']}",
        }
        path = f"/api/v1/groups/{group['group_id']}/rankings"
        ranking, submit_seconds = self._timed(lambda: self._post(path, body))
        return Step(ranking["ranking_id"], ranks, next_seconds, submit_seconds)

    def run(self, rankings: int) -> Iterator[Step]:
        for _ in range(rankings):
            yield self.rank_next()

    def _post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        response = self._client.post(path, json=body, headers=self._headers)
        if response.is_error:
            detail = response.json().get("detail", response.text) if _is_json(response) else response.text
            raise httpx2.HTTPStatusError(
                f"{path} answered {response.status_code}: {detail}", request=response.request, response=response
            )
        return dict(response.json())

    @staticmethod
    def _timed(call: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], float]:
        started = time.perf_counter()
        return call(), time.perf_counter() - started


def _is_json(response: httpx2.Response) -> bool:
    return "json" in response.headers.get("content-type", "")
