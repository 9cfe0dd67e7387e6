"""What each chapter of Learn has around its piece: its place on the road, and what the address asks of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from app.chat import GenerationRequest, Message
from app.db.models.versions import Version, VersionKind
from app.errors import AppError
from app.hparams import SamplingParams
from app.layout import LESSONS
from app.runtime import Runtime
from app.services.versions import versions
from app.services.versions.answering import prompt_for
from app.translation import language
from app.web.templating import PageContext

MOST_CHARACTERS = 400
"""Of a text that a chapter's form takes: it is in the address."""
Value = TypeVar("Value")


@dataclass(frozen=True)
class Chapter:
    name: str
    """The end of its address."""
    title: str

    @property
    def path(self) -> str:
        return f"/learn/{self.name}"


@dataclass(frozen=True)
class Place:
    """A chapter among all of them."""

    chapters: tuple[Chapter, ...]
    index: int

    @property
    def chapter(self) -> Chapter:
        return self.chapters[self.index]

    @property
    def number(self) -> int:
        return self.index + 1

    @property
    def before(self) -> Chapter | None:
        return self.chapters[self.index - 1] if self.index else None

    @property
    def behind(self) -> Chapter | None:
        return self.chapters[self.index + 1] if self.number < len(self.chapters) else None


@dataclass(frozen=True, kw_only=True)
class ChapterPage(PageContext):
    """Around every chapter's piece."""

    page: str | None = "learn"
    place: Place
    """Where on the road it stands."""


@dataclass(frozen=True)
class Wanted:
    """What the address asks for. What nobody could mean becomes the usual."""

    query: QueryParams
    waits: bool = False
    """For the model to be opened, too: so does a piece that is fetched behind the page, and a link without scripts."""

    def text(self, name: str, usual: str) -> str:
        """At most MOST_CHARACTERS, with line ends as they are written, not as forms send them."""
        given = self.query.get(name)
        return usual if given is None or not given.strip() else given.replace("\r\n", "\n")[:MOST_CHARACTERS]

    def number(self, name: str, usual: float, least: float, most: float) -> float:
        try:
            value = float(self.query.get(name, usual))
        except ValueError:
            return usual
        return min(most, max(least, value)) if value == value else usual

    def whole(self, name: str, usual: int, least: int, most: int) -> int:
        return round(self.number(name, usual, least, most))

    def one_of(self, name: str, names: tuple[str, ...]) -> str:
        """The first where none is named."""
        given = self.query.get(name, "")
        return given if given in names else names[0]


@dataclass(frozen=True)
class Tried(Generic[Value]):
    """What was asked of the model: a value, or the sentence that says why there is none. `later`: the page comes
    first, and fetches it."""

    value: Value | None = None
    trouble: str = ""
    later: bool = False


def is_ready(runtime: Runtime, wanted: Wanted, *asked: Version) -> bool:
    """Whether these versions are asked while the page is made: they are open, or the reader waits for it."""
    return wanted.waits or all(runtime.engine.is_loaded(each.id) for each in asked)


def tried(ask: Callable[[], Value], *, ready: bool = True) -> Tried[Value]:
    """A chapter stays whole when the model cannot answer: busy, or the text is too long for it."""
    if not ready:
        return Tried(later=True)
    try:
        return Tried(ask())
    except AppError as error:
        return Tried(trouble=error.page_message)


def in_language(texts: dict[str, Value]) -> Value:
    """In the language of the page."""
    return texts.get(language(), texts["en"])


@cache
def lessons() -> dict[str, Any]:
    """What app/corpus/lessons.py chose of the corpus."""
    kept: dict[str, Any] = json.loads(LESSONS.read_text(encoding="utf-8"))
    return kept


def answerer(runtime: Runtime) -> Version:
    """The version that answers on the pages."""
    with runtime.read() as session:
        return versions.active_answerer(session)


def base_model(runtime: Runtime) -> Version | None:
    """The newest base model with files."""
    with runtime.read() as session:
        bases = versions.answerers(session, (VersionKind.BASE,))
        return bases[0] if bases else None


def question(text: str) -> list[Message]:
    """A conversation of one question."""
    return [Message(role="user", content=text)]


def sampled(runtime: Runtime, version: Version, text: str, params: SamplingParams, n: int = 1) -> list[str]:
    """Answers of a version to a text, as this kind reads it: a base model goes on with it. One that was cut off at the
    length limit ends in " …", without half a character."""
    prompt = prompt_for(version.kind, question(text))
    request = GenerationRequest(prompt, version_id=version.id, params=params, n=n)
    return [
        answer.text.rstrip("\ufffd ") + " …" if answer.finish_reason == "length" else answer.text
        for answer in runtime.engine.generate(request)
    ]


def address(path: str, **query: object) -> str:
    return f"{path}?{urlencode(query)}"
