"""The inference engine in this process: one thread that owns the models and writes all answers side by side. Satisfies
app.services.sampling.engine.Engine; knows nothing of the web or the database.

Whoever asks encodes the prompt and, if need be, opens the version in a thread of his own: the others' answers go on.
Requests then wait in lines, at most `queue_size` of them together; the first in each is admitted as soon as its
sequences fit, and from then on every sequence gets one token per round, whoever asked for it. Each version that is
asked for has a lane of its own (a line and a batch: a Scheduler), so a new version answers while the former one's last
answers are still written; so have the long answers of programs, which fill at most a quarter of the sequences and half
of the places in the line: people at the pages never wait for their end. A reader who goes away ends its sequences at
the next token; a request that takes too long is told so.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch

from app.chat import (
    Attention,
    Candidate,
    Distribution,
    GenerationRequest,
    Message,
    Prompt,
    RawText,
    SampledAnswer,
    Scored,
    StreamEvent,
    Tokenized,
    size_of,
)
from app.errors import CrowdedError, InvalidError, LateError, UnavailableError
from app.lm.inference.ahead import AheadReading, OpenAhead
from app.lm.inference.attention_weights import attention_of, check_attended
from app.lm.inference.generation import Emit, Generation, Lane
from app.lm.inference.model_cache import Foreseeing, ModelCache, Scorer
from app.lm.inference.sampler import finite_only
from app.lm.inference.scheduler import MAX_SEQUENCES, Scheduler
from app.lm.inference.tokenizing import cuts_of, tokenized
from app.lm.precision import Formats
from app.pieces import Tell, Told, received
from app.read_ahead import ReadAhead
from app.translation import N_, _

Value = TypeVar("Value")
Job = Callable[[], None]
AT_ONCE = 2_000
"""Characters of a prompt that are read, and random numbers of an answer that are drawn, in a fraction of a
millisecond."""
LOOK_SECONDS = 1.0
STOPPING = N_("The server is stopping. Try again in a minute.")
FORESEES_NOTHING = N_("Version {id} cannot tell what rankings would teach it. Train a reward model again.")


class LocalEngine:
    """`version_directory` says where a version lives; `load_scorer` opens a reward model. `max_bytes` bounds the keys
    and values of each version's batch (half as much those of its long answers), `request_seconds` the time from the
    question to the last token, `formats` the number formats."""

    def __init__(
        self,
        version_directory: Callable[[int], Path],
        *,
        load_scorer: Callable[[Path], Scorer] | None = None,
        threads: int = 2,
        queue_size: int = 64,
        max_sequences: int = MAX_SEQUENCES,
        max_bytes: int = 1 << 29,
        request_seconds: float = 120.0,
        formats: Formats = Formats(),  # noqa: B008 (it is frozen)
    ) -> None:
        self._models = ModelCache(version_directory, load_scorer, formats)
        self._ahead: AheadReading | None = None
        self._threads, self._queue_size, self._request_seconds = threads, queue_size, request_seconds
        self._max_sequences, self._max_bytes = max_sequences, max_bytes
        self._changed = threading.Condition()  # guards the next three, and the lines of those that wait
        self._jobs: deque[Job] = deque()
        self._lanes: dict[Lane, Scheduler] = {}  # while anything waits or is written there
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    # What the Protocol asks for; called from any thread but the engine's own.

    def generate(self, request: GenerationRequest) -> list[SampledAnswer]:
        return self._submit(request).result.result()

    def stream(self, request: GenerationRequest) -> Iterator[StreamEvent]:
        """Errors come before the first event; closing the iterator stops the sampling."""
        events: queue.SimpleQueue[Told] = queue.SimpleQueue()
        return _told(events, self.start(request, events.put))

    def is_loaded(self, version_id: int) -> bool:
        return self._models.is_loaded(version_id)

    def starts_at_once(self, request: GenerationRequest) -> bool:
        """The version is loaded, and prompt and answers are short."""
        short = size_of(request.prompt) + len(request.continue_from) <= AT_ONCE and request.params.max_tokens <= AT_ONCE
        return short and self.is_loaded(request.version_id)

    def start(self, request: GenerationRequest, tell: Tell) -> Callable[[], None]:
        """`tell` is called by the engine's thread."""
        generation = self._submit(request, tell)
        generation.result.add_done_callback(lambda done: tell(done.exception()))
        return generation.gone.set

    def score(self, messages: Sequence[Message], answers: Sequence[str], *, version_id: int) -> list[Scored]:
        scorer = self._models.scorer(version_id)

        def scored() -> list[Scored]:
            each = scorer(messages, answers)
            finite_only([number for pair in each for number in pair if number is not None])
            return each

        return self._call(scored)

    def gains(
        self, groups: Sequence[Candidate], taken: Sequence[Candidate], *, version_id: int, tie_share: float
    ) -> list[float]:
        """Between two groups that are read whoever waits for tokens gets some."""
        scorer = self._models.scorer(version_id)
        if not isinstance(scorer, Foreseeing):
            raise InvalidError(_(FORESEES_NOTHING, id=version_id))
        for group in (*taken, *groups):
            self._call(partial(scorer.read, group))
        return self._call(partial(scorer.gains, groups, taken, tie_share))

    def read_ahead_by(self, open_ahead: OpenAhead) -> None:
        """What reads for reward models with the decoder of a version of a content hash. Before `read_ahead`."""
        self._ahead = AheadReading(self._models, open_ahead)

    def read_ahead(self, group: ReadAhead, *, version_id: int, content_hash: str, go_on: Callable[[], bool]) -> bool:
        """As app.services.sampling.reading_ahead wants it, from one thread alone; each answer once nothing is
        written."""
        if self._ahead is None:
            return False
        return self._ahead.read(group, version_id, content_hash, lambda: self._once_quiet(go_on))

    def _once_quiet(self, go_on: Callable[[], bool]) -> bool:
        """Waits until nothing is written; False where that is not wanted any more, or the engine stops."""
        while go_on():
            with self._changed:
                if self._changed.wait_for(lambda: self._closed or not (self._jobs or self._lanes), LOOK_SECONDS):
                    return not self._closed
        return False

    def tokenize(self, text: str, *, version_id: int, chat: bool = False, merges: bool = False) -> Tokenized:
        return tokenized(self._models.tokenizer(version_id), text, chat=chat, merges=merges)

    def count_tokens(self, prompt: Prompt, *, version_id: int, answer_tokens: int = 0) -> int:
        return len(self._models.policy(version_id).encode(prompt, answer_tokens))

    def text_of(self, token_ids: Sequence[int], *, version_id: int) -> str:
        policy = self._models.policy(version_id)
        policy.check_tokens(token_ids)
        return policy.tokenizer.decode(token_ids)

    def context_tokens(self, *, version_id: int) -> int:
        return self._models.policy(version_id).decoder.config.context_tokens

    def next_token(self, request: GenerationRequest, k: int) -> Distribution:
        policy, params, given = self._models.policy(request.version_id), request.params, request.continue_from
        policy.check_biases(params)
        policy.check_given(given, len(given), goes_on=True)
        prompt = policy.encode(request.prompt, len(given) + 1)
        return self._call(lambda: policy.next_token(prompt, given, params, k))

    def attention(self, text: str, place: int, *, version_id: int) -> Attention:
        policy = self._models.policy(version_id)
        ids = policy.encode(RawText(text), 0)
        check_attended(len(ids))
        at = min(place, len(ids) - 1)
        weights = self._call(lambda: attention_of(policy.decoder, ids, at))
        return Attention(cuts_of(policy.tokenizer, ids), at, weights)

    def close(self) -> None:
        """Stop soon: what is being written and what waits is refused."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(timeout=10)

    # The lines

    def _submit(self, request: GenerationRequest, emit: Emit | None = None) -> Generation:
        deadline = time.monotonic() + self._request_seconds
        with self._changed:
            self._check_room()
        policy = self._models.policy(request.version_id)
        generation = Generation(request, policy, emit=emit, deadline=deadline)
        with self._changed:
            self._check_room()
            if generation.long and self._waiting(long_only=True) >= max(1, self._queue_size // 2):
                raise CrowdedError(_("Too many long answers are being written right now. Try again in a few seconds."))
            if generation.lane not in self._lanes:
                self._lanes[generation.lane] = self._new_scheduler(generation)
            self._lanes[generation.lane].add(generation)
            self._changed.notify_all()
        return generation

    def _new_scheduler(self, generation: Generation) -> Scheduler:
        sequences, size = self._max_sequences, self._max_bytes
        if generation.long:
            sequences, size = max(1, sequences // 4), size // 2
        return Scheduler(generation.policy.decoder, max_sequences=sequences, max_bytes=size)

    def _call(self, job: Callable[[], Value]) -> Value:
        """Run something short on the engine's thread, between two rounds."""
        future: Future[Value] = Future()

        def run() -> None:
            try:
                if self._closed:
                    raise UnavailableError(_(STOPPING))
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
            raise UnavailableError(_(STOPPING))
        if self._waiting() + len(self._jobs) >= self._queue_size:
            raise CrowdedError(_("Too many answers are being written right now. Try again in a few seconds."))

    def _waiting(self, *, long_only: bool = False) -> int:
        lanes = self._lanes.items()
        return sum(len(scheduler.waiting) for (_, long), scheduler in lanes if long or not long_only)

    # The thread

    def _work(self) -> None:
        torch.set_num_threads(self._threads)
        while True:
            with self._changed:
                while not (self._jobs or self._lanes or self._closed):
                    self._changed.wait()
                jobs, self._jobs = self._jobs, deque()
            for job in jobs:
                job()
            if self._closed:
                break
            with self._changed:
                lanes = list(self._lanes.items())
                for _, scheduler in lanes:
                    scheduler.fail_unwanted(self._too_late)
                    scheduler.admit()
            for lane, scheduler in lanes:
                self._round(lane, scheduler)
        self._refuse_all()

    def _round(self, lane: Lane, scheduler: Scheduler) -> None:
        """One token for every sequence of a lane."""
        try:
            scheduler.step()
        except BaseException as error:  # nobody may wait for ever, and other lanes go on
            scheduler.fail_running(error)
        with self._changed:
            if not scheduler.busy:
                del self._lanes[lane]
                self._changed.notify_all()

    def _too_late(self) -> LateError:
        return LateError(
            _(
                "The answers took longer than {request_seconds} seconds and were stopped. Ask for fewer or "
                "shorter ones, or try again when the server is less busy.",
                request_seconds=f"{self._request_seconds:.0f}",
            )
        )

    def _refuse_all(self) -> None:
        with self._changed:
            left = [group for lane in self._lanes.values() for group in (*lane.waiting, *lane.running)]
            jobs = list(self._jobs)
        for group in left:
            group.fail(UnavailableError(_(STOPPING)))
        for job in jobs:
            job()


def _told(events: "queue.SimpleQueue[Told]", stop: Callable[[], None]) -> Iterator[StreamEvent]:
    try:
        yield from received(events)
    finally:
        stop()
