"""Votes on the data page as a browser without JavaScript uses it: looked through, opened, withdrawn."""

import json
import re

from tests.live import LiveServer
from tests.web.test_data import own_name
from tests.web.visitor import Visitor, words_of


def give_votes(server: LiveServer, labeler: str) -> None:
    """Two: B is better, then both alike."""
    rows = [
        {
            "prompt": f"Why {number}? 100%",
            "pair": [{"text": "First.", "written_by": "policy 7"}, {"text": "Second.", "written_by": "sft 1"}],
            "verdict": verdict,
            "labeler": labeler,
        }
        for number, verdict in enumerate(("b", "tie"))
    ]
    sent = server.client.post("/api/v1/import/votes", content="\n".join(map(json.dumps, rows)).encode())
    assert sent.status_code == 201, sent.text


def answers_of(html: str) -> list[str]:
    return [words_of(each.partition("</li>")[0]) for each in html.split('<li class="panel record-answer">')[1:]]


def test_filters_and_orders(server: LiveServer, visitor: Visitor) -> None:
    give_votes(server, "ada")

    def shown(query: str) -> list[int]:
        return [int(each) for each in re.findall(r'href="/data/votes/(\d+)"', visitor.get(f"/data/votes{query}"))]

    newest = shown("")
    assert newest == sorted(newest, reverse=True)
    assert len(newest) == 2
    assert shown("?sort=oldest") == newest[::-1]
    assert shown("?verdict=b") == newest[1:]
    assert shown("?q=why+1") == newest[:1]
    assert shown("?q=%25%25") == []
    assert shown("?who=mine") == []
    assert shown("?state=withdrawn") == []


def test_the_better_one_is_marked_and_who_wrote_which_is_told(server: LiveServer, visitor: Visitor) -> None:
    give_votes(server, "ada")
    first, second = answers_of(visitor.get("/data/votes/1"))
    assert ("First." in first, "policy 7" in first, "preferred" in first) == (True, True, False)
    assert ("Second." in second, "sft 1" in second, "preferred" in second) == (True, True, True)
    assert "preferred" not in " ".join(answers_of(visitor.get("/data/votes/2")))
    assert visitor.client.get("/data/votes/999").status_code == 404


def test_only_who_gave_it_withdraws_it_and_twice_is_once(server: LiveServer, visitor: Visitor) -> None:
    give_votes(server, "ada")
    refused = visitor.send("/data/votes/1/withdraw")
    assert (refused.status_code, "somebody else" in refused.text) == (409, True)
    give_votes(server, own_name(visitor))
    for _ in range(2):
        assert "It is kept here and counts no more." in visitor.send("/data/votes/3/withdraw").text
    assert 'href="/data/votes/3"' not in visitor.get("/data/votes")
    assert 'href="/data/votes/3"' in visitor.get("/data/votes?state=withdrawn&who=mine")
    assert visitor.send("/data/votes/999/withdraw").status_code == 404
