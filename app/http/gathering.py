"""An answer's head leaves together with the beginning of its body.

Each write of a socket lets go of the interpreter's lock, and beside a thread that computes the event loop waits longer
to get it back than the write takes: once more before a stream's first word.
"""

import asyncio
from typing import Any

HEAD = b"HTTP/1."


class Gathering:
    """In the place of a transport: keeps a head until more is written. A head alone leaves in the event loop's next
    turn."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._head = b""
        self._turn: asyncio.Handle | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if data.startswith(HEAD) and not self._head:  # a body that looks like one waits for a turn: no harm
            self._head = data
            self._turn = self._loop.call_soon(self._let_go)
        elif data:
            self._transport.write(self._taken() + data)

    def write_eof(self) -> None:
        self._let_go()
        self._transport.write_eof()

    def close(self) -> None:
        self._let_go()
        self._transport.close()

    def get_write_buffer_size(self) -> int:
        return len(self._head) + self._transport.get_write_buffer_size()

    def _let_go(self) -> None:
        if head := self._taken():
            self._transport.write(head)

    def _taken(self) -> bytes:
        head, self._head = self._head, b""
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        return head
