"""Strict JSON (RFC 8259, and I-JSON, RFC 7493): read from outside, and written for others. Knows nothing of the web.

What Python's reader would let through and something behind it would stumble over is refused, with the name of the
field: a name twice, numbers that are not finite or beyond 64 bits, lone surrogates, lists in lists without end.
Python's writer would write NaN and Infinity, which no other reader takes.
"""

import json
import math
import re
from collections.abc import Sequence
from typing import Any

MAX_DEPTH = 64
MAX_WHOLE = 2**63 - 1
MAX_NAME_CHARACTERS = 80  # of each name on the way to a value, where it is said
SIGHT_CHARACTERS = 20
_MOST_DIGITS = len(str(MAX_WHOLE))
# A string to its end, or to the end of all; every place matches once, so it takes time in proportion to the length.
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.|\\\Z)*+(?:"|\Z)|[\[\]{}:]', re.DOTALL)


def to_json(value: Any, *, indent: int | None = None, ascii_only: bool = False) -> str:
    """Numbers that are not finite become null: there is no such number."""
    try:
        return json.dumps(value, indent=indent, ensure_ascii=ascii_only, allow_nan=False)
    except ValueError:
        return json.dumps(finite(value), indent=indent, ensure_ascii=ascii_only, allow_nan=False)


def finite(value: Any) -> Any:
    """The same with None for each number that is not finite, in lists and dicts, too."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    return [finite(item) for item in value] if isinstance(value, list | tuple) else value


class NotJsonError(ValueError):
    """It cannot be read; the message says where, in our words."""

    def __init__(self, message: str, *, at: int | None = None, sight: str = "") -> None:
        super().__init__(message)
        self.at, self.sight = at, sight
        """At which character, from 1, and what stands there: nothing where it ends too early. None where it is no
        text at all."""


def not_json(error: json.JSONDecodeError) -> NotJsonError:
    """What the reader met, in our words."""
    at, sight = error.pos + 1, error.doc[error.pos : error.pos + SIGHT_CHARACTERS].split("\n")[0].strip()
    if not error.doc[error.pos :].strip():
        return NotJsonError("it ends before it is complete", at=at)
    return NotJsonError(f"character {at:,} cannot stand there: {sight!r}", at=at, sight=sight)


Place = tuple[str | int, ...]
"""The way to a value: names, and numbers in lists."""


class JsonValueError(ValueError):
    """It can be read and must not be taken. `place` is where it stands, () for the whole."""

    def __init__(self, place: Place, message: str) -> None:
        field = ".".join(str(part)[:MAX_NAME_CHARACTERS] for part in place)
        super().__init__(f"{field}: {message}" if field else message)
        self.place, self.message = place, message


class _Twice:
    """Stands for an object that has a name twice."""

    def __init__(self, name: str) -> None:
        self.name = name


def parse_json(data: bytes) -> Any:
    """UTF-8, with or without a mark of byte order. Raises NotJsonError or JsonValueError."""
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH:
        _check_depth(data)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotJsonError("it is not UTF-8 text; send it in UTF-8, uncompressed") from error
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_int=_whole)
    except json.JSONDecodeError as error:
        raise not_json(error) from error
    _check(value, ())
    return value


def _check_depth(data: bytes) -> None:
    names: list[bytes] = []  # of the entries that are open: the last name said in each
    last = b""
    for token in _TOKENS.findall(data):
        if token in (b"[", b"{"):
            names.append(b"")
            if len(names) > MAX_DEPTH:
                raise JsonValueError(_outermost(names), f"lists and objects are nested more than {MAX_DEPTH} deep")
        elif token in (b"]", b"}"):
            del names[-1:]
        elif token == b":":
            names[-1:] = [last]
        else:
            last = token


def _outermost(names: Sequence[bytes]) -> Place:
    """The body's own field, if it is an object."""
    name = names[0].strip(b'"').decode("utf-8", "replace")
    return (name,) if name else ()


def _object(pairs: list[tuple[str, Any]]) -> Any:
    by_name = dict(pairs)
    if len(by_name) == len(pairs):
        return by_name
    names = [name for name, _ in pairs]
    return _Twice(next(name for name in names if names.count(name) > 1))


def _whole(digits: str) -> int | float:
    """One with thousands of digits would take seconds to read, or be an error of its own."""
    return int(digits) if len(digits) <= _MOST_DIGITS + 1 else math.inf


def _check(value: Any, place: Place) -> None:
    if isinstance(value, str):
        _check_text(value, place)
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int | float):
        if not abs(value) <= (MAX_WHOLE if isinstance(value, int) else math.inf) or math.isinf(value):
            raise JsonValueError(place, "numbers are finite, and whole ones have at most 63 bits")
    elif isinstance(value, _Twice):
        raise JsonValueError((*place, _sendable(value.name)), "is given twice; send it once")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _check(item, (*place, number))
    else:
        for name, item in value.items():
            _check_text(name, (*place, _sendable(name)))
            _check(item, (*place, name))


def _check_text(text: str, place: Place) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise JsonValueError(place, "holds half a character (a lone surrogate); send whole ones") from error


def _sendable(name: str) -> str:
    return name.encode("utf-8", "replace").decode()
