"""Pieces on their way: joined where their reader is busy, none lost, told by any thread, read on the event loop."""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any

import pytest

from app.chat import SampledAnswer, StreamEvent
from app.errors import UnavailableError
from app.pieces import Letterbox, Told, received

END = StreamEvent(0, "", SampledAnswer("ab", [1, 2], "stop"))
PIECES = [StreamEvent(0, "a"), StreamEvent(1, "x"), StreamEvent(0, "b"), END, StreamEvent(1, "y")]
JOINED = [StreamEvent(0, "ab"), END, StreamEvent(1, "xy")]
BROKEN = UnavailableError("Out of order.")


def told(*items: Told) -> "queue.SimpleQueue[Told]":
    line: queue.SimpleQueue[Told] = queue.SimpleQueue()
    for item in items:
        line.put(item)
    return line


async def read(letterbox: Letterbox, until: list[StreamEvent]) -> None:
    async for event in letterbox.received():
        until.append(event)


def test_what_came_meanwhile_is_read_as_one() -> None:
    """Each answer's pieces before its end; an error and the end are told after what came before them."""
    assert list(received(told(*PIECES, None))) == JOINED
    events = received(told(*PIECES, BROKEN))
    assert [next(events) for _ in JOINED] == JOINED
    with pytest.raises(UnavailableError):
        next(events)
    assert list(received(told(StreamEvent(0, ""), None))) == [StreamEvent(0, "")]


def test_joined_pieces_keep_their_tokens_in_order() -> None:
    """A stopped answer goes on from them."""
    pieces = [StreamEvent(0, "a", token_ids=(7,)), StreamEvent(0, "", token_ids=(8, 9)), StreamEvent(0, "b")]
    [joined] = received(told(*pieces, None))
    assert (joined.text, joined.token_ids) == ("ab", (7, 8, 9))


def test_a_piece_is_read_as_soon_as_it_is_there() -> None:
    line = told(StreamEvent(0, "a"))
    events = received(line)
    assert next(events).text == "a"
    line.put(StreamEvent(0, "b"))
    line.put(None)
    assert [event.text for event in events] == ["b"]


def test_the_event_loop_reads_the_same() -> None:
    """What it has not read yet wakes it once."""

    async def read_all(last: Told) -> tuple[list[StreamEvent], int]:
        letterbox, events, wakes = Letterbox(), list[StreamEvent](), list[Callable[..., Any]]()
        loop = asyncio.get_running_loop()
        wake = loop.call_soon_threadsafe

        def counted(call: Callable[..., Any], *arguments: Any) -> asyncio.Handle:
            wakes.append(call)
            return wake(call, *arguments)

        loop.call_soon_threadsafe = counted  # type: ignore[method-assign, assignment]
        for item in (*PIECES, last):
            letterbox.tell(item)
        try:
            await read(letterbox, events)
        except UnavailableError:
            assert last is BROKEN
        return events, len(wakes)

    assert asyncio.run(read_all(None)) == (JOINED, 1)
    assert asyncio.run(read_all(BROKEN)) == (JOINED, 1)


def test_nothing_is_lost_between_threads() -> None:
    async def read_all() -> str:
        letterbox, events = Letterbox(), list[StreamEvent]()

        def write() -> None:
            for number in range(3_000):
                letterbox.tell(StreamEvent(0, f"{number} "))
            letterbox.tell(None)

        writer = threading.Thread(target=write)
        writer.start()
        await asyncio.wait_for(read(letterbox, events), 60)
        writer.join()
        return "".join(event.text for event in events)

    assert asyncio.run(read_all()).split() == [str(number) for number in range(3_000)]


def test_a_server_that_has_stopped_is_told_in_vain() -> None:
    """The engine's thread goes on."""

    async def made() -> Letterbox:
        return Letterbox()

    asyncio.run(made()).tell(None)
