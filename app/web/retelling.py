"""Says stored English sentences again in the page's language: errors of jobs, flags, why a prompt was set aside.

Jobs speak English, and what they said is kept as text. Where it was made of a message, that message is found again by
its words, and its values are read out of the text. What is not found as a whole stays English as a whole: no sentence
is ever half translated.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from string import Formatter

from app.formats.languages import guessed
from app.translation import SOURCE_LANGUAGE, language, ngettext, read_catalogue
from app.translation import _ as translated

MOST_CHARACTERS = 2_000
LEAST_LETTERS = 6
"""Of a message's own, beside its values: what has fewer could be anything."""
DEEPEST = 3
_PROSE = re.compile("[a-z]{2,} [a-z]{2,}")
_LETTER = re.compile("[A-Za-z]")


@dataclass(frozen=True)
class _Said:
    """One English form of a message."""

    forms: tuple[str, ...]
    beginning: str
    pattern: re.Pattern[str]
    letters: int


def retold(text: str) -> str:
    """The text in the page's language; as it is where it is no sentence of this program, or is in that language."""
    code = language()
    if code == SOURCE_LANGUAGE or len(text) > MOST_CHARACTERS:
        return text
    return _retold(code, text, 0) or text


def is_foreign_english(text: str) -> bool:
    """Whether it is English on a page in another language, which its element says then."""
    return language() != SOURCE_LANGUAGE and guessed(text) == SOURCE_LANGUAGE


@lru_cache(maxsize=1_000)
def _retold(code: str, text: str, depth: int) -> str | None:
    for said in _messages(code):
        match = said.pattern.fullmatch(text) if text.startswith(said.beginning) else None
        values = None if match is None else _values(code, match.groupdict(), depth)
        if values is not None:
            return _filled(said.forms, values)
    return None


def _filled(forms: tuple[str, ...], values: dict[str, str]) -> str:
    if len(forms) == 1:
        return translated(forms[0], **values)
    singular, plural = forms
    count = values.pop("n", "1")
    number = count.replace(",", "")
    return ngettext(singular, plural, int(number) if number.isdecimal() else 2, **{**values, "n": count})


def _values(code: str, values: dict[str, str], depth: int) -> dict[str, str] | None:
    """Values that are sentences are said again, too; None where one of them cannot be."""
    told = {}
    for name, value in values.items():
        again = _retold(code, value, depth + 1) if depth < DEEPEST and _LETTER.search(value) else None
        if again is None and _PROSE.search(value):
            return None
        told[name] = again or value
    return told


@cache
def _messages(code: str) -> list[_Said]:
    """Those with most words of their own first."""
    said = [each for message in read_catalogue(code) if message.id for each in _forms(message.id)]
    return sorted((each for each in said if each.letters >= LEAST_LETTERS), key=lambda each: -each.letters)


def _forms(message_id: str | list[str] | tuple[str, ...]) -> Iterator[_Said]:
    forms = (message_id,) if isinstance(message_id, str) else tuple(message_id)
    for form in forms:
        pieces = list(Formatter().parse(form))
        known: set[str] = set()
        pattern = ""
        for literal, name, _spec, _conversion in pieces:
            pattern += re.escape(literal)
            if name is not None:
                pattern += f"(?P={name})" if name in known else f"(?P<{name}>.+?)"
                known.add(name)
        letters = sum(len(_LETTER.findall(literal)) for literal, *_rest in pieces)
        yield _Said(forms, pieces[0][0], re.compile(pattern, re.DOTALL), letters)
