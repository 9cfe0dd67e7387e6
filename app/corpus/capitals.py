"""Which English sentences may follow a connective: those whose first word is not a name.

A word counts as common if it stands in lower case, or is said without a capital elsewhere, inside some sentence of the
banks; "Mars" never does.
"""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any

from app.corpus.banks import load_banks
from app.corpus.entries import Everyday


def texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from texts_of(item)
    elif is_dataclass(value):
        for item in fields(value):
            yield from texts_of(getattr(value, item.name))


@cache
def _common_words() -> frozenset[str]:
    # names and tasks alone tell little of capitals; what training alone draws changes no document
    said = replace(load_banks("en"), unknown=(), improper=(), everyday=Everyday())
    return frozenset(word for text in texts_of(said) for word in re.findall(r"\b[a-z]+\b", text))


def may_follow(sentence: str) -> bool:
    """Can "Also, " stand before it? Chinese has no capitals."""
    first = re.split(r"[\s,'’.-]", sentence, maxsplit=1)[0]
    return not first.isascii() or (first != "I" and first.lower() in _common_words())
