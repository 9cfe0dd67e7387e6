"""The hand-written banks of facts and sentences, read from TOML into frozen dataclasses.

A bank is `<language>/<bank>.toml` or all files of the folder `<language>/<bank>/`. Knows files and their shapes; knows
nothing of prompts, answers or models. A missing bank is an empty one, so a language may be half written; a malformed
entry is an error that names the file and the entry.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from app.corpus.entries import (
    Advice,
    Category,
    Comparison,
    Concept,
    Definition,
    Everyday,
    Exchange,
    HowTo,
    Improper,
    Letter,
    Manners,
    Opinion,
    Plan,
    Refusal,
    Rewrite,
    Rhyme,
    Riddle,
    StoryParts,
    Strings,
    Translation,
    Unknown,
    WordPair,
)

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
BANKS_DIRECTORY = Path(__file__).parent / "banks"


class BankError(ValueError):
    """A bank file that cannot be used; the message says which file and which entry."""


@dataclass(frozen=True)
class Translations:
    carried: tuple[Translation, ...] = ()  # those of the things that can be brought and given
    things: tuple[Translation, ...] = ()
    phrases: tuple[Translation, ...] = ()
    patterns: tuple[Translation, ...] = ()


@dataclass(frozen=True)
class Banks:
    language: Language
    concepts: tuple[Concept, ...] = ()
    howtos: tuple[HowTo, ...] = ()
    lookalikes: tuple[HowTo, ...] = ()  # tasks that sound a little like something bad, and are fine
    advice: tuple[Advice, ...] = ()
    chat: tuple[Exchange, ...] = ()
    categories: tuple[Category, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    improper: tuple[Improper, ...] = ()
    letters: tuple[Letter, ...] = ()
    words: tuple[WordPair, ...] = ()
    definitions: tuple[Definition, ...] = ()
    plans: tuple[Plan, ...] = ()
    opinions: tuple[Opinion, ...] = ()
    riddles: tuple[Riddle, ...] = ()
    rhymes: tuple[Rhyme, ...] = ()
    rewrites: tuple[Rewrite, ...] = ()
    everyday: Everyday = field(default_factory=Everyday)
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
    """One table as a dataclass whose fields are all text or lists of text; fields with a default may be missing."""
    known = {item.name: item for item in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(table) - set(known))
    missing = sorted(name for name, item in known.items() if item.default is MISSING and name not in table)
    if unknown or missing:
        raise BankError(f"{where}: missing {missing}, unknown {unknown}")
    values = {
        name: _text(value, f"{where}.{name}") if known[name].type is str else _texts(value, f"{where}.{name}")
        for name, value in table.items()
    }
    return kind(**values)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise BankError(f"{path.name} ({path.parent.name}): {error}") from error


def _files(home: Path, bank: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the files of a bank hold, each with its name for error messages."""
    for path in (home / f"{bank}.toml", *sorted((home / bank).glob("*.toml"))):
        if path.exists():
            yield str(path.relative_to(home.parent)), _read(path)


def _entries(home: Path, bank: str, key: str, kind: type[Entry]) -> tuple[Entry, ...]:
    """All [[key]] tables of a bank; other tables in its files are errors."""
    return _tables(home, bank, {key: kind})[key]


def _tables(home: Path, bank: str, kinds: Mapping[str, type[Entry]]) -> dict[str, tuple[Entry, ...]]:
    entries: dict[str, list[Entry]] = {key: [] for key in kinds}
    for where, content in _files(home, bank):
        if not set(content) <= set(kinds):
            raise BankError(f"{where}: expected only {sorted(kinds)} tables, found {sorted(content)}")
        for key, tables in content.items():
            for number, table in enumerate(tables, start=1):
                entries[key].append(parse_entry(kinds[key], table, f"{where} [[{key}]] number {number}"))
    return {key: tuple(of_key) for key, of_key in entries.items()}


def _lists(home: Path, bank: str, kind: type[Entry]) -> Entry:
    """A bank of plain lists; lists of the same name in several files are joined."""
    joined: dict[str, list[str]] = {}
    for where, content in _files(home, bank):
        parse_entry(kind, content, where)
        for name, values in content.items():
            joined[name] = joined.get(name, []) + values
    return kind(**{name: tuple(values) for name, values in joined.items()})


@cache
def load_banks(language: Language, directory: Path = BANKS_DIRECTORY) -> Banks:
    """All banks of one language."""
    home = directory / language
    return Banks(
        language=language,
        concepts=_entries(home, "concepts", "concept", Concept),
        howtos=_entries(home, "howtos", "howto", HowTo),
        lookalikes=_entries(home, "lookalikes", "lookalike", HowTo),
        advice=_entries(home, "advice", "advice", Advice),
        chat=_entries(home, "chat", "exchange", Exchange),
        categories=_entries(home, "categories", "category", Category),
        comparisons=_entries(home, "comparisons", "comparison", Comparison),
        refusals=_entries(home, "refusals", "refusal", Refusal),
        unknown=_entries(home, "unknown", "unknown", Unknown),
        improper=_entries(home, "improper", "improper", Improper),
        letters=_entries(home, "letters", "letter", Letter),
        words=_entries(home, "words", "word", WordPair),
        definitions=_entries(home, "definitions", "definition", Definition),
        plans=_entries(home, "plans", "plan", Plan),
        opinions=_entries(home, "opinions", "opinion", Opinion),
        riddles=_entries(home, "riddles", "riddle", Riddle),
        rhymes=_entries(home, "rhymes", "rhyme", Rhyme),
        rewrites=_entries(home, "rewrites", "rewrite", Rewrite),
        everyday=_everyday(home),
        stories=_lists(home, "stories", StoryParts),
        manners=_lists(home, "manners", Manners),
    )


def _everyday(home: Path) -> Everyday:
    kinds: dict[str, type[Any]] = {"concept": Concept, "category": Category, "statement": Exchange, "why": Exchange}
    tables: dict[str, tuple[Any, ...]] = _tables(home, "everyday", kinds)
    return Everyday(tables["concept"], tables["category"], tables["statement"], tables["why"])


@cache
def load_translations(directory: Path = BANKS_DIRECTORY) -> Translations:
    """What is said in both languages."""
    kinds = {"carried": Translation, "thing": Translation, "phrase": Translation, "pattern": Translation}
    tables = _tables(directory / "both", "translations", kinds)
    return Translations(tables["carried"], tables["carried"] + tables["thing"], tables["phrase"], tables["pattern"])


@cache
def counterparts() -> dict[tuple[Language, str], tuple[Language, Concept]]:
    """(language, concept) -> the same concept in the other language."""
    english = {entry.name: entry for entry in load_banks("en").concepts}
    pairs: dict[tuple[Language, str], tuple[Language, Concept]] = {}
    for entry in load_banks("zh").concepts:
        if entry.english in english:
            pairs["zh", entry.name] = ("en", english[entry.english])
            pairs["en", entry.english] = ("zh", entry)
    return pairs
