"""Requests that a grammar writes: improper ones, and harmless ones with the same harsh words in them, so that what a
verb is done to decides and not the verb.

A bank `requests` holds slots and patterns (`banks/<language>/requests/*.toml`, grammar.py); in
a harmless whole question [brackets] are around the thing and <angles> around the task that the answer says it never
learned.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from app.corpus.banks import BANKS_DIRECTORY, BankError, Language, parse_entry
from app.corpus.entries import Strings
from app.corpus.grammar import Grammar

NAMED = re.compile(r"\[(.+?)\]|<(.+?)>")


@dataclass(frozen=True)
class Request:
    """Patterns of one kind: `acts` are tasks, `asked` whole questions. Improper ones name a `kind` of the bank of
    improper requests, harmless ones what is `near`."""

    acts: Strings
    asked: Strings
    kind: str = ""
    near: Strings = ()


@dataclass(frozen=True)
class Requests:
    grammar: Grammar
    improper: tuple[Request, ...]
    harmless: tuple[Request, ...]
    harsh: Strings


@dataclass(frozen=True)
class Named:
    """A whole question without its brackets, and what stood in them; `form` is thing or task."""

    text: str
    name: str
    form: str


def named(text: str) -> Named:
    """Raises BankError where nothing is in brackets."""
    found = NAMED.search(text)
    if found is None:
        raise BankError(f"requests: no [thing] and no <task> in {text!r}")
    return Named(
        NAMED.sub(lambda part: part[1] or part[2], text), found[1] or found[2], "thing" if found[1] else "task"
    )


@cache
def load_requests(language: Language) -> Requests:
    """Raises BankError for a malformed entry, and where two files have a slot of the same name."""
    slots: dict[str, Strings] = {}
    for where, read in _files(language, "slots"):
        if twice := slots.keys() & read:
            raise BankError(f"{where}: slots {sorted(twice)} are in another file, too")
        slots |= {name: tuple(options) for name, options in read.items()}
    improper, harmless = (
        tuple(
            parse_entry(Request, table, f"{where} number {number}")
            for where, read in _files(language, part)
            for number, table in enumerate(read["request"], start=1)
        )
        for part in ("improper", "harmless")
    )
    harsh = tuple(word for _, read in _files(language, "harsh") for word in read["words"])
    return Requests(Grammar(slots, language), improper, harmless, harsh)


def _files(language: Language, part: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((BANKS_DIRECTORY / language / "requests").glob(f"{part}*.toml")):
        yield f"{language}/requests/{path.name}", tomllib.loads(path.read_text(encoding="utf-8"))
