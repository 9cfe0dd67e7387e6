"""What the services ask of a language model, as a small Protocol. No torch here: pages import this module.

The in-process implementation is app.lm.inference.engine.LocalEngine; one that lives elsewhere could satisfy it, too.
Every method blocks: call it from `def` routes or threads, never from the event loop, never inside a transaction.
Each raises UnavailableError when too many requests wait or the answers take too long, and InvalidError when prompt
and answer are too long together.
The version is always named: the caller looks up the active version.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from app.chat import (
    Attention,
    Candidate,
    Distribution,
    GenerationRequest,
    Message,
    Prompt,
    SampledAnswer,
    Scored,
    StreamEvent,
    Tokenized,
)
from app.pieces import Tell


class Engine(Protocol):
    def generate(self, request: GenerationRequest) -> list[SampledAnswer]:
        """The request's n answers."""
        ...

    def stream(self, request: GenerationRequest) -> Iterator[StreamEvent]:
        """As `generate`, piece by piece; closing the iterator stops the sampling."""
        ...

    def is_loaded(self, version_id: int) -> bool:
        """Whether this version is open. Else the first call that needs its weights opens it, which takes a second or
        more."""
        ...

    def starts_at_once(self, request: GenerationRequest) -> bool:
        """Whether `start` takes a moment alone, for which the event loop may wait itself."""
        ...

    def start(self, request: GenerationRequest, tell: Tell) -> Callable[[], None]:
        """As `stream`, for a reader who waits in no thread: `tell` gets each event as it comes, in a thread of the
        engine's, and at last the error that ended it, or None. Returns once the request waits in line: what is returned
        stops the sampling, from any thread, as often as it is called."""
        ...

    def score(self, messages: Sequence[Message], answers: Sequence[str], *, version_id: int) -> list[Scored]:
        """One score per answer by the reward model `version_id`, each with its deviation."""
        ...

    def gains(
        self, groups: Sequence[Candidate], taken: Sequence[Candidate], *, version_id: int, tie_share: float
    ) -> list[float]:
        """By how many nats ranking each of the groups is expected to lower the held-out loss of the reward model
        `version_id`, if those `taken` are ranked as well. `tie_share`: of the comparisons that it learned from. Raises
        InvalidError where it cannot say."""
        ...

    def tokenize(self, text: str, *, version_id: int, chat: bool = False, merges: bool = False) -> Tokenized:
        """The tokens of a text, as this version reads it; nothing in it becomes a special token. `chat`: as a question
        in its chat format. Raises InvalidError for a text that its tokenizer cannot cut within bounds."""
        ...

    def count_tokens(self, prompt: Prompt, *, version_id: int, answer_tokens: int = 0) -> int:
        """Length of the prompt as this version reads it, its marks included. Raises InvalidError, with the count
        and the limit, where no answer of `answer_tokens` would fit behind it."""
        ...

    def text_of(self, token_ids: Sequence[int], *, version_id: int) -> str:
        """What these tokens write. Raises InvalidError for one that this version does not have."""
        ...

    def context_tokens(self, *, version_id: int) -> int:
        """How many tokens this version reads at most, the answer included."""
        ...

    def next_token(self, request: GenerationRequest, k: int) -> Distribution:
        """What the request's answer draws its next token from (behind `continue_from`), with the k likeliest. Raises
        InvalidError where nothing can come there."""
        ...

    def attention(self, text: str, place: int, *, version_id: int) -> Attention:
        """What the token at `place` (from 0; the last one where there are fewer) of a document read of those up to it.
        Raises InvalidError for a text of more than MOST_ATTENDED tokens."""
        ...
