"""Holds every answer that a test gets against the app's own description of itself."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts


def check_documented(app: FastAPI) -> Callable[[httpx2.Response], None]:
    """A hook for a client: an answer of an operation has a status and a media type that the operation names."""

    def check(response: httpx2.Response) -> None:
        request = response.request
        for operation in described(app):
            if request.method == operation.method and operation.path.match(request.url.path):
                return _check(response, operation.responses, operation.name)
        return None  # a page, a file, or nothing

    return check


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    path: re.Pattern[str]
    responses: dict[str, Any]


_operations: list[Operation] = []
"""Of every app alike; describing one takes half a second."""


def described(app: FastAPI) -> list[Operation]:
    if not _operations:
        paths = app.openapi()["paths"]
        for route in iter_route_contexts(app.routes):
            if route.methods and route.include_in_schema:
                for method in route.methods:
                    responses = paths[route.path_format][method.lower()]["responses"]
                    _operations.append(Operation(f"{method} {route.path_format}", method, route.path_regex, responses))
    return _operations


def _check(response: httpx2.Response, responses: dict[str, Any], where: str) -> None:
    status = str(response.status_code)
    assert status in responses, f"{where} answered {status}, which its description does not name"
    kind = response.headers.get("content-type", "").partition(";")[0]
    kinds = set(responses[status].get("content", {}))
    assert kind in kinds or status == "204", f"{where} answered {status} with {kind!r}; described: {kinds}"
