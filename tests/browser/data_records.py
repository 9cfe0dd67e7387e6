"""Records for the data page's tests: rankings of people and of a file, a vote, hostile words."""

import json

import httpx2

from tests.api.conftest import ranks_of
from tests.browser.label_page import HOSTILE
from tests.live import LiveServer, take_card

PAIR = [
    {"text": "Bread rises because yeast makes gas.", "written_by": "policy 7"},
    {"text": HOSTILE, "written_by": "sft 1"},
]
VOTE = {"prompt": f"Why does bread rise? {HOSTILE}", "pair": PAIR, "verdict": "a", "labeler": "ada"}
RANKED = {
    "prompt": "怎样保持健康？",
    "answers": [{"text": "早睡早起。", "rank": 1}, {"text": "x" * 300, "rank": 2}, {"text": "", "rank": 2}],
    "labeler": "a-very-long-name-without-a-break-that-somebody-gave-to-a-program",
    "comment": f"两个回答都不好 {HOSTILE}",
}


def give_records(server: LiveServer, name: str) -> int:
    """One ranking by `name` (its id), one by somebody else, one of a file, and a vote of a file."""
    for door, row in (("votes", VOTE), ("rankings", RANKED)):
        sent = server.client.post(f"/api/v1/import/{door}", content=json.dumps(row).encode())
        assert sent.status_code == 201, sent.text
    return [rank_by(server, labeler) for labeler in ("grace", name)][-1]


def rank_by(server: LiveServer, labeler: str) -> int:
    """A card as A, B and C tied, D; the ranking's id."""
    headers = httpx2.Headers({"X-Labeler": labeler})
    card = take_card(server.client, headers)
    ranks = dict(zip(ranks_of(card), (1, 2, 2, 4), strict=True))
    path = f"/api/v1/groups/{card['group_id']}/rankings"
    given = {"ranks": ranks, "comment": "Clear and short.", "duration_ms": 12_000}
    answer = server.client.post(path, json=given, headers=headers)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["ranking_id"])
