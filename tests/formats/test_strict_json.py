"""JSON from outside: taken as it is meant, or refused by the name of what is wrong in it."""

import json
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.formats.strict_json import MAX_DEPTH, JsonValueError, NotJsonError, finite, parse_json, to_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_json_is_taken_as_it_is(value: Any) -> None:
    text = json.dumps(value)
    assert parse_json(text.encode()) == value
    assert parse_json(b"\xef\xbb\xbf" + json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_taken_or_refused(data: bytes) -> None:
    try:
        found = parse_json(data)
    except (NotJsonError, JsonValueError):
        return
    assert json.loads(data.decode("utf-8-sig")) == found


@pytest.mark.parametrize(
    ("body", "field"),
    [
        *((b'{"a": NaN}', "a"), (b'{"a": [1, -Infinity]}', "a.1"), (b'{"a": 1e400}', "a"), (b'{"a": -1e400}', "a")),
        *((b'{"a": 9223372036854775808}', "a"), (b'{"a": {"b": -9223372036854775808}}', "a.b")),
        *((b'{"a": 1' + b"0" * 400 + b"}", "a"), (b'{"a": 1' + b"0" * 60_000 + b"}", "a")),
        *((rb'{"a": [{"b": "x\ud800"}]}', "a.0.b"), (rb'{"a": {"\ud800": 1}}', "a.?")),
        *((b'{"a": 1, "b": {"c": 1, "c": 1}}', "b.c"), (b'{"a": 1, "a": 1}', "a")),
        *((b'{"p": "x", "a": ' + b"[" * n + b"]" * n + b"}", "a") for n in (MAX_DEPTH, 2_000, 30_000)),
        (b'{"p": "{[", "a": ' + b'{"b":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH + b"}", "a"),
        (b'{"a": ' + b"[" * 60_000, "a"),
        (b"[" * 60_000, ""),
    ],
)
def test_what_must_not_be_taken_is_named(body: bytes, field: str) -> None:
    with pytest.raises(JsonValueError) as refused:
        parse_json(body)
    assert ".".join(map(str, refused.value.place)) == field
    assert refused.value.message[-1] not in "."


@pytest.mark.parametrize("name", ["9" * 5_000, "١", "a.b", "0"])
def test_a_name_is_no_number_whatever_it_looks_like(name: str) -> None:
    """Only places in lists are."""
    with pytest.raises(JsonValueError) as refused:
        parse_json(json.dumps({"a": [{name: math.inf}]}).encode())
    assert refused.value.place == ("a", 0, name)
    assert str(refused.value).startswith(f"a.0.{name[:80]}: numbers are finite")


@pytest.mark.parametrize("depth", [1, MAX_DEPTH - 1])
def test_depth_that_is_taken(depth: int) -> None:
    """Brackets in strings are no depth."""
    assert parse_json(b'{"a\\"[": ' + b"[" * depth + b'"' + b"[{" * 100 + b'\\""' + b"]" * depth + b"}")


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b'{"a": 1}x', b'{"a": 1}\0', b"\xff\xfe{}", b'{"a": "\xff"}', '{"a": 1}'.encode("utf-16")),
        *('{"a": 1}'.encode("utf-16-le"), b'{"a": 01}', b"{'a': 1}", b'{"a": "\n"}', b'"' + b'\\"' * 30_000 + b"\\"),
        *(b"{" * 60_000 + b'"' * 3, b"\x1f\x8b\x08\0\0"),
    ],
)
def test_what_is_no_json(body: bytes) -> None:
    with pytest.raises((NotJsonError, JsonValueError)) as refused:
        parse_json(body)
    assert isinstance(refused.value, NotJsonError) or body[:2] == b"{{"
    assert not re.search("Expecting|Unterminated|delimiter|Extra data|Invalid control", str(refused.value))


@given(st.recursive(st.floats() | st.text(st.characters(codec="utf-8")), st.lists))
def test_what_is_written_is_json(value: Any) -> None:
    """With null where Python would write NaN or Infinity."""
    found = parse_json(to_json({"a": value}).encode())
    assert found == {"a": finite(value)}


def test_numbers_that_are_not_finite_are_null() -> None:
    assert to_json({"a": [math.nan, {"b": (math.inf, 1.5)}], "é": "é"}) == '{"a": [null, {"b": [null, 1.5]}], "é": "é"}'
    assert to_json("é", ascii_only=True) == r'"\u00e9"'
