"""The in-process sampler: one thread that owns the models, a bounded queue in front of it. Satisfies
app.services.sampler.Sampler; knows nothing of the web or the database.

Versions are loaded when first asked for and kept while recently used. A reader who goes away in the middle of a stream
ends its sampling at the next token.
"""

import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from app.chat import Message, NextToken, SampledAnswer, StreamEvent
from app.errors import InvalidError, UnavailableError
from app.hparams import SamplingParams
from app.lm.checkpoint import load_model
from app.lm.decoder import Decoder
from app.lm.precision import fast_matmul_dtype
from app.lm.sampling import Completion, filter_logits, sample_batch, sample_distinct
from app.lm.streaming import AnswerStream
from app.lm.tokenizer import Tokenizer

KEPT_VERSIONS = 4  # the active policy, the active reward model and two others
Value = TypeVar("Value")
Scorer = Callable[[Sequence[Message], Sequence[str]], list[float]]


@dataclass(frozen=True)
class _Loaded:
    decoder: Decoder
    tokenizer: Tokenizer


class Engine:
    """`version_directory` says where a version lives; `load_scorer` opens a reward model (app.training knows how)."""

    def __init__(
        self,
        version_directory: Callable[[int], Path],
        *,
        load_scorer: Callable[[Path], Scorer] | None = None,
        tokenizer_directory: Path | None = None,
        threads: int = 2,
        queue_size: int = 16,
    ) -> None:
        self._directory, self._load_scorer = version_directory, load_scorer
        self._tokenizer_directory = tokenizer_directory
        self._threads = threads
        self._cache: OrderedDict[int, _Loaded | Scorer] = OrderedDict()
        self._tokenizer: Tokenizer | None = None
        self._queue: queue.Queue[Callable[[], None] | None] = queue.Queue(maxsize=queue_size)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, name="sampler", daemon=True)
        self._thread.start()

    # What the Protocol asks for; called from any thread but the engine's own.

    def generate(
        self, messages: Sequence[Message], *, n: int, params: SamplingParams, version_id: int, distinct: bool = False
    ) -> list[SampledAnswer]:
        def job() -> list[SampledAnswer]:
            loaded = self._policy(version_id)
            prompt = _encoded(loaded, messages, params.max_tokens)
            end = loaded.tokenizer.end_id
            if distinct:
                found = sample_distinct(loaded.decoder, end, prompt, n=n, params=params)
            else:
                found = sample_batch(
                    loaded.decoder, end, [prompt], n=n, params=params, should_stop=self._closed.is_set
                )[0]
            return [_answer(loaded.tokenizer, completion) for completion in found]

        return self._call(job)

    def stream(
        self, messages: Sequence[Message], *, n: int, params: SamplingParams, version_id: int
    ) -> Iterator[StreamEvent]:
        """Errors come before the first event; closing the iterator stops the sampling."""
        events: queue.SimpleQueue[StreamEvent | BaseException | None] = queue.SimpleQueue()
        gone = threading.Event()

        def job() -> None:
            if gone.is_set():
                return
            loaded = self._policy(version_id)
            prompt = _encoded(loaded, messages, params.max_tokens)
            writer = AnswerStream(loaded.tokenizer, n, params.max_tokens, events.put)
            sample_batch(
                loaded.decoder, loaded.tokenizer.end_id, [prompt], n=n, params=params, on_token=writer.on_token,
                should_stop=lambda: gone.is_set() or self._closed.is_set(),
            )  # fmt: skip

        future = self._submit(job)
        future.add_done_callback(lambda done: events.put(_failure(done)))
        return _read(events, gone)

    def score(self, messages: Sequence[Message], answers: Sequence[str], *, version_id: int) -> list[float]:
        return self._call(lambda: self._scorer(version_id)(messages, answers))

    def tokenize(self, text: str) -> list[tuple[int, str]]:
        def job() -> list[tuple[int, str]]:
            tokenizer = self._any_tokenizer()
            ids = tokenizer.encode(text)
            return list(zip(ids, tokenizer.pieces(ids), strict=True))

        return self._call(job)

    def next_token(
        self, messages: Sequence[Message], *, params: SamplingParams, k: int, version_id: int
    ) -> list[NextToken]:
        def job() -> list[NextToken]:
            loaded = self._policy(version_id)
            ids = torch.tensor([_encoded(loaded, messages, 1)])
            with torch.inference_mode():
                model = loaded.decoder.model
                logits = model.logits(model.hidden_states(ids)[:, -1])  # [1,V]
                full = (logits / (params.temperature or 1.0)).softmax(dim=-1)[0]
                kept = filter_logits(logits, params.temperature, params.top_k, params.top_p).softmax(dim=-1)[0]
                likeliest = full.topk(min(k, len(full))).indices.tolist()
            texts = loaded.tokenizer.pieces(likeliest)
            return [
                NextToken(token, text, float(full[token]), float(kept[token]))
                for token, text in zip(likeliest, texts, strict=True)
            ]

        return self._call(job)

    def close(self) -> None:
        """Stop soon: what is being written ends at the next token, what waits is refused."""
        self._closed.set()
        while True:
            try:
                self._queue.put_nowait(None)
                break
            except queue.Full:
                self._queue.get_nowait()
        self._thread.join(timeout=10)

    # The queue

    def _call(self, job: Callable[[], Value]) -> Value:
        return self._submit(job).result()

    def _submit(self, job: Callable[[], Value]) -> Future[Value]:
        future: Future[Value] = Future()

        def run() -> None:
            if self._closed.is_set():
                future.set_exception(UnavailableError("The server is stopping. Try again in a minute."))
                return
            try:
                future.set_result(job())
            except BaseException as error:  # whatever it was, the one who asked is told, and the thread goes on
                future.set_exception(error)

        if self._closed.is_set():
            raise UnavailableError("The server is stopping. Try again in a minute.")
        try:
            self._queue.put_nowait(run)
        except queue.Full:
            raise UnavailableError(
                "Too many answers are being written right now. Try again in a few seconds."
            ) from None
        return future

    def _work(self) -> None:
        torch.set_num_threads(self._threads)
        while True:
            job = self._queue.get()
            if job is None:
                break
            job()
        while not self._queue.empty():  # refused one by one: `closed` is set
            if (late := self._queue.get_nowait()) is not None:
                late()

    # Models; only the engine's thread comes here

    def _kept(self, version_id: int, load: Callable[[Path], _Loaded | Scorer]) -> _Loaded | Scorer:
        if version_id not in self._cache:
            self._cache[version_id] = load(self._directory(version_id))
            while len(self._cache) > KEPT_VERSIONS:
                self._cache.popitem(last=False)
        self._cache.move_to_end(version_id)
        return self._cache[version_id]

    def _policy(self, version_id: int) -> _Loaded:
        found = self._kept(version_id, self._load_policy)
        if not isinstance(found, _Loaded):
            raise InvalidError(f"Version {version_id} is a reward model: it scores answers and writes none.")
        return found

    def _load_policy(self, directory: Path) -> _Loaded:
        model, tokenizer = load_model(directory)
        self._tokenizer = tokenizer
        return _Loaded(Decoder(model, fast_matmul_dtype()), tokenizer)

    def _scorer(self, version_id: int) -> Scorer:
        if self._load_scorer is None:
            raise UnavailableError(
                "This sampler was started without reward models. Start it with one to score answers."
            )
        found = self._kept(version_id, self._load_scorer)
        if isinstance(found, _Loaded):
            raise InvalidError(f"Version {version_id} is a policy: it writes answers and scores none.")
        return found

    def _any_tokenizer(self) -> Tokenizer:
        """All versions share one tokenizer."""
        if self._tokenizer is None:
            if self._tokenizer_directory is None:
                raise UnavailableError("No model is loaded yet. Sample an answer first.")
            self._tokenizer = Tokenizer.load(self._tokenizer_directory)
        return self._tokenizer


def _encoded(loaded: _Loaded, messages: Sequence[Message], max_tokens: int) -> list[int]:
    prompt = loaded.tokenizer.encode_conversation(messages)
    limit = loaded.decoder.config.max_position_embeddings - max_tokens
    if len(prompt) > limit:
        raise InvalidError(
            f"The prompt has {len(prompt)} tokens; with {max_tokens} for the answer at most {limit} fit. Shorten it."
        )
    return prompt


def _answer(tokenizer: Tokenizer, completion: Completion) -> SampledAnswer:
    return SampledAnswer(tokenizer.decode(completion.token_ids), completion.token_ids, completion.finish_reason)


def _failure(done: "Future[None]") -> BaseException | None:
    return done.exception()


def _read(
    events: "queue.SimpleQueue[StreamEvent | BaseException | None]", gone: threading.Event
) -> Iterator[StreamEvent]:
    try:
        while (event := events.get()) is not None:
            if isinstance(event, BaseException):
                raise event
            yield event
    finally:
        gone.set()
