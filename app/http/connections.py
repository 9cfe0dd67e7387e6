"""Limits of a connection: time to send and to read, and the number of connections.

uvicorn closes a connection that idles between two requests, and knows no other limit: who sends half a request, or
never reads the answer, would keep a descriptor for ever, and without descriptors nobody can be accepted. The limits are
those of Apache's mod_reqtimeout: so many seconds for the headers; for the body so many, and more while it comes in at a
least rate. Event streams may last as long as somebody reads them.
"""

import asyncio
import json
import logging
import resource
import time
from http import HTTPStatus
from typing import Any, ClassVar, Literal, cast

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.http.gathering import Gathering
from app.http.openai_errors import error_body, is_openai
from app.settings.config import Settings

BODY_BYTES_PER_SECOND = 16 * 1024
BACKLOG = 128
KEPT_DESCRIPTORS = 512
"""Not for connections: the database, model files, and those that were accepted at once and are being turned away."""
FEWEST_CONNECTIONS = 16
LINGERING = 128
LINGER_SECONDS = 1.0
ACCEPT_LOG_SECONDS = 60.0
log = logging.getLogger(__name__)


def server_config(app: Any, settings: Settings, **options: Any) -> uvicorn.Config:
    """How this program is served, by `serve` and by tests."""
    most = connection_limit(settings.max_connections)

    class Guarded(GuardedProtocol):
        limits, max_connections = settings, most

    return uvicorn.Config(
        app,
        http=Guarded,
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=settings.keep_alive_seconds,
        **options,
    )


def raise_descriptor_limit() -> None:
    """The soft limit becomes the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def connection_limit(wanted: int) -> int:
    """As many as wanted, or as the descriptors allow."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or wanted <= soft - KEPT_DESCRIPTORS:
        return wanted
    allowed = min(wanted, max(FEWEST_CONNECTIONS, soft - KEPT_DESCRIPTORS))
    log.warning("%d descriptors are allowed (ulimit -n): at most %d connections at once", soft, allowed)
    return allowed


class AcceptErrors:
    """An exception handler of the event loop that tells about missing descriptors once a minute; asyncio would log a
    trace for each connection that waits, again and again."""

    def __init__(self) -> None:
        self._told_at = float("-inf")

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not str(context.get("message", "")).startswith("socket.accept() out of system resource"):
            loop.default_exception_handler(context)
        elif time.monotonic() - self._told_at >= ACCEPT_LOG_SECONDS:
            self._told_at = time.monotonic()
            log.error("no descriptor is left for a new connection; raise `ulimit -n` or lower FOURFOLD_MAX_CONNECTIONS")


class GuardedProtocol(H11Protocol):
    """One connection."""

    limits: ClassVar[Settings]
    max_connections: ClassVar[int]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._owed: Literal["headers", "body"] | None = None
        self._reading: asyncio.TimerHandle | None = None
        """Until what the client owes is there."""
        self._body_began, self._body_bytes = 0.0, 0
        self._writing: asyncio.TimerHandle | None = None
        """Until the client has read what was written."""
        self._unsent = 0
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport = cast(asyncio.Transport, Gathering(transport, self.loop))
        transport.set_write_buffer_limits(high=0)  # `pause_writing` means: the client is behind
        if len(self.connections) > self.max_connections + LINGERING:
            transport.abort()
        elif len(self.connections) > self.max_connections:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections. Try again in a few seconds.")
        else:
            self._look_at_request()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._reading, self._writing):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._body_bytes += len(data)
        super().data_received(data)
        self._look_at_request()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look_at_request()

    def _look_at_request(self) -> None:
        """What the client owes now, and its time limit. Between two requests it owes nothing, and uvicorn waits."""
        owed: Literal["headers", "body"] | None = None
        if self.conn.their_state is h11.SEND_BODY:
            owed = "body"
        elif self.conn.their_state is h11.IDLE and (self.cycle is None or self.conn.trailing_data[0]):
            owed = "headers"
        if owed == self._owed:
            return
        self._owed = owed
        if self._reading is not None:
            self._reading.cancel()
        if owed == "headers":
            self._reading = self.loop.call_later(self.limits.header_seconds, self._headers_are_late)
        elif owed == "body":
            self._body_began, self._body_bytes = self.loop.time(), 0
            self._reading = self.loop.call_later(self.limits.body_seconds, self._look_at_body)

    def _headers_are_late(self) -> None:
        if self.conn.trailing_data[0]:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "The request did not arrive in time. Send it again.")
        else:
            self.transport.close()

    def _look_at_body(self) -> None:
        """Late is also who sends little by little."""
        passed = self.loop.time() - self._body_began
        allowed = self.limits.body_seconds + self._body_bytes / BODY_BYTES_PER_SECOND
        if self.flow.read_paused:  # it is we who are slow
            self._reading = self.loop.call_later(self.limits.body_seconds, self._look_at_body)
        elif passed < allowed:
            self._reading = self.loop.call_later(allowed - passed, self._look_at_body)
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "The request did not arrive in time. Send it again.")

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        """Answers where no answer has begun, and closes; lingers a moment, or the answer would be lost to a client that
        is still sending."""
        self._refused = True
        if self.transport.is_closing():
            return
        if self.cycle is not None:
            self.cycle.disconnected = True  # the application reads and writes nothing more
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            kind, body = self._said(status, sentence)
            headers = [
                (b"content-type", kind),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
                (b"retry-after", b"5"),
            ]
            answer = h11.Response(status_code=status, headers=headers, reason=status.phrase.encode())
            for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
            self.transport.write_eof()
            self._reading = self.loop.call_later(LINGER_SECONDS, self.transport.abort)
        else:
            self.transport.abort()

    def _said(self, status: HTTPStatus, sentence: str) -> tuple[bytes, bytes]:
        """Content type and body, in OpenAI's form where the request that is being read goes there."""
        if self._owed == "body" and self.cycle is not None and is_openai(self.cycle.scope["path"]):
            return b"application/json", json.dumps(error_body(status, sentence)).encode()
        return b"text/plain; charset=utf-8", sentence.encode()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._writing is None:
            self._unsent = self.transport.get_write_buffer_size()
            self._writing = self.loop.call_later(self.limits.write_seconds, self._look_at_reader)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    def _look_at_reader(self) -> None:
        """A client that has read nothing for so long is gone, or means no good."""
        unsent = self.transport.get_write_buffer_size()
        if unsent >= self._unsent:
            self.transport.abort()
        else:
            self._unsent = unsent
            self._writing = self.loop.call_later(self.limits.write_seconds, self._look_at_reader)
