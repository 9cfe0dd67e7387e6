"""A Subject: one thing that can be asked, with all wordings of its prompt and its answers.

What is held out from training is decided by a hash alone, so that pairs and shipped prompts can never disagree: of a
bank entry single wordings (the entry is known, the way of asking is new), of a combination (a sum, two story parts, a
thing in a sentence) the whole slot with all its wordings (the parts are known, together they are new).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from random import Random

from app.corpus.answers.answer import Answer
from app.corpus.banks import Language
from app.corpus.phrases import PROMPTS
from app.corpus.style import Style
from app.corpus.wording import normalized, sentence_for

HELD_OUT_PERCENT = 8

Answering = Callable[[Random, Style], Answer]


@dataclass(frozen=True)
class Reply:
    """An answer to a follow-up that says something else than the first answer."""

    answer: Answering
    language: Language
    evidence: tuple[str, ...] = ()  # as a subject's, if it is not the subject's own


@dataclass(frozen=True)
class Subject:
    """`followups` are answered by `answer` in another style, `replies` by answers of their own."""

    topic: str
    slot: str
    language: Language
    wordings: tuple[str, ...]
    answer: Answering
    followups: tuple[str, ...] = ()
    replies: Mapping[str, Reply] = field(default_factory=dict)
    combined: bool = False
    evidence: tuple[str, ...] = ()  # an answer that holds one of these is about the subject
    tasks: tuple[str, ...] = ()  # what of it can be asked in the frames of tasks (frames.py)
    weight: float = 1.0  # how often it is drawn within its topic: combinations are many

    def split(self, *, held_out: bool) -> list[str]:
        """The wordings that training may see, or those that it never sees."""
        if self.combined:
            return list(self.wordings) if self.has_on_side(held_out=held_out) else []
        return [wording for wording in self.wordings if is_held_out(wording) == held_out]

    def has_on_side(self, *, held_out: bool) -> bool:
        """Whether `split` has any, which one wording tells: there are millions."""
        whole = [_in_held_out_share(f"{self.topic} {self.slot}")] if self.combined else map(is_held_out, self.wordings)
        return held_out in whole


def _in_held_out_share(text: str) -> bool:
    return int(sha256(text.encode()).hexdigest()[:8], 16) % 100 < HELD_OUT_PERCENT


@cache
def is_held_out(prompt: str) -> bool:
    """Does this wording of a bank entry belong to the prompts that are never trained on?"""
    return _in_held_out_share(normalized(prompt))


def wordings_of(language: Language, key: str, **values: str) -> tuple[str, ...]:
    return tuple(sentence_for(template, language, **values) for template in PROMPTS[language][key])
