"""Whether a prompt leaves room for its answer in a version's context. The engine counts: no tokenizer here."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy.orm import Session

from app.chat import Message
from app.services.sampling.engine import Engine
from app.services.versions import versions

_ONE: list[Message] = [Message(role="user", content="?")]
_THREE = [*_ONE, Message(role="assistant", content="?"), *_ONE]


@dataclass(frozen=True)
class Fitting:
    """What a version can answer. Versions that descend from one SFT version read the same tokens in the same context.

    Build it in a session (`active_fitting`), use it outside any: the engine may have to open the version first.
    """

    engine: Engine
    version_id: int
    sft_id: int
    answer_tokens: int

    @cached_property
    def limit(self) -> int:
        """Tokens of the longest prompt, its marks included; below 1 where not even the answer fits."""
        return self.engine.context_tokens(version_id=self.version_id) - self.answer_tokens

    @cached_property
    def key(self) -> str:
        """What a judgement by this depends on: another key, another judgement."""
        return f"tokens of version {self.sft_id}, at most {self.limit}"

    def check(self, messages: Sequence[Message]) -> None:
        """Raises InvalidError with count and limit."""
        self.engine.count_tokens(messages, version_id=self.version_id, answer_tokens=self.answer_tokens)

    def check_quickly(self, messages: Sequence[Message]) -> None:
        """The same without counting where bytes tell enough: for files of many short prompts."""
        if not self.surely_fits(sum(len(message["content"].encode()) for message in messages), len(messages)):
            self.check(messages)

    def surely_fits(self, num_bytes: int, num_messages: int) -> bool:
        """A token is a byte at least (a tokenizer that makes more of them is found out when the prompt is drawn)."""
        return num_bytes + self.mark_tokens + (num_messages - 1) * self._turn_tokens <= self.limit

    @cached_property
    def mark_tokens(self) -> int:
        """Around a single message."""
        return self.engine.count_tokens(_ONE, version_id=self.version_id)

    @cached_property
    def _turn_tokens(self) -> int:
        """At most, around each further message."""
        return self.engine.count_tokens(_THREE, version_id=self.version_id) - self.mark_tokens


def active_fitting(session: Session, engine: Engine, answer_tokens: int) -> Fitting:
    """Of the version that answers on the pages; raises UnavailableError where none is active."""
    version = versions.active_answerer(session)
    return Fitting(engine, version.id, (versions.sft_of(session, version) or version).id, answer_tokens)
