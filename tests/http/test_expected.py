"""Every schema of the app, given what is none of it: the refusal is in our own words, with what is expected there."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from pydantic import TypeAdapter, ValidationError

from app.formats.invalid_values import KNOWN, LENGTHS, OWN, sentence_of
from app.http.expected import schema_at
from app.main import create_app
from app.settings.config import Settings
from tests.api.route_table import _parts

NUMBERS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")
RAISED: dict[str, tuple[str, ...]] = {
    "any": (), "default": (), "definitions": (), "definition-ref": (), "nullable": (), "union": (), "no-info": (),
    "with-info": (), "model-field": (), "model-fields": ("missing", "extra_forbidden", "invalid_key", "model_type"),
    "function-after": ("value_error", "assertion_error"), "function-before": ("value_error", "assertion_error"),
    "bool": ("bool_type", "bool_parsing"), "enum": ("enum",), "literal": ("literal_error",),
    "int": ("int_type", "int_parsing", "int_parsing_size", "int_from_float", "finite_number", *NUMBERS),
    "float": ("float_type", "float_parsing", "finite_number", *NUMBERS), "none": ("none_required",),
    "str": ("string_type", "string_unicode", "string_too_short", "string_too_long", "string_pattern_mismatch"),
    "list": ("list_type", "too_short", "too_long"), "tuple": ("tuple_type", "too_short", "too_long"),
    "dict": ("dict_type", "too_short", "too_long"), "model": ("model_type", "model_attributes_type"),
}  # fmt: skip
"""By the kind of a core schema: the types of faults that it can find."""
OF_A_TEXT = {"int": "int_parsing", "float": "float_parsing", "bool": "bool_parsing"}
WRONG: tuple[Any, ...] = (
    None, True, 7, -1, 10**30, 1.5, float("nan"), float("inf"), "", "abc", "9" * 5_000, "x" * 70_000, b"\xff",
    "a\u202e\0\ud800b", [], [None], ["x"] * 1_001, {}, {"surplus": 1}, {"x" * 500: {}}, [[[]]], {7: 7}, object(),
)  # fmt: skip
PYDANTICS_WORDS = re.compile(
    r"Input should|Field required|should (be|have|match)|unable to|Extra inputs|[Vv]alid (integer|number|string)"
    r"|[Vv]alid boolean|items? after validation|characters?$|Value error|Assertion failed"
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    return create_app(Settings(data_dir=tmp_path_factory.mktemp("data")))


def places(app: FastAPI) -> Iterator[tuple[Any, tuple[str, ...], Any]]:
    """Each parameter and each body, those that many routes share once: its route, its location and its type."""
    seen = set()
    for context in iter_route_contexts(app.routes):
        if getattr(context, "dependant", None) is None:
            continue
        if context.body_field is not None:
            yield context, ("body",), context.body_field.field_info.annotation
        for part in _parts(context.dependant):
            for kind in ("path", "query", "header", "cookie"):
                for field in getattr(part, f"{kind}_params"):
                    info = field.field_info
                    if (kind, field.alias, repr(info)) in seen:
                        continue
                    seen.add((kind, field.alias, repr(info)))
                    yield context, (kind, field.alias), Annotated[info.annotation, *info.metadata, None]


def kinds_of(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("type"), str):
            yield schema["type"]
        for name, value in schema.items():
            if name not in ("metadata", "serialization", "json_schema_input_schema"):
                yield from kinds_of(value)
    elif isinstance(schema, list | tuple):
        for each in schema:
            yield from kinds_of(each)


def test_all_that_a_schema_can_raise_has_words_of_ours(app: FastAPI) -> None:
    found = {kind for _route, _place, wanted in places(app) for kind in kinds_of(TypeAdapter(wanted).core_schema)}
    assert found <= RAISED.keys(), "say which faults these find"
    raised = {fault for kind in found for fault in RAISED[kind]}
    assert raised <= KNOWN, "say what is to be sent instead"


def faults_of(adapter: TypeAdapter[Any], wanted: Any, given: Any) -> list[Any]:
    """Also where a program sends each of its fields so."""
    found: list[Any] = []
    fields = getattr(wanted, "model_fields", {})
    for sent in (given, dict.fromkeys(fields, given), {name: [given] for name in fields}):
        try:
            adapter.validate_python(sent)
        except ValidationError as error:
            found += error.errors()
    return found


def test_what_is_wrong_is_told_in_our_words_with_what_was_given(app: FastAPI) -> None:
    seen: set[str] = set()
    for route, place, wanted in places(app):
        adapter, schemas = TypeAdapter(wanted), dict[Any, Any]()
        for given in WRONG:
            for fault in faults_of(adapter, wanted, given)[:40]:
                location = (*place, *fault["loc"])
                if location not in schemas:
                    schemas[location] = schema_at(route, location)
                said = sentence_of(fault, schemas[location])
                seen.add(fault["type"])
                assert not PYDANTICS_WORDS.search(said.rstrip(".")), (location, said)
                assert said.endswith("."), said
                assert len(said) < 400, (location, said)
                assert said.isprintable(), (location, said)
    assert {"missing", "extra_forbidden", "int_parsing", "string_too_long", "enum", "less_than_equal"} <= seen


def bounds_of(metadata: Sequence[Any]) -> list[float]:
    return [
        getattr(each, name) for each in metadata for name in ("ge", "gt", "le") if getattr(each, name, None) is not None
    ]


def test_bounds_are_told_wherever_there_are_some(app: FastAPI) -> None:
    """Of whole numbers and numbers: both ends, whichever of them was passed, and where it is no number at all."""
    told = {"body": 0, "query": 0, "path": 0}
    for route, place, wanted in places(app):
        adapter, fields = TypeAdapter(wanted), getattr(wanted, "model_fields", None)
        named = {(*place, name): field.metadata for name, field in fields.items()} if fields else {}
        for location, metadata in named.items() or [(place, getattr(wanted, "__metadata__", ()))]:
            ends = bounds_of(metadata)
            if place[0] not in told or not ends:
                continue
            for given in ("abc", 10**12, -(10**12)):
                for fault in [each for each in faults_of(adapter, wanted, given) if (*place, *each["loc"]) == location]:
                    if fault["type"] in ("missing", *LENGTHS, *OWN):
                        continue
                    said = sentence_of(fault, schema_at(route, location))
                    assert all(f"{end:,}" in said or f"{end:.12g}" in said for end in ends), (location, said)
                    told[place[0]] += 1
    assert min(told.values()) >= 3, told
    assert sum(told.values()) > 60, told


class _Route:
    body_field = dependant = None


@pytest.mark.parametrize("location", [(), ("body",), ("body", "x"), ("query", "x"), ("elsewhere", "x")])
def test_of_what_is_not_known_nothing_is_said(location: tuple[str, ...]) -> None:
    assert schema_at(None, location) == schema_at(_Route(), location) == {}
