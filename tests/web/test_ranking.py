"""Ranks as a plain form sends them: gaps are no doubt, a missing rank is told on the card with what was entered."""

import re

import pytest

from tests.live import LiveServer
from tests.waiting import wait_for
from tests.web.visitor import Visitor, words_of


@pytest.fixture
def card(server: LiveServer, visitor: Visitor) -> str:
    assert server.settings.ready_groups == 0
    wait_for(lambda: "ranking-form" in visitor.get("/"), "card")
    return visitor.get("/")


def answers_of(card: str) -> list[str]:
    return sorted(set(re.findall(r'name="(rank-\d+)"', card)))


def action_of(card: str) -> str:
    return str(re.findall(r'action="(/groups/\d+)/rankings"', card)[0])


def test_gaps_become_competition_ranks(server: LiveServer, visitor: Visitor, card: str) -> None:
    given = dict(zip(answers_of(card), ("2", "3", "4", "4"), strict=True))
    assert visitor.send(f"{action_of(card)}/rankings", fragment=False, **given).status_code == 200
    [ranking] = server.client.get("/api/v1/rankings").json()["items"]
    assert sorted(ranking["ranks"].values()) == [1, 2, 3, 3]


def test_a_refused_ranking_keeps_what_was_entered(visitor: Visitor, card: str) -> None:
    first, *_ = answers_of(card)
    page = visitor.send(f"{action_of(card)}/rankings", fragment=False, comment="so far", **{first: "2"})
    assert page.status_code == 422
    assert "3 answers have no rank yet." in words_of(page.text)
    assert re.search(rf'name="{first}" value="2" required checked', page.text)
    assert ">so far</textarea>" in page.text


@pytest.mark.parametrize("rank", ["x", "-1", "9" * 30])
def test_what_is_no_rank_is_told(visitor: Visitor, card: str, rank: str) -> None:
    given = dict.fromkeys(answers_of(card), rank)
    assert (
        "A rank is a whole number from 1 (best) to 4."
        in visitor.send(f"{action_of(card)}/rankings", fragment=False, **given).text
    )


def test_a_ranking_comes_back_with_its_ranks(visitor: Visitor, card: str) -> None:
    names = answers_of(card)
    visitor.send(f"{action_of(card)}/rankings", fragment=False, **dict(zip(names, "1234", strict=True)))
    wait_for(lambda: "ranking-form" in visitor.get("/"), "next card")
    [undo] = re.findall(r'action="(/rankings/\d+/withdraw)"', visitor.get("/"))
    back = visitor.send(undo, fragment=True).text
    assert "Ranking undone. Change it and submit again." in back
    for name, rank in zip(names, "1234", strict=True):
        assert re.search(rf'name="{name}" value="{rank}" required checked', back)


def test_a_skip_needs_a_reason(visitor: Visitor, card: str) -> None:
    assert "Choose one of the reasons" in visitor.send(f"{action_of(card)}/skip", reason="bored").text
    skipped = visitor.send(f"{action_of(card)}/skip", fragment=True, reason="unclear")
    assert 'data-announce="The prompt was skipped."' in skipped.text
