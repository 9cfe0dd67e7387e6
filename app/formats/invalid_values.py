"""What pydantic finds wrong with what was sent, in our own words: what to send in its place, with its bounds, and what
was given. For programs (the API, OpenAI's form of it, the command line), so in English.

A fault is told as pydantic tells it: its `type`, `input` and `ctx`. `schema` is the JSON Schema of its place, {} where
that is not known. `tests/http/test_expected.py` holds it to all that our schemas can raise.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, get_args

from pydantic_core import core_schema

SHOWN_CHARACTERS = 60
WHOLE, NUMBER, TEXT, LIST = "a whole number", "a number", "a text", "a list"
OBJECT = "an object, names with values"
BOUNDS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")
BOUND_NAMES = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}
EXPECTED = {
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), WHOLE),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number", *BOUNDS), NUMBER),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("string_type", "string_unicode", "string_pattern_mismatch"), TEXT),
    **dict.fromkeys(("list_type", "tuple_type"), LIST),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), OBJECT),
    "none_required": "null",
}
"""By the type of the fault."""
CHOICES = ("enum", "literal_error")
LENGTHS = ("too_short", "too_long", "string_too_short", "string_too_long")
OWN = ("value_error", "assertion_error")
"""A validator's own words."""
KNOWN = frozenset({*EXPECTED, *CHOICES, *LENGTHS, *OWN, "missing", "extra_forbidden", "invalid_key"})
OF_PYDANTIC = frozenset(get_args(core_schema.ErrorType))
_BY_SCHEMA = {
    **{"integer": WHOLE, "number": NUMBER, "string": TEXT, "array": LIST, "object": OBJECT},
    "boolean": "true or false",
}


def sentence_of(fault: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    said = words_of(fault, schema)
    return f"{said[:1].upper()}{said[1:]}."


def words_of(fault: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """A sentence that begins small and has no full stop, for `Invalid value for 'n': ...`."""
    kind, given, limits = str(fault["type"]), fault.get("input"), fault.get("ctx") or {}
    if kind == "missing":
        return f"{_BY_SCHEMA.get(schema.get('type', ''), 'it')} is needed here, and nothing was sent"
    if kind == "extra_forbidden":
        return "there is no such field here: leave it out, or correct its name"
    if kind == "invalid_key":
        return "a field's name is a text"
    if kind in LENGTHS and {"min_length", "max_length"} & limits.keys():
        return _of_length(kind, given, limits)
    if kind in CHOICES:
        return f"send {limits['expected']}, not {shown(given)}"
    if kind in EXPECTED:
        return f"send {_expected(kind, limits, schema)}, not {shown(given)}"
    if kind in OWN:
        return str(limits.get("error", "")).rstrip(".") or f"it must not be {shown(given)}"
    if kind in OF_PYDANTIC - {*LENGTHS}:
        return f"it must not be {shown(given)}"
    return str(fault["msg"]).rstrip(".")  # our own kinds of faults


def _of_length(kind: str, given: Any, limits: Mapping[str, Any]) -> str:
    side = "most" if kind.endswith("too_long") else "least"
    bound = limits.get("max_length" if side == "most" else "min_length", 0)
    length = len(given) if isinstance(given, str | list | tuple | dict) else limits.get("actual_length") or 0
    if isinstance(given, str):
        return f"the text has {length:,} characters, and at {side} {bound:,} are taken"
    return f"{length:,} are given here, and at {side} {bound:,} are taken"


def _expected(kind: str, limits: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if kind == "string_pattern_mismatch":
        return f"{TEXT} of the form {limits.get('pattern')}"
    noun, wanted = EXPECTED[kind], dict(schema)
    if kind in BOUNDS:
        wanted |= {name: limits[short] for short, name in BOUND_NAMES.items() if short in limits}
        noun = _BY_SCHEMA.get(wanted.get("type", ""), noun)
    if noun in (WHOLE, NUMBER):
        return noun + _range(wanted)
    return noun + _count(wanted) if noun == LIST else noun


def _range(schema: Mapping[str, Any]) -> str:
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f" from {_number(low)} to {_number(high)}"
    ends = [(above, "above "), (low, "at least "), (below, "below "), (high, "at most ")]
    said = " and ".join(word + _number(end) for end, word in ends if end is not None)
    return said and f"{' of' if said.startswith('at ') else ''} {said}"


def _count(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minItems"), schema.get("maxItems")
    if low is None and high is None:
        return ""
    if high is None:
        return f" of at least {low:,}"
    return f" of at most {high:,}" if not low else f" of {low:,} to {high:,}"


def _number(end: float) -> str:
    return f"{end:,}" if isinstance(end, int) else f"{end:.12g}"


def shown(given: object) -> str:
    """What was given, cut short and without characters that nobody sees."""
    if isinstance(given, dict):
        return "an object"
    if isinstance(given, list | tuple | set):
        return f"a list of {len(given):,}"
    if isinstance(given, int) and not isinstance(given, bool) and abs(given) >= 10**SHOWN_CHARACTERS:
        return "so long a number"
    if given is not None and not isinstance(given, str | bool | int | float):
        return "what was sent"
    text = given if isinstance(given, str) else json.dumps(given)
    text = text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
    return visible(json.dumps(text, ensure_ascii=False)) if isinstance(given, str) else text


def visible(text: str) -> str:
    """With marks of direction, joiners, lone surrogates and the like by their numbers."""

    def number(match: re.Match[str]) -> str:
        character = match[0]
        hidden = unicodedata.category(character) in ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")
        return f"\\u{ord(character):04x}" if hidden else character

    return re.sub(r"[^\x20-\x7e]", number, text)
