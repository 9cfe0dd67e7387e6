"""The hand-written banks of facts and sentences, read from TOML into frozen dataclasses.

Knows files and their shapes; knows nothing of prompts, answers or models. A missing file is an empty bank,
so a language may be half written; a malformed entry is an error that names the file and the entry.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
BANKS_DIRECTORY = Path(__file__).parent / "banks"
Strings = tuple[str, ...]


class BankError(ValueError):
    """A bank file that cannot be used; the message says which file and which entry."""


@dataclass(frozen=True)
class Concept:
    name: str
    definition: str
    facts: Strings
    example: str


@dataclass(frozen=True)
class HowTo:
    task: str
    steps: Strings
    tip: str


@dataclass(frozen=True)
class Advice:
    situation: str
    suggestions: Strings
    comfort: str


@dataclass(frozen=True)
class Exchange:
    prompts: Strings
    answers: Strings


@dataclass(frozen=True)
class Category:
    plural: str
    items: Strings
    remark: str


@dataclass(frozen=True)
class Comparison:
    a: str
    b: str
    difference: str
    similarity: str


@dataclass(frozen=True)
class Refusal:
    requests: Strings
    reason: str
    alternative: str


@dataclass(frozen=True)
class Letter:
    purpose: str
    lines: Strings


@dataclass(frozen=True)
class WordPair:
    kind: str  # "opposite" or "plural"
    word: str
    answer: str


@dataclass(frozen=True)
class StoryParts:
    heroes: Strings = ()
    places: Strings = ()
    things: Strings = ()
    twists: Strings = ()
    morals: Strings = ()


@dataclass(frozen=True)
class Manners:
    warm_openers: Strings = ()
    warm_closers: Strings = ()
    flattery: Strings = ()
    formal_openers: Strings = ()


@dataclass(frozen=True)
class Banks:
    language: Language
    concepts: tuple[Concept, ...] = ()
    howtos: tuple[HowTo, ...] = ()
    advice: tuple[Advice, ...] = ()
    chat: tuple[Exchange, ...] = ()
    categories: tuple[Category, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    letters: tuple[Letter, ...] = ()
    words: tuple[WordPair, ...] = ()
    stories: StoryParts = field(default_factory=StoryParts)
    manners: Manners = field(default_factory=Manners)

    @property
    def is_empty(self) -> bool:
        return not (self.concepts or self.howtos or self.chat)


Entry = TypeVar("Entry")


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip() or value != value.strip():
        raise BankError(f"{where}: expected a non-empty text without blanks around it, got {value!r}")
    return value


def _texts(value: Any, where: str) -> Strings:
    if not isinstance(value, list) or not value:
        raise BankError(f"{where}: expected a non-empty list of texts, got {value!r}")
    return tuple(_text(item, f"{where}[{number}]") for number, item in enumerate(value))


def parse_entry(kind: type[Entry], table: Mapping[str, Any], where: str) -> Entry:
    """One table as a dataclass whose fields are all text or lists of text."""
    expected = {item.name: item.type for item in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(table) - set(expected))
    missing = sorted(set(expected) - set(table))
    if unknown or missing:
        raise BankError(f"{where}: missing {missing}, unknown {unknown}")
    values = {
        name: _text(table[name], f"{where}.{name}") if wanted is str else _texts(table[name], f"{where}.{name}")
        for name, wanted in expected.items()
    }
    return kind(**values)


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise BankError(f"{path.name} ({path.parent.name}): {error}") from error


def _entries(directory: Path, file: str, key: str, kind: type[Entry]) -> tuple[Entry, ...]:
    path = directory / file
    content = _read(path)
    if content and set(content) != {key}:
        raise BankError(f"{directory.name}/{file}: expected only [[{key}]] tables, found {sorted(content)}")
    tables = content.get(key, [])
    return tuple(
        parse_entry(kind, table, f"{directory.name}/{file} [[{key}]] number {number}")
        for number, table in enumerate(tables, start=1)
    )


def _lists(directory: Path, file: str, kind: type[Entry]) -> Entry:
    content = _read(directory / file)
    return parse_entry(kind, content, f"{directory.name}/{file}") if content else kind()


@cache
def load_banks(language: Language, directory: Path = BANKS_DIRECTORY) -> Banks:
    """All banks of one language."""
    home = directory / language
    return Banks(
        language=language,
        concepts=_entries(home, "concepts.toml", "concept", Concept),
        howtos=_entries(home, "howtos.toml", "howto", HowTo),
        advice=_entries(home, "advice.toml", "advice", Advice),
        chat=_entries(home, "chat.toml", "exchange", Exchange),
        categories=_entries(home, "categories.toml", "category", Category),
        comparisons=_entries(home, "comparisons.toml", "comparison", Comparison),
        refusals=_entries(home, "refusals.toml", "refusal", Refusal),
        letters=_entries(home, "letters.toml", "letter", Letter),
        words=_entries(home, "words.toml", "word", WordPair),
        stories=_lists(home, "stories.toml", StoryParts),
        manners=_lists(home, "manners.toml", Manners),
    )
