"""The label page where no card is ready: one is sampled for whoever waits, and for nobody else."""

import pytest

from tests.live import LiveServer
from tests.waiting import wait_for
from tests.web.visitor import Visitor


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


def test_a_prompt_that_is_sent_again_leads_to_its_card(visitor: Visitor) -> None:
    key = "0" * 32
    first = visitor.send("/prompts", fragment=True, prompt="Why?", ask_key=key)
    assert "Four answers are being written" in first.text
    stream = first.text.partition('data-stream="')[2].partition('"')[0]
    with visitor.client.stream("GET", stream) as events:
        assert "event: done" in list(events.iter_lines())
    again = visitor.send("/prompts", fragment=True, prompt="Why?", ask_key=key)
    assert f'action="{stream.removesuffix("/stream")}/rankings"' in again.text
