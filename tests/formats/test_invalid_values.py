"""Refusals in our own words; that all schemas have some is seen in tests/http/test_expected.py."""

from typing import Annotated, Any, Literal

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from app.formats.invalid_values import SHOWN_CHARACTERS, sentence_of, shown


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    n: int


CASES: list[tuple[Any, Any, str]] = [
    (Annotated[int, Field(ge=1, le=5_000)], "abc", 'Send a whole number from 1 to 5,000, not "abc".'),
    (Annotated[int, Field(ge=1, le=5_000)], 0, "Send a whole number from 1 to 5,000, not 0."),
    (Annotated[int, Field(ge=1)], 1.5, "Send a whole number of at least 1, not 1.5."),
    (Annotated[float, Field(gt=0, le=0.5)], 2, "Send a number above 0 and at most 0.5, not 2."),
    (Annotated[float, Field(lt=1)], float("nan"), "Send a number below 1, not NaN."),
    (float, None, "Send a number, not null."),
    (int, "9" * 5_000, f'Send a whole number, not "{"9" * SHOWN_CHARACTERS}…".'),
    (bool, "maybe", 'Send true or false, not "maybe".'),
    (str, {"a": 1}, "Send a text, not an object."),
    (Annotated[str, Field(max_length=2)], "abc", "The text has 3 characters, and at most 2 are taken."),
    (Annotated[str, Field(pattern="^[a-z]$")], "A", 'Send a text of the form ^[a-z]$, not "A".'),
    (Annotated[list[int], Field(max_length=2)], "ab", 'Send a list of at most 2, not "ab".'),
    (Annotated[list[int], Field(max_length=2)], [1, 2, 3], "3 are given here, and at most 2 are taken."),
    (Annotated[list[int], Field(min_length=1)], [], "0 are given here, and at least 1 are taken."),
    (dict[str, int], [1], "Send an object, names with values, not a list of 1."),
    (Literal["a", "b"], "c", "Send 'a' or 'b', not \"c\"."),
    (Inner, {}, "A whole number is needed here, and nothing was sent."),
    (Inner, {"n": 1, "m": 2}, "There is no such field here: leave it out, or correct its name."),
    (None, 7, "Send null, not 7."),
]


@pytest.mark.parametrize(("wanted", "given", "said"), CASES)
def test_it_is_said_what_to_send_and_what_was_sent(wanted: Any, given: Any, said: str) -> None:
    adapter = TypeAdapter(wanted)
    with pytest.raises(ValidationError) as refused:
        adapter.validate_python(given)
    [fault] = refused.value.errors()
    schema = adapter.json_schema()
    for part in fault["loc"]:
        schema = schema.get("properties", {}).get(part, {})
    assert sentence_of(fault, schema) == said


def test_a_validators_own_words_stay_and_strangers_words_do_not() -> None:
    own = {"type": "value_error", "input": 1, "ctx": {"error": ValueError("give one of them")}, "msg": "Value error, x"}
    assert sentence_of(own, {}) == "Give one of them."
    custom = PydanticCustomError("scalar_type", "expected a text")
    assert sentence_of({"type": custom.type, "input": 1, "msg": custom.message()}, {}) == "Expected a text."
    assert sentence_of({"type": "uuid_parsing", "input": "x", "msg": "Input should be a UUID"}, {}) == (
        'It must not be "x".'
    )


@drawn(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(), st.lists))
def test_what_was_given_is_short_and_shows_all_of_itself(given: Any) -> None:
    text = shown(given)
    assert text.isprintable()
    assert len(text) <= 6 * SHOWN_CHARACTERS + 3


@pytest.mark.parametrize("hidden", ["\u202e", "\u200b", "\0", "\ud800", "\x9f", "\u2028", "\ufeff"])
def test_characters_that_nobody_sees_are_told_by_their_numbers(hidden: str) -> None:
    assert shown(f"a{hidden}b") == f'"a\\u{ord(hidden):04x}b"'
