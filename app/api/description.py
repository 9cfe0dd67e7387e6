"""The OpenAPI document: each operation with the statuses that it really answers with, and what each of them holds.

What a route's own code raises is named beside it (`raises`), what it streams, too (`streams`). The rest follows from
what the route takes and needs.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.api.kinds import PARAMS_SCHEMAS, REFERENCE
from app.api.known_query import known_query
from app.errors import AppError
from app.http import openai_errors
from app.http.limits import HEALTH_PATHS
from app.http.problems import MEDIA_TYPE, PROBLEM_SCHEMA
from app.runtime import admit, get_reading, get_writing

EVENT_STREAM = "text/event-stream"
EVERYWHERE = {401, 403, 421, 429, 500}  # no or a wrong token, from another site, under another name, a bug
OPEN = {401, 429}  # what is open to everybody never answers
WITH_INPUT = {422}
WITH_BODY = {400, 413, 422}
WITH_OPENAI_BODY = {400, 413, 415}
OF_DEPENDENCY = {get_writing: {503, 507}, get_reading: {503}, admit: {503}, known_query: {422}}
TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "description": "The value of FOURFOLD_TOKEN; needed only if the server has one.",
}
MEANS = {
    400: "The body cannot be read.",
    401: "The token is missing or wrong.",
    403: "The request came from another site.",
    404: "It does not exist.",
    409: "It conflicts with what is there.",
    410: "It was removed.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    421: "The server does not answer to this host name.",
    422: "A value is wrong.",
    429: "Too many wrong tokens came from this address; `Retry-After` says when to try again.",
    500: "The server failed.",
    503: "Not available now; `Retry-After` says when to try again.",
    507: "The disk is full.",
}
Responses = dict[int | str, dict[str, Any]]
_streamed: set[type[BaseModel]] = set()


def raises(*kinds: type[AppError] | HTTPStatus) -> Responses:
    """For a route's `responses`: errors of its own code, beside those that follow from what it takes and needs."""
    return {kind.status_code if isinstance(kind, type) else int(kind): {} for kind in kinds}


def streams(**events: type[BaseModel]) -> Responses:
    """For a route's `responses`: server-sent events by name."""
    _streamed.update(events.values())
    return _streams([_event(name, model.__name__) for name, model in events.items()])


def openai_streams(model: type[BaseModel]) -> Responses:
    """For a route's `responses`: events without names, an error where the stream breaks off, and [DONE] at its end."""
    _streamed.add(model)
    done = {"type": "object", "required": ["data"], "properties": {"data": {"const": "[DONE]"}}}
    return _streams([_event(None, model.__name__), _event(None, "OpenAIError"), done])


def _streams(forms: list[dict[str, Any]]) -> Responses:
    return {200: {"content": {EVENT_STREAM: {"itemSchema": forms[0] if len(forms) == 1 else {"oneOf": forms}}}}}


def lines(description: str) -> Responses:
    """For a route's `responses`: JSON Lines, an object each."""
    item = {"type": "object", "description": description}
    return {200: {"content": {"application/jsonl": {"schema": {"type": "string"}, "itemSchema": item}}}}


def _event(name: str | None, model: str) -> dict[str, Any]:
    content = {"$ref": REFERENCE.format(model=model)}
    data = {"type": "string", "contentMediaType": "application/json", "contentSchema": content}
    named = {} if name is None else {"event": {"const": name}}
    return {"type": "object", "required": [*named, "data"], "properties": {**named, "data": data}}


def describe(app: FastAPI) -> None:
    """Replaces the app's description of itself."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(app, plain())
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(app: FastAPI, document: dict[str, Any]) -> None:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    wanted = [(model, "serialization") for model in sorted(_streamed, key=lambda model: model.__name__)]
    schemas |= models_json_schema(wanted, ref_template=REFERENCE)[1].get("$defs", {})  # type: ignore[arg-type]
    schemas |= PARAMS_SCHEMAS
    schemas["Problem"] = PROBLEM_SCHEMA
    schemas["OpenAIError"] = openai_errors.SCHEMA
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    document["components"]["securitySchemes"] = {"token": TOKEN}
    document["security"] = [{"token": []}, {}]
    for path in HEALTH_PATHS:
        document["paths"][path]["get"]["security"] = []
    for route in iter_route_contexts(app.routes):
        for method in route.methods or ():
            operation = document["paths"].get(route.path_format, {}).get(method.lower())
            if operation is not None:
                _complete_operation(operation, statuses_of(route, operation), _error_form(route.path_format or ""))


def statuses_of(route: Any, operation: dict[str, Any]) -> set[int]:
    """The error statuses of an operation that its route does not name itself."""
    statuses = EVERYWHERE - OPEN if operation.get("security") == [] else set(EVERYWHERE)
    if openai_errors.is_openai(route.path_format or ""):
        statuses |= WITH_OPENAI_BODY if operation.get("requestBody") else set()
    else:
        statuses |= WITH_INPUT if operation.get("parameters") else set()
        statuses |= WITH_BODY if operation.get("requestBody") else set()
    for call in _calls(route.dependant):
        statuses |= OF_DEPENDENCY.get(call, set())
    return statuses


def _calls(dependant: Dependant) -> Iterator[Any]:
    for part in dependant.dependencies:
        yield part.call
        yield from _calls(part)


def _error_form(path: str) -> dict[str, Any]:
    """An error's content, as clients of `path` read it."""
    kind, name = (openai_errors.MEDIA_TYPE, "OpenAIError") if openai_errors.is_openai(path) else (MEDIA_TYPE, "Problem")
    return {kind: {"schema": {"$ref": REFERENCE.format(model=name)}}}


def _complete_operation(operation: dict[str, Any], statuses: set[int], error: dict[str, Any]) -> None:
    responses = operation["responses"]
    named = {int(status) for status in responses if int(status) >= 400 and not responses[status].get("content")}
    responses.pop("422", None)  # FastAPI's own form of it
    for status in statuses | named:
        responses.setdefault(str(status), {})
        responses[str(status)].setdefault("content", {}).update(error)
        responses[str(status)]["description"] = MEANS[status]
    operation["responses"] = dict(sorted(responses.items()))
