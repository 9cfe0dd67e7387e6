"""docs/api.md: the REST API's operations and the objects that they take and give, from the OpenAPI document."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.api.description import MEANS
from app.main import create_app
from app.settings.config import Settings
from bin.docs.api_examples import call
from bin.docs.markdown import heading, item, paragraph
from bin.docs.schema_words import fields, literal, values, without_null

Json = dict[str, Any]
EVERYWHERE = ("401", "403", "421", "429", "500")
TITLES = {
    "groups": "Groups of four answers",
    "conversations": "Conversations",
    "model": "The model",
    "data": "Data in and out",
    "openai": "OpenAI's API",
}
INTRODUCTION = (
    """The server describes all of this to programs, too: `GET /openapi.json`. Times are UTC, ISO 8601. Lists are paged:
    `next` of one page is `after` of the next one, and null on the last.""",
    """An error is `application/problem+json` with a sentence that says what is wrong and what to do
    ([Problem](#problem)); under `/v1` it has OpenAI's form ([OpenAIError](#openaierror), [openai.md](openai.md)).""",
    """Where the server has a token (`FOURFOLD_TOKEN`, [settings.md](settings.md)), every call but those of health sends
    it: `-H 'Authorization: Bearer TOKEN'`.""",
)
ERRORS = f"Those that every call may answer are not repeated below: {', '.join(f'`{each}`' for each in EVERYWHERE)}."


def document(_repository: Path) -> str:
    """The whole text of docs/api.md."""
    description = create_app(Settings()).openapi()
    schemas = description["components"]["schemas"]
    sections = [heading("The REST API", "the routes of app/api")]
    sections += [text for part in INTRODUCTION for text in (paragraph(part), "")]
    sections += [
        "## Errors",
        paragraph(ERRORS),
        "",
        *(item(f"`{status}`: {meaning}") for status, meaning in sorted(MEANS.items())),
        "",
    ]
    for tag, operations in by_tag(description["paths"]).items():
        sections += [f"## {TITLES.get(tag, tag.capitalize())}", ""]
        for method, path, operation in operations:
            sections += [*lines_of(method, path, operation, schemas), ""]
    sections += ["## Objects", ""]
    for name in sorted(shown(schemas)):
        sections += [f"### {name}", *lines_of_schema(schemas[name], schemas), ""]
    return "\n".join(sections).rstrip() + "\n"


def by_tag(paths: Json) -> dict[str, list[tuple[str, str, Json]]]:
    """The operations by their tag, in the order of the routes."""
    tags: dict[str, list[tuple[str, str, Json]]] = {}
    for path, operations in paths.items():
        for method, operation in operations.items():
            tags.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    return tags


def lines_of(method: str, path: str, operation: Json, schemas: Json) -> Iterator[str]:
    """One operation: what it does, takes, answers, and a call of it."""
    yield f"### {method} {path}"
    yield paragraph(operation["description"])
    yield ""
    for parameter in operation.get("parameters", ()):
        given = f"{values(without_null(parameter['schema']), schemas)}{default(parameter['schema'])}"
        told = sentence(parameter.get("description", ""))
        yield item(f"`{parameter['name']}` ({parameter['in']}): {given}. {told}")
    if "requestBody" in operation:
        yield item(f"Body: {body(operation['requestBody']['content'], schemas)}.")
    yield from answers(operation["responses"], schemas)
    yield ""
    yield from ["```sh", *call(method, path, operation), "```"]


def body(content: Json, schemas: Json) -> str:
    """What the body of a request is."""
    if any(media.get("schema", {}).get("format") == "binary" for media in content.values()):
        return "a file (" + ", ".join(f"`{kind}`" for kind in content) + ")"
    return " or ".join(values(media["schema"], schemas) for media in content.values())


def answers(responses: Json, schemas: Json) -> Iterator[str]:
    """Good answers with their content, and the statuses of errors."""
    good = {status: answer for status, answer in responses.items() if int(status) < 400}
    for status, answer in good.items():
        contents = [content(kind, media, schemas) for kind, media in answer.get("content", {}).items()]
        yield item(f"Answers `{status}`: {' or '.join(contents) or 'nothing'}.")
    errors = [f"`{status}`" for status in responses if status not in good and status not in EVERYWHERE]
    if errors:
        yield item(f"Errors: {', '.join(errors)}.")


def content(kind: str, media: Json, schemas: Json) -> str:
    """What an answer holds: an object, lines, or server-sent events by name."""
    if kind == "application/json":
        return values(media["schema"], schemas)
    if "itemSchema" not in media:
        return f"a file (`{kind}`)"
    each = media["itemSchema"]
    if kind != "text/event-stream":
        return f"JSON Lines. {sentence(each['description'])}".removesuffix(".")
    return "server-sent events: " + ", ".join(event(form, schemas) for form in each.get("oneOf", [each]))


def event(form: Json, schemas: Json) -> str:
    """One kind of event: its name and its data."""
    properties = form["properties"]
    data = properties["data"]
    told = f"`{data['const']}`" if "const" in data else values(data.get("contentSchema", data), schemas)
    name = properties.get("event", {}).get("const")
    return told if name is None else f"`{name}` with {told}"


def shown(schemas: Json) -> list[str]:
    """The objects that have a section: values to choose from and pages are told where they are used."""
    return [name for name, schema in schemas.items() if "properties" in schema and not name.startswith("PageOut_")]


def lines_of_schema(schema: Json, schemas: Json) -> Iterator[str]:
    """An object and its fields."""
    if schema.get("description"):
        yield paragraph(schema["description"])
        yield ""
    sent = schema.get("additionalProperties") is False  # those that the server takes refuse names that they do not know
    for name, field, required in fields(schema):
        given = f"{values(without_null(field), schemas)}{default(field)}" if sent else values(field, schemas)
        need = ", required" if sent and required else ""
        yield item(f"`{name}`: {given}{need}. {sentence(field.get('description', ''))}")


def default(schema: Json) -> str:
    """The default of a value, where it says more than that it may be left out."""
    value = schema.get("default")
    return "" if value in (None, [], {}, "") else f", default `{literal(value)}`"


def sentence(text: str) -> str:
    """A description as a sentence of its own."""
    return re.sub(r"^([a-z])", lambda first: first[1].upper(), text.strip().removesuffix(".")) + "." if text else ""
