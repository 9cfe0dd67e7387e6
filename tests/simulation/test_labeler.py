"""A simulated labeler ranks what it is given by its taste, and sees the prompt."""

import json

import httpx2
import pytest

from app.simulation.families import TASTES
from app.simulation.labeler import SimulatedLabeler
from app.simulation.noise import Noise

ANSWERS = [
    {"id": 11, "text": "A dog is a pet."},
    {"id": 12, "text": "A volcano is a mountain that can throw out melted rock and ash."},
    {"id": 13, "text": ""},
]


def test_it_ranks_by_the_prompt_and_is_marked_as_simulated() -> None:
    seen: list[httpx2.Request] = []

    def server(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        if request.url.path.endswith("/next"):
            return httpx2.Response(
                200, json={"group_id": 5, "prompt": {"text": "What is a volcano?"}, "answers": ANSWERS}
            )
        return httpx2.Response(201, json={"ranking_id": 9})

    with httpx2.Client(base_url="http://server", transport=httpx2.MockTransport(server)) as client:
        step = SimulatedLabeler(client, "sim", TASTES["relevant"], noise=Noise(0.0), seed=0).rank_next()
    assert (step.ranking_id, step.ranks) == (9, [2, 1, 3])
    assert json.loads(seen[1].content)["ranks"] == {"11": 2, "12": 1, "13": 3}
    assert all(request.headers["X-Labeler-Kind"] == "simulated" for request in seen)


def test_the_servers_sentence_is_told() -> None:
    refusing = httpx2.MockTransport(lambda _: httpx2.Response(409, json={"detail": "No prompts."}))
    with (
        httpx2.Client(base_url="http://server", transport=refusing) as client,
        pytest.raises(httpx2.HTTPStatusError, match="409: No prompts"),
    ):
        SimulatedLabeler(client, "sim", TASTES["brief"], noise=Noise(), seed=0).rank_next()
