"""A person's own prompt: sent twice it is one, its pieces are told with numbers, and what fails is told in words."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from app.db.models.groups import Group
from app.errors import UnavailableError
from app.services.sampling.live_run import LivePiece
from tests.live import LiveServer, ScriptedEngine
from tests.web.visitor import Visitor


def stream_of(html: str) -> str:
    return html.partition('data-stream="')[2].partition('"')[0]


def events_of(visitor: Visitor, path: str, **headers: str) -> list[dict[str, str]]:
    """Each event's fields; comments apart."""
    text = visitor.client.get(path, headers=headers).text
    blocks = [[line.partition(": ") for line in block.splitlines() if line[:1] != ":"] for block in text.split("\n\n")]
    return [{name: value for name, _, value in block} for block in blocks if block]


def test_a_prompt_that_is_sent_again_leads_to_its_card(visitor: Visitor) -> None:
    key = "0" * 32
    first = visitor.send("/prompts", fragment=True, prompt="Why?", ask_key=key)
    assert "Four answers are being written" in first.text
    stream = first.text.partition('data-stream="')[2].partition('"')[0]
    with visitor.client.stream("GET", stream) as events:
        assert "event: done" in list(events.iter_lines())
    again = visitor.send("/prompts", fragment=True, prompt="Why?", ask_key=key)
    assert f'action="{stream.removesuffix("/stream")}/rankings"' in again.text


def test_pieces_have_numbers_and_an_end(
    server: LiveServer, visitor: Visitor, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = server.runtime.live
    real = live.follow

    async def follow(group: Group, *, after: int) -> AsyncIterator[LivePiece | None]:
        pieces = aiter(real(group, after=after))
        first = asyncio.ensure_future(anext(pieces))
        await asyncio.sleep(0)  # it follows, and waits for the first piece
        engine.may_answer.set()
        yield await first
        async for piece in pieces:
            yield piece

    monkeypatch.setattr(live, "follow", follow)
    engine.may_answer.clear()
    stream = stream_of(visitor.send("/prompts", fragment=True, prompt="Why?").text)
    whole = events_of(visitor, stream)
    assert [each["event"] for each in whole] == ["piece"] * (len(whole) - 1) + ["done"]
    assert [each["id"] for each in whole[:-1]] == [str(number) for number in range(1, len(whole))]
    assert {"index", "text", "finished"} == set(json.loads(whole[0]["data"]))
    assert visitor.client.get(stream).headers["content-type"].startswith("text/event-stream")


def test_a_browser_that_comes_again_goes_on_where_it_was(
    server: LiveServer, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = stream_of(visitor.send("/prompts", fragment=True, prompt="Why?").text)
    begun: list[int] = []

    async def follow(_group: Group, *, after: int) -> AsyncIterator[LivePiece | None]:
        begun.append(after)
        yield None  # nothing new for a while
        yield LivePiece(after + 1, 0, "more", finished=False)

    monkeypatch.setattr(server.runtime.live, "follow", follow)
    piece, done = events_of(visitor, stream, **{"last-event-id": "2"})
    assert begun == [2]
    assert (piece["id"], done["event"]) == ("3", "done")


def test_what_fails_is_told_in_words(visitor: Visitor, engine: ScriptedEngine) -> None:
    engine.failure = UnavailableError("The model is away (GET /readyz).", page="The model is away.")
    stream = stream_of(visitor.send("/prompts", fragment=True, prompt="Why?").text)
    [failed] = events_of(visitor, stream)
    assert failed["event"] == "failed"
    assert json.loads(failed["data"])["message"] == "The model is away."


def test_a_stream_of_somebody_elses_prompt_is_refused_in_words(server: LiveServer, visitor: Visitor) -> None:
    stream = stream_of(visitor.send("/prompts", fragment=True, prompt="Why?").text)
    other = Visitor(server)
    other.get("/")
    assert [each["event"] for each in events_of(other, stream)] == ["failed"]
    other.client.close()
