"""One instruction-answer pair: a conversation up to a question, and the answer to it."""

from dataclasses import dataclass
from typing import Literal

from app.corpus.banks import Language
from app.corpus.style import Style
from app.corpus.subject import Subject

Role = Literal["user", "assistant"]
Turn = tuple[Role, str]


@dataclass(frozen=True)
class Pair:
    """A conversation up to the question, and its answer. `style` says what is to be seen in the answer; `followup` is
    the kind of the last question, empty if it is about something new; `language` is the answer's."""

    messages: tuple[Turn, ...]
    answer: str
    language: Language
    subject: Subject
    followup: str
    style: Style

    @property
    def topic(self) -> str:
        return self.subject.topic

    @property
    def slot(self) -> str:
        return self.subject.slot
