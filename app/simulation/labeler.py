"""A simulated labeler: ranks through the REST API as a noisy person with a known taste would (noise.py says how)."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx2

from app.simulation.noise import Noise, rank
from app.simulation.tastes import Taste


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
        answers, prompt = group["answers"], group["prompt"]["text"]
        utilities = [self._taste.utility(prompt, answer["text"]) for answer in answers]
        ranks = rank(utilities, self._noise, self._rng)
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
