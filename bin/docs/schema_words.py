"""JSON Schema in words: what a value may be."""

import json
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
KINDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}
PLURALS = {"text": "texts", "whole number": "whole numbers", "number": "numbers"}


def fields(schema: Json) -> Iterator[tuple[str, Json, bool]]:
    """Each field of an object: its name, its schema, and whether it must be there."""
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        yield name, field, name in required


def values(schema: Json, schemas: Json) -> str:
    """What a value may be: `whole number, 1 to 64`, `list of MessageIn`, `train or held_out`."""
    if "$ref" in schema:
        return reference(schema["$ref"].rpartition("/")[2], schemas)
    if "const" in schema:
        return f"`{literal(schema['const'])}`" if schema["const"] != "" else "empty text"
    if "enum" in schema:
        return any_of([f"`{literal(value)}`" for value in schema["enum"]])
    if "anyOf" in schema:
        return any_of(list(dict.fromkeys(values(form, schemas) for form in schema["anyOf"])))
    kind = schema.get("type")
    if kind == "array":
        return array(schema, schemas)
    if kind == "object":
        inner = schema.get("additionalProperties")
        return f"object of {values(inner, schemas)}" if isinstance(inner, dict) and inner else "object"
    return "any value" if kind is None else plain(schema, kind)


def reference(name: str, schemas: Json) -> str:
    """A schema by its name: a link, or what it is where that is short."""
    schema = schemas[name]
    if "enum" in schema:
        return values(schema, schemas)
    if name.startswith("PageOut_"):
        return f"a page: `items`, a {values(schema['properties']['items'], schemas)}, and `next`"
    return f"[{name}](#{name.lower()})"


def literal(value: Any) -> str:
    """A constant as JSON writes it, without quotation marks."""
    return value if isinstance(value, str) else json.dumps(value)


def without_null(schema: Json) -> Json:
    """What may be sent: null there means the same as nothing."""
    forms = [form for form in schema.get("anyOf", ()) if form != {"type": "null"}]
    return forms[0] if len(forms) == 1 else {**schema, "anyOf": forms} if forms else schema


def any_of(forms: list[str]) -> str:
    """Alternatives, with "or" before the last."""
    *first, last = forms
    return f"{', '.join(first)} or {last}" if first else last


def array(schema: Json, schemas: Json) -> str:
    """A list, with what it holds and how many."""
    items = values(schema["items"], schemas) if schema.get("items") else "anything"
    if schema.get("maxItems") == 0:
        return "empty list"
    most = f" (at most {schema['maxItems']})" if "maxItems" in schema else ""
    return f"list of {PLURALS.get(items, items)}{most}"


def plain(schema: Json, kind: str) -> str:
    """A text, a number, true or false, with its bounds."""
    if schema.get("format") == "date-time":
        return "time"
    words = KINDS[kind]
    if "maxLength" in schema:
        most = schema["maxLength"]
        return f"{words} (at most {most:,} characters)" if most else f"empty {words}"
    begin = number(schema["minimum"]) if "minimum" in schema else ""
    if "exclusiveMinimum" in schema:
        begin = f"above {number(schema['exclusiveMinimum'])}"
    if begin and "maximum" in schema:
        return f"{words} ({begin} to {number(schema['maximum'])})"
    return f"{words} ({begin}{' or more' if 'minimum' in schema else ''})" if begin else words


def number(value: float) -> str:
    """A bound, whole where it is whole."""
    return str(int(value)) if float(value).is_integer() else f"{value:g}"
