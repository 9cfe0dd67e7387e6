"""One form for each text, whichever way it came; names of all scripts."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidError
from app.formats.texts import clean_name, clean_text, shows_anything


def name_of(given: str) -> str:
    return clean_name(given, what="A name", most=64)


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a\rb", "a\x85b", "\ufeffa\nb", " a\r\nb\r\n", "\u3000\ufeff a\nb"])
def test_line_ends_blanks_and_marks_around_make_no_other_text(text: str) -> None:
    assert clean_text(text) == "a\nb"


def test_control_characters_go_and_all_others_stay() -> None:
    assert clean_text(" a\0\x07\tb\r\n\r\nc\x1b[1m\x7f\ud800 ") == "a\tb\n\nc[1m?"
    kept = "e\u0301 ﬁ ① 豈 क्\u200dष \u202e\u2028 x  "
    assert clean_text(kept) == kept.strip()


@given(st.text())
def test_cleaning_once_is_enough(text: str) -> None:
    assert clean_text(clean_text(text)) == clean_text(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        *(("a", True), ("。", True), ("👍", True), ("\u0600", True), ("e\u0301", True)),
        *(("", False), ("\ufeff\u200b\u200d \u202e\U000e0041", False), ("\u3164\u115f\uffa0\u2800", False)),
        ("\ufe0f\u034f\n\t", False),
    ],
)
def test_what_shows_anything(text: str, shown: bool) -> None:
    assert shows_anything(text) is shown


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("ada", "ada"),
        ("张\u3000伟", "张 伟"),
        ("  Ada \u00a0\u2003 Lovelace ", "Ada Lovelace"),
        ("نیلوفر می\u200cخواهد", "نیلوفر می\u200cخواهد"),
        ("क्\u200dष", "क्\u200dष"),
        ("Jose\u0301", "José"),
        ("עדה\u200f 7", "עדה\u200f 7"),
        ("a\u200bd\u00ada\ufeff", "ada"),
        ("👩\u200d🔬", "👩\u200d🔬"),
        ("x" * 64, "x" * 64),
        ("\tada\r\n", "ada"),
    ],
)
def test_names(given: str, name: str) -> None:
    assert name_of(given) == name


@pytest.mark.parametrize(
    ("given", "says"),
    [
        *(("", "is empty"), (" \u3000 ", "is empty"), ("\u200b\u200d\u3164", "is empty")),
        *(("a\0b", "control characters"), ("a\tb", "control characters"), ("a\nb", "control"), ("a\x85b", "control")),
        *(("a\u202eb", "direction"), ("\u2066a\u2069", "direction"), ("a\u2028b", "line breaks")),
        *(("a\ud800", "surrogate"), ("x" * 65, "65 characters; at most 64")),
    ],
)
def test_no_names(given: str, says: str) -> None:
    with pytest.raises(InvalidError, match=f"A name .*{says}"):
        name_of(given)


@given(st.text(max_size=80))
def test_any_name_has_one_storable_form_or_is_refused(text: str) -> None:
    try:
        name = name_of(text)
    except InvalidError:
        return
    assert name_of(name) == name == unicodedata.normalize("NFC", name)
    assert name.encode("utf-8")
    assert "\0" not in name
    assert 1 <= len(name) <= 64


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0)])
def test_of_all_control_characters_tabs_and_line_ends_stay(code: int) -> None:
    kept = {"\t": "\t", "\n": "\n", "\r": "\n", "\x85": "\n"}
    assert clean_text(f"a{chr(code)}b") == f"a{kept.get(chr(code), '')}b"
