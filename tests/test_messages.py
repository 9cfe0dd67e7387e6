"""The catalogues have every message of the code, each translated, with the same values to fill in."""

import re
from io import BytesIO
from string import Formatter

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from app.translation import LANGUAGES, SOURCE_LANGUAGE, catalogue_path
from bin.write_messages import extracted, updated

OTHERS = sorted(LANGUAGES.keys() - {SOURCE_LANGUAGE})


def _forms(text: str | list[str] | tuple[str, ...] | None) -> list[str]:
    return [text] if isinstance(text, str) else list(text or [""])


def _values(text: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in Formatter().parse(text) if name is not None}


def _messages(code: str) -> list[Message]:
    return [
        message for message in read_po(BytesIO(catalogue_path(code).read_bytes()), abort_invalid=True) if message.id
    ]


@pytest.mark.parametrize("code", OTHERS)
def test_a_catalogue_has_what_the_code_has(code: str) -> None:
    text = catalogue_path(code).read_text(encoding="utf-8")
    assert text == updated(text), "run `make messages`, and translate what is new"


@pytest.mark.parametrize("code", OTHERS)
def test_every_message_is_translated_with_the_same_values(code: str) -> None:
    wrong = []
    for message in _messages(code):
        forms, strings = _forms(message.id), _forms(message.string)
        wanted = set.union(*map(_values, forms))
        if not all(strings) or any(_values(string) != wanted for string in strings):
            wrong.append(message.id)
    assert not wrong


def test_messages_are_plain_text() -> None:
    html = re.compile(r"</?[a-z]+[ >]|&[a-z]+;|&#")
    assert not [message.id for message in extracted() for form in _forms(message.id) if html.search(form)]
