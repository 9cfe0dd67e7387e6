"""What is expected at a place of a request: the JSON Schema of a parameter, or of a field of the body."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from fastapi.dependencies.models import Dependant
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

Schema = Mapping[str, Any]
Place = Sequence[int | str]
KEY = "[key]"
"""How pydantic says that it is a name that is wrong, and not what stands under it."""


def schema_at(route: Any, location: Place) -> Schema:
    """{} where nothing is known of it. `location`: ("body", "messages", 1, "content")."""
    whole, place = _field(route, location)
    while place and isinstance(whole, type) and issubclass(whole, BaseModel):
        field = whole.model_fields.get(str(place[0]))
        whole, place = _with_bounds(field), place[1:]
    if whole is None:
        return {}
    try:
        schema = TypeAdapter(whole).json_schema()
    except KeyError:  # it refers to the whole description of the API, as the parameters of jobs do
        return {}
    found, definitions = _resolved(schema, schema.get("$defs", {})), schema.get("$defs", {})
    for part in place:
        found = found.get("propertyNames", {}) if part == KEY else _resolved(_inner(found, part), definitions)
    return found


def _field(route: Any, location: Place) -> tuple[Any, Place]:
    """Its type, and the place within it."""
    kind, *place = location or ("",)
    body = getattr(route, "body_field", None)
    if kind == "body":
        return (None, ()) if body is None else (body.field_info.annotation, place)
    dependant = getattr(route, "dependant", None)
    for name, field in _parameters(dependant, str(kind)) if dependant is not None and place else ():
        if name == place[0]:
            return _with_bounds(field), place[1:]
    return None, ()


def _with_bounds(field: FieldInfo | None) -> Any:
    if field is None:
        return None
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def _parameters(dependant: Dependant, kind: str) -> Iterator[tuple[str, Any]]:
    for parameter in getattr(dependant, f"{kind}_params", ()):
        yield parameter.alias, parameter.field_info
    for part in dependant.dependencies:
        yield from _parameters(part, kind)


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    """Behind references, and what may be left out as what it is where it is given."""
    while "$ref" in schema:
        schema = definitions.get(schema["$ref"].rpartition("/")[2], {})
    choices = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    return _resolved(choices[0], definitions) if len(choices) == 1 else schema


def _inner(schema: Schema, part: int | str) -> Schema:
    for each in (schema, *schema.get("anyOf", ())):
        inner = each.get("items") if isinstance(part, int) else each.get("properties", {}).get(part)
        if inner is None and isinstance(part, str):
            inner = next(iter(each.get("patternProperties", {}).values()), each.get("additionalProperties"))
        if isinstance(inner, dict):
            return inner
    return {}
