"""A real web server for tests: uvicorn on a free loopback port in a thread, and engines to put behind it."""

# ruff: noqa: ARG002  the scripted engine takes what a real one would use

import asyncio
import itertools
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from fastapi import FastAPI

from app.api.labeler import DEFAULT_LABELER
from app.chat import (
    Attention,
    Candidate,
    Cut,
    Distribution,
    GenerationRequest,
    Message,
    NextToken,
    Prompt,
    RawText,
    Rest,
    SampledAnswer,
    Scored,
    StreamEvent,
    Tokenized,
)
from app.errors import ContextFullError
from app.http.connections import server_config
from app.http.listening import listen
from app.main import VersionDirectory, create_app
from app.pieces import Tell
from app.runtime import Runtime
from app.services.sampling.engine import Engine
from app.settings.config import Settings
from app.web.browser_name import COOKIE as BROWSER_NAME
from tests.databases import database_url
from tests.documented import check_documented
from tests.waiting import PATIENCE_SECONDS, wait_for

LEASE_SECONDS = 1_800.0


class ScriptedEngine:
    """A Engine whose every answer and failure a test decides; answers are numbered, so always distinct."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.context = 2_000
        self.endless = False
        self.texts: list[str] = []
        """What `generate` answers, where it is not numbered."""
        self.calls: list[tuple[str, int]] = []
        self.taken: list[Candidate] = []
        self.counted: list[Prompt] = []
        self.loaded: set[int] | None = None
        """The versions that are open; None: all."""
        self._numbers = itertools.count(1)

    def _called(self, what: str, version_id: int) -> None:
        self.calls.append((what, version_id))
        assert self.may_answer.wait(PATIENCE_SECONDS), "no test let the engine go on"
        if self.failure is not None:
            raise self.failure

    def generate(self, request: GenerationRequest) -> list[SampledAnswer]:
        self._called("generate", request.version_id)
        texts = self.texts[: request.n] or [f"answer {next(self._numbers)}" for _ in range(request.n)]
        return [SampledAnswer(text, [5, 6, 4], "stop") for text in texts]

    def stream(self, request: GenerationRequest) -> Iterator[StreamEvent]:
        self._called("stream", request.version_id)
        while self.endless:
            yield StreamEvent(0, "and so on " * 100)
        for index in range(request.n):
            yield StreamEvent(index, "an ")
            yield StreamEvent(index, "answer", SampledAnswer("an answer", [5, 4], "stop"))

    def is_loaded(self, version_id: int) -> bool:
        return self.loaded is None or version_id in self.loaded

    def starts_at_once(self, request: GenerationRequest) -> bool:
        return True

    def start(self, request: GenerationRequest, tell: Tell) -> Callable[[], None]:
        """As slowly as `stream` is; of an endless one a piece at a time, so that nothing piles up unread."""
        stopped = threading.Event()

        def write() -> None:
            events = self.stream(request)
            try:
                for event in events:
                    tell(event)
                    if stopped.wait(0.001 if self.endless else 0):
                        break
            except Exception as error:
                tell(error)
            else:
                tell(None)
            finally:
                if isinstance(events, Generator):
                    events.close()

        threading.Thread(target=write, daemon=True).start()
        return stopped.set

    def score(self, messages: Sequence[Message], answers: Sequence[str], *, version_id: int) -> list[Scored]:
        self._called("score", version_id)
        return [Scored(float(len(answer)), 0.5) for answer in answers]

    def gains(
        self, groups: Sequence[Candidate], taken: Sequence[Candidate], *, version_id: int, tie_share: float
    ) -> list[float]:
        """The more, the later its first answer was written: answers are numbered."""
        self._called("gains", version_id)
        self.taken = list(taken)
        return [float(group.answers[0].split()[-1]) for group in groups]

    def tokenize(self, text: str, *, version_id: int, chat: bool = False, merges: bool = False) -> Tokenized:
        """A word is a token."""
        words = text.split()
        return Tokenized([Cut(5 + len(each), each, tuple(each.encode())) for each in words], "words", len(words) == 1)

    def count_tokens(self, prompt: Prompt, *, version_id: int, answer_tokens: int = 0) -> int:
        """A word is a token."""
        self.counted.append(prompt)
        if isinstance(prompt, RawText):
            count = len(prompt.text.split())
        else:
            assert isinstance(prompt, list), "a conversation"
            count = sum(len(message["content"].split()) for message in prompt)
        limit = self.context_tokens(version_id=version_id) - answer_tokens
        if count > limit:
            raise ContextFullError(f"The prompt has {count} tokens; at most {limit} fit.", tokens=count)
        return count

    def text_of(self, token_ids: Sequence[int], *, version_id: int) -> str:
        del version_id
        return " ".join(map(str, token_ids))

    def context_tokens(self, *, version_id: int) -> int:
        del version_id
        return self.context

    def next_token(self, request: GenerationRequest, k: int) -> Distribution:
        self._called("next_token", request.version_id)
        tokens = [NextToken(5 + index, str(index), (48,), -1.0, 1 / k, 1 / k, 1 / k) for index in range(k)]
        return Distribution(k, tuple(tokens), Rest(0, 0.0, 0.0, 0.0), (5,), 0.0, b"")

    def attention(self, text: str, place: int, *, version_id: int) -> Attention:
        """Each token reads all up to it alike, in two layers of one head."""
        self._called("attention", version_id)
        tokens = self.tokenize(text, version_id=version_id).tokens
        at = min(place, len(tokens) - 1)
        row = (1 / (at + 1),) * (at + 1)
        return Attention(tokens, at, ((row,), (row,)))


@dataclass(frozen=True)
class LiveServer:
    url: str
    app: FastAPI
    client: httpx2.Client
    runtime: Runtime
    settings: Settings


class _Server(uvicorn.Server):
    """Stops at once: hundreds of tests wait for that. uvicorn looks ten times a second whether it should, and gives
    connections a tenth of a second also where there are none."""

    async def main_loop(self) -> None:
        ticks = 0
        while not await self.on_tick(ticks):
            for _ in range(20):
                await asyncio.sleep(0.005)
                if self.should_exit:
                    break
            ticks += 1

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)
            return
        for server in self.servers:
            server.close()
            await server.wait_closed()
        for each in sockets or []:
            each.close()
        await self.lifespan.shutdown()


@contextmanager
def live_server(
    settings: Settings,
    engine_factory: Callable[[Settings, VersionDirectory], Engine] | None = None,
    *,
    port: int = 0,
) -> Iterator[LiveServer]:
    """Runs create_app(settings) until the end of the block; on a free port, or on that of a server that has stopped."""
    app = create_app(settings, engine_factory=engine_factory)
    listener = listen("127.0.0.1", port)
    config = server_config(app, settings, log_level="warning", timeout_graceful_shutdown=2)
    server = _Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the server did not start")
            time.sleep(0.002)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        hooks = {"response": [check_documented(app)]}
        with httpx2.Client(base_url=url, timeout=PATIENCE_SECONDS, event_hooks=hooks) as client:
            client.cookies.set(BROWSER_NAME, DEFAULT_LABELER, domain="127.0.0.1")  # one labeler, pages and API
            yield LiveServer(url, app, client, app.state.runtime, settings)
    finally:
        runtime = getattr(app.state, "runtime", None)
        if runtime is not None:
            runtime.closing.set()
        server.should_exit = True
        thread.join(15)
        listener.close()


def take_card(client: httpx2.Client, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The next card, asked for again where a busy machine had none ready in time (503), as programs do."""

    def taken() -> dict[str, Any] | None:
        answer = client.post("/api/v1/groups/next", headers=headers)
        assert answer.status_code in {200, 503}, answer.text
        return dict(answer.json()) if answer.status_code == 200 else None

    return wait_for(taken, "card")


def quick_settings(data_dir: Path, model_dir: Path, **changes: object) -> Settings:
    """Quick ones: nothing prefetched, short answers, and never a training by itself."""
    values: dict[str, object] = {
        "data_dir": data_dir,
        "database_url": database_url(data_dir),
        "model_dir": model_dir,
        "ready_groups": 0,
        "max_answer_tokens": 8,
        "retrain_after_rankings": 1_000,
    }
    return Settings(**{**values, **changes})  # type: ignore[arg-type]
