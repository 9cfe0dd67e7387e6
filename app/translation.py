"""The languages that people are spoken to in: each sentence is written in English where it stands, and the catalogues
under translations/ have it in the others.

A page speaks the language of its request (app/web/page_language.py says which); everything else speaks English: the
API, the command line, jobs. The language is a context variable, so that whatever a request calls, in its own thread or
in another that anyio starts for it, speaks the same. A thread of one's own begins in English.

Values are named in braces and filled in after the translation: `_("There is no version {id}.", id=7)`. Messages are
whole sentences, since languages order words otherwise, and plain text, never HTML.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, reduce
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

from app.layout import TRANSLATIONS

SOURCE_LANGUAGE = "en"
LANGUAGES = {"en": "English", "zh": "中文"}
"""Each language that pages come in, by its own name."""
STOPS = tuple(".!?:…。！？：")
"""With which a sentence ends by itself."""
CLOSING = "\"')”’）】」"
"""What may stand behind them."""
_language: ContextVar[str] = ContextVar("language", default=SOURCE_LANGUAGE)


def language() -> str:
    """The code of the language that is spoken now."""
    return _language.get()


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Inside, messages are in this language of LANGUAGES."""
    before = _language.set(code)
    try:
        yield
    finally:
        _language.reset(before)


def _(message: str, **values: Any) -> str:
    """The message in the language that is spoken now, with its values."""
    text: str = _translations(language()).gettext(message) if message else ""  # of "" gettext has the catalogue's head
    return text.format(**values) if values else text


def N_(message: str) -> str:
    """Marks a message for the catalogues, and is that message: a constant, which `_` translates when it is shown."""
    return message


def ngettext(singular: str, plural: str, count: int, **values: Any) -> str:
    """The form of the message that fits the count, which `{n}` stands for (unless `n` is given, as text)."""
    text: str = _translations(language()).ngettext(singular, plural, count)
    return text.format(**{"n": count, **values})


def sentences(*said: str) -> str:
    """Texts one behind the other, each with a full stop, as the language writes them; empty ones are left out. A sign
    that is put between two texts elsewhere is English in every language."""
    ended = [each if each.rstrip(CLOSING).endswith(STOPS) else _("{sentence}.", sentence=each) for each in said if each]
    return reduce(lambda before, sentence: _("{before} {sentence}", before=before, sentence=sentence), ended or [""])


def catalogue_path(code: str) -> Path:
    return TRANSLATIONS / code / "LC_MESSAGES" / "messages.po"


def read_catalogue(code: str) -> Catalog:
    """What translators write (gettext's PO format), each message with the files that it stands in."""
    with catalogue_path(code).open("rb") as file:
        return read_po(file, locale=code)


@cache
def _translations(code: str) -> NullTranslations:
    if code == SOURCE_LANGUAGE:
        return NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, read_catalogue(code))
    compiled.seek(0)
    return Translations(compiled)


@cache
def script_messages(code: str) -> dict[str, str]:
    """The messages of static/js in this language, for static/js/messages.js: of one with a plural form, each English
    form has an entry."""
    if code == SOURCE_LANGUAGE:
        return {}
    catalogue = read_catalogue(code)
    return {form: text for message in catalogue if _is_of_scripts(message) for form, text in _forms(message)}


def _is_of_scripts(message: Message) -> bool:
    return bool(message.string) and any(file.startswith("static/js/") for file, _line in message.locations)


def _forms(message: Message) -> Iterator[tuple[str, str]]:
    if isinstance(message.id, str):
        yield message.id, str(message.string)
        return
    strings = list(message.string or ())
    for place, form in enumerate(message.id):
        yield form, strings[min(place, len(strings) - 1)]
