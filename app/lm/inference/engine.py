"""The inference engine in this process: one thread that owns the models and writes all answers side by side. Satisfies
app.services.sampling.engine.Engine; knows nothing of the web or the database.

Whoever asks reads the prompt and, if need be, opens the version in a thread of his own: the others' answers go on.
Requests then wait in lines, at most `queue_size` of them together; the first in each is let in as soon as its rows fit,
and from then on every row gets one token per round, whoever asked for it. Each version that is asked for has a line and
a batch of its own, so a new version answers while the former one's last answers are still written; so have the long
answers of programs, which fill at most a quarter of the rows and half of the places in the line: people at the pages
never wait for their end. A reader who goes away ends its
rows at the next token; a request that takes too long is told so.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

import torch

from app.chat import GenerationRequest, Message, NextToken, Prompt, SampledAnswer, StreamEvent
from app.errors import CrowdedError, LateError, UnavailableError
from app.hparams import SamplingParams
from app.lm.inference.batch import MAX_ROWS, Batch, Row, prompt_logits
from app.lm.inference.generation import Generation, Lane
from app.lm.inference.model_cache import ModelCache, Scorer
from app.lm.inference.sampler import filter_logits, finite_only
from app.lm.inference.streaming import Told, received
from app.lm.precision import AUTO, dtype_of

__all__ = ["LocalEngine", "Scorer"]

Value = TypeVar("Value")
Job = Callable[[], None]
STOPPING = "The server is stopping. Try again in a minute."


class LocalEngine:
    """`version_directory` says where a version lives; `load_scorer` opens a reward model. `max_bytes` bounds the keys
    and values of each version's batch (half as much those of its long answers), `request_seconds` the time from the
    question to the last token, `precision` the number format (bf16, fp32, auto)."""

    def __init__(
        self,
        version_directory: Callable[[int], Path],
        *,
        load_scorer: Callable[[Path], Scorer] | None = None,
        threads: int = 2,
        queue_size: int = 64,
        max_rows: int = MAX_ROWS,
        max_bytes: int = 1 << 29,
        request_seconds: float = 120.0,
        precision: str = AUTO,
    ) -> None:
        self._models = ModelCache(version_directory, load_scorer, dtype_of(precision))
        self._threads, self._queue_size, self._request_seconds = threads, queue_size, request_seconds
        self._max_rows, self._max_bytes = max_rows, max_bytes
        self._changed = threading.Condition()  # guards the next three
        self._jobs: deque[Job] = deque()
        self._waiting: deque[Generation] = deque()
        self._closed = False
        self._batches: dict[Lane, Batch] = {}  # from here on the thread's own
        self._owners: dict[Row, Generation] = {}
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    # What the Protocol asks for; called from any thread but the engine's own.

    def generate(self, request: GenerationRequest) -> list[SampledAnswer]:
        generation = Generation(request, deadline=self._deadline())
        self._submit(generation)
        return generation.result.result()

    def stream(self, request: GenerationRequest) -> Iterator[StreamEvent]:
        """Errors come before the first event; closing the iterator stops the sampling."""
        events: queue.SimpleQueue[Told] = queue.SimpleQueue()
        generation = Generation(request, emit=events.put, deadline=self._deadline())
        generation.result.add_done_callback(lambda done: events.put(done.exception()))
        self._submit(generation)
        return _read(events, generation)

    def score(self, messages: Sequence[Message], answers: Sequence[str], *, version_id: int) -> list[float]:
        scorer = self._models.scorer(version_id)
        return self._call(lambda: finite_only(scorer(messages, answers)))

    def tokenize(self, text: str, *, version_id: int) -> list[tuple[int, str]]:
        tokenizer = self._models.policy(version_id).tokenizer
        ids = tokenizer.encode(text)
        return list(zip(ids, tokenizer.pieces(ids), strict=True))

    def count_tokens(self, prompt: Prompt, *, version_id: int, answer_tokens: int = 0) -> int:
        return len(self._models.policy(version_id).encoded(prompt, answer_tokens))

    def text_of(self, token_ids: Sequence[int], *, version_id: int) -> str:
        policy = self._models.policy(version_id)
        policy.check_tokens(token_ids)
        return policy.tokenizer.decode(token_ids)

    def context_tokens(self, *, version_id: int) -> int:
        return self._models.policy(version_id).decoder.config.context_tokens

    def next_token(
        self, messages: Sequence[Message], *, params: SamplingParams, k: int, version_id: int
    ) -> list[NextToken]:
        policy = self._models.policy(version_id)
        prompt = policy.encoded(messages, 1)

        def job() -> list[NextToken]:
            logits = prompt_logits(policy.decoder, prompt)[None]  # [1,V]
            full = (logits / (params.temperature or 1.0)).softmax(dim=-1)[0]
            finite_only(full.max(dim=-1, keepdim=True).values.tolist())
            kept = filter_logits(logits, params.temperature, params.top_k, params.top_p, params.min_p)[0].softmax(-1)
            likeliest = full.topk(min(k, len(full))).indices.tolist()
            texts = policy.tokenizer.pieces(likeliest)
            return [
                NextToken(token, text, float(full[token]), float(kept[token]))
                for token, text in zip(likeliest, texts, strict=True)
            ]

        return self._call(job)

    def close(self) -> None:
        """Stop soon: what is being written and what waits is refused."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(timeout=10)

    # The line

    def _deadline(self) -> float:
        return time.monotonic() + self._request_seconds

    def _submit(self, generation: Generation) -> None:
        with self._changed:
            self._check_room()
        generation.prepare(self._models.policy(generation.request.version_id))
        with self._changed:
            self._check_room()
            if generation.long and sum(other.long for other in self._waiting) >= max(1, self._queue_size // 2):
                raise CrowdedError("Too many long answers are being written right now. Try again in a few seconds.")
            self._waiting.append(generation)
            self._changed.notify_all()

    def _call(self, job: Callable[[], Value]) -> Value:
        """Run something short on the engine's thread, between two rounds."""
        future: Future[Value] = Future()

        def run() -> None:
            try:
                if self._closed:
                    raise UnavailableError(STOPPING)
                future.set_result(job())
            except BaseException as error:  # whatever it was, the one who asked is told, and the thread goes on
                future.set_exception(error)

        with self._changed:
            self._check_room()
            self._jobs.append(run)
            self._changed.notify_all()
        return future.result()

    def _check_room(self) -> None:
        if self._closed:
            raise UnavailableError(STOPPING)
        if len(self._waiting) + len(self._jobs) >= self._queue_size:
            raise CrowdedError("Too many answers are being written right now. Try again in a few seconds.")

    # The thread

    def _work(self) -> None:
        torch.set_num_threads(self._threads)
        while True:
            with self._changed:
                while not (self._jobs or self._waiting or self._batches or self._closed):
                    self._changed.wait()
                jobs, self._jobs = self._jobs, deque()
            for job in jobs:
                job()
            if self._closed:
                break
            self._end_unwanted()
            while self._let_in():
                pass
            for lane in list(self._batches):
                self._round(lane)
        self._refuse_all()

    def _running(self) -> list[Generation]:
        """Those with rows that are being written, each once."""
        return list(dict.fromkeys(self._owners.values()))

    def _end_unwanted(self) -> None:
        """Readers who left, and requests that took too long."""
        with self._changed:
            for generation in [*self._waiting, *self._running()]:
                if generation.gone.is_set() or generation.late:
                    if generation in self._waiting:
                        self._waiting.remove(generation)
                    self._fail(generation, _too_late(self._request_seconds))

    def _let_in(self) -> bool:
        """The first in one of the lines, if its rows fit."""
        with self._changed:
            waiting = list(self._waiting)
        first: dict[Lane, Generation] = {}
        for generation in waiting:
            first.setdefault(generation.lane, generation)
        return any(self._begin(generation) for generation in first.values())

    def _begin(self, generation: Generation) -> bool:
        try:
            batch = self._batches.get(generation.lane) or self._new_batch(generation)
            if not batch.has_room(generation.request.n, generation.slots):
                return False
            self._leave_line(generation)
            self._add(generation, batch, generation.start())
            self._batches[generation.lane] = batch
        except BaseException as error:
            self._leave_line(generation)
            self._fail(generation, error)
        return True

    def _new_batch(self, generation: Generation) -> Batch:
        rows, size = self._max_rows, self._max_bytes
        if generation.long:
            rows, size = max(1, rows // 4), size // 2
        return Batch(generation.policy.decoder, max_rows=rows, max_bytes=size)

    def _leave_line(self, generation: Generation) -> None:
        with self._changed:
            if generation in self._waiting:
                self._waiting.remove(generation)

    def _add(self, generation: Generation, batch: Batch, rows: list[Row]) -> None:
        batch.add(generation.prompt, rows)
        self._owners.update(dict.fromkeys(rows, generation))

    def _round(self, lane: Lane) -> None:
        """One token for every row of a batch."""
        batch = self._batches[lane]
        try:
            for row in batch.step():
                generation = self._owners.pop(row)
                if not row.cancelled and (more := generation.ended(row)):
                    self._add(generation, batch, more)
        except BaseException as error:  # nobody may wait for ever, and other batches go on
            for generation in self._running():
                if generation.lane == lane:
                    self._fail(generation, error)
                    for row in generation.rows:
                        self._owners.pop(row, None)
            del self._batches[lane]
            return
        if not batch.busy:
            del self._batches[lane]

    def _fail(self, generation: Generation, error: BaseException) -> None:
        for row in generation.rows:
            row.cancelled = True
        if not generation.result.done():
            generation.result.set_exception(error)

    def _refuse_all(self) -> None:
        with self._changed:
            left = [*self._waiting, *self._running()]
            jobs = list(self._jobs)
        for generation in left:
            self._fail(generation, UnavailableError(STOPPING))
        for job in jobs:
            job()


def _too_late(seconds: float) -> LateError:
    return LateError(
        f"The answers took longer than {seconds:.0f} seconds and were stopped. Ask for fewer or shorter ones,"
        " or try again when less is going on."
    )


def _read(events: "queue.SimpleQueue[Told]", generation: Generation) -> Iterator[StreamEvent]:
    try:
        yield from received(events)
    finally:
        generation.gone.set()
