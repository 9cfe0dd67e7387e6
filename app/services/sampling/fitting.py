"""Whether a prompt leaves room for its answer in the context of each version that is to answer it. The engine counts:
no tokenizer here."""

from collections.abc import Iterable, Sequence
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
    """What all of these versions can answer. Versions that descend from one SFT version read the same tokens in the
    same context.

    Build it in a session (`fitting_of`), use it outside any: the engine may have to open a version first.
    """

    engine: Engine
    version_ids: tuple[int, ...]
    """One of each lineage."""
    sft_ids: tuple[int, ...]
    """Theirs, in the same order."""
    answer_tokens: int

    @cached_property
    def limit(self) -> int:
        """Tokens of the longest prompt, its marks included; below 1 where not even the answer fits."""
        return min(self.engine.context_tokens(version_id=each) for each in self.version_ids) - self.answer_tokens

    @cached_property
    def key(self) -> str:
        """What a judgement by this depends on: another key, another judgement."""
        wrote = " and ".join(map(str, sorted(self.sft_ids)))
        return f"tokens of version {wrote}, at most {self.limit}"

    def check(self, messages: Sequence[Message]) -> None:
        """Raises InvalidError with count and limit."""
        for version_id in self.version_ids:
            self.engine.count_tokens(messages, version_id=version_id, answer_tokens=self.answer_tokens)

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
        return max(self.engine.count_tokens(_ONE, version_id=each) for each in self.version_ids)

    @cached_property
    def _turn_tokens(self) -> int:
        """At most, around each further message."""
        return max(
            self.engine.count_tokens(_THREE, version_id=each) - self.engine.count_tokens(_ONE, version_id=each)
            for each in self.version_ids
        )


def fitting_of(session: Session, engine: Engine, version_ids: Iterable[int], answer_tokens: int) -> Fitting:
    of_sft: dict[int, int] = {}
    for version_id in version_ids:
        version = versions.get_version(session, version_id)
        of_sft.setdefault((versions.sft_of(session, version) or version).id, version_id)
    return Fitting(engine, tuple(of_sft.values()), tuple(of_sft), answer_tokens)
