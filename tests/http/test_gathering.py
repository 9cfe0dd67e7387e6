"""A head waits for what follows it within the same turn, and for nothing else."""

import asyncio
from collections.abc import Callable

from app.http.gathering import Gathering

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class Wire:
    """A transport that keeps what was written."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def write_eof(self) -> None:
        self.sent.append(b"<eof>")

    def close(self) -> None:
        self.sent.append(b"<closed>")

    def get_write_buffer_size(self) -> int:
        return 0


def sent_by(write: Callable[[Gathering], None], *, turns: int = 0) -> list[bytes]:
    async def run() -> list[bytes]:
        wire = Wire()
        write(Gathering(wire, asyncio.get_running_loop()))  # type: ignore[arg-type]
        for _ in range(turns):
            await asyncio.sleep(0)
        return list(wire.sent)

    return asyncio.run(run())


def test_head_and_body_are_one_write() -> None:
    def write(wire: Gathering) -> None:
        for data in (HEAD, b"first", b"", b"second"):
            wire.write(data)

    assert sent_by(write, turns=2) == [HEAD + b"first", b"second"]


def test_a_head_alone_leaves_in_the_next_turn() -> None:
    """A stream that has nothing to say yet tells its reader that it is open."""
    assert sent_by(lambda wire: wire.write(HEAD)) == []
    assert sent_by(lambda wire: wire.write(HEAD), turns=1) == [HEAD]


def test_a_second_head_drops_none() -> None:
    """As after `100 Continue`."""

    def write(wire: Gathering) -> None:
        wire.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        wire.write(HEAD)

    assert b"".join(sent_by(write, turns=2)) == b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD


def test_the_end_comes_behind_the_head() -> None:
    def closed(wire: Gathering) -> None:
        wire.write(HEAD)
        assert wire.get_write_buffer_size() == len(HEAD)
        wire.close()

    def ended(wire: Gathering) -> None:
        wire.write(HEAD)
        wire.write_eof()

    assert sent_by(closed) == [HEAD, b"<closed>"]
    assert sent_by(ended) == [HEAD, b"<eof>"]
