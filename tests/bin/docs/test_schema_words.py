"""JSON Schema is told in a few words, with its bounds."""

from typing import Any

import pytest

from bin.docs.schema_words import values, without_null

SCHEMAS: dict[str, Any] = {
    "Kind": {"enum": ["a", "b", "c"]},
    "Thing": {"properties": {"x": {}}},
    "PageOut_Thing_": {"properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}}}},
}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 1.0, "maximum": 64.0}, "whole number (1 to 64)"),
        ({"type": "number", "exclusiveMinimum": 0.0, "maximum": 1.5}, "number (above 0 to 1.5)"),
        ({"type": "integer", "minimum": -1}, "whole number (-1 or more)"),
        ({"type": "string", "maxLength": 2_000}, "text (at most 2,000 characters)"),
        ({"type": "string", "format": "date-time"}, "time"),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 4}, "list of texts (at most 4)"),
        ({"type": "array", "maxItems": 0}, "empty list"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text or null"),
        ({"const": False}, "`false`"),
        ({"const": "x"}, "`x`"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "object of whole number"),
        ({"$ref": "#/components/schemas/Kind"}, "`a`, `b` or `c`"),
        ({"$ref": "#/components/schemas/Thing"}, "[Thing](#thing)"),
        ({"$ref": "#/components/schemas/PageOut_Thing_"}, "a page: `items`, a list of [Thing](#thing), and `next`"),
    ],
)
def test_words(schema: dict[str, Any], words: str) -> None:
    assert values(schema, SCHEMAS) == words


def test_null_is_left_out_of_what_is_sent() -> None:
    assert without_null({"anyOf": [{"type": "string"}, {"type": "null"}]}) == {"type": "string"}
    both = without_null({"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]})
    assert values(both, {}) == "text or whole number"
