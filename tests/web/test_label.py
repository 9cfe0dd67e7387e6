"""The label page where no card is ready: one is sampled for whoever waits, and for nobody else."""

import threading

import pytest
from sqlalchemy import event

from tests.live import LiveServer
from tests.waiting import wait_for
from tests.web.visitor import Visitor, words_of


def test_a_card_comes_where_none_are_kept_ready(server: LiveServer, visitor: Visitor) -> None:
    assert server.settings.ready_groups == 0
    assert "The model is writing" in visitor.get("/")
    wait_for(lambda: "ranking-form" in visitor.get("/card"), "card that was sampled when it was asked for")


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, {}])
def test_nothing_is_sampled_for_a_link_elsewhere_or_a_look_at_the_head(
    server: LiveServer, visitor: Visitor, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(server.runtime.prefetcher, "ask", lambda _: asked.append("one"))
    visitor.get("/")  # it has its name from now on
    asked.clear()
    assert visitor.client.request("GET" if headers else "HEAD", "/", headers=headers).status_code == 200
    assert asked == []
    visitor.get("/")
    assert asked == ["one"]


def test_the_whole_page_asks_for_the_stored_languages_once(
    server: LiveServer, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.runtime.prefetcher, "ask", lambda _: None)  # else a card may be there the second time
    visitor.get("/")
    asked: list[str] = []

    def note(*call: object) -> None:
        ahead = threading.current_thread().name == "prefetch"  # it looks for itself, whenever it wakes
        if "WITH RECURSIVE found" in str(call[2]) and not ahead:
            asked.append(str(call[3]))

    event.listen(server.runtime.database, "before_cursor_execute", note)
    assert "The model is writing" in visitor.get("/")
    event.remove(server.runtime.database, "before_cursor_execute", note)
    assert asked  # of each set of prompts
    assert len(asked) == len(set(asked))


def test_why_there_is_no_card_is_said_with_a_way_to_the_prompts(
    server: LiveServer, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.runtime.prefetcher, "ask", lambda _: None)
    visitor.get("/")  # it has its name from now on
    monkeypatch.setattr(server.runtime.prefetcher, "last_error", "All prompts are archived.")
    card = visitor.get("/").partition("<main")[2].partition("</main>")[0]
    assert "There is no card now All prompts are archived." in words_of(card)
    assert 'href="/data/prompts"' in card
