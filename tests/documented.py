"""Holds every answer that a test gets against the app's own description of itself."""

from collections.abc import Callable
from typing import Any

import httpx2
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts


def check_documented(app: FastAPI) -> Callable[[httpx2.Response], None]:
    """A hook for a client: an answer of an operation has a status and a media type that the operation names."""
    routes = [route for route in iter_route_contexts(app.routes) if route.methods and route.include_in_schema]

    def check(response: httpx2.Response) -> None:
        request = response.request
        found = [
            route for route in routes
            if request.method in (route.methods or ()) and route.path_regex.match(request.url.path)
        ]  # fmt: skip
        if found:  # else a page, a file, or nothing
            operation = app.openapi()["paths"][found[0].path_format][request.method.lower()]
            _check(response, operation["responses"], f"{request.method} {found[0].path_format}")

    return check


def _check(response: httpx2.Response, responses: dict[str, Any], where: str) -> None:
    status = str(response.status_code)
    assert status in responses, f"{where} answered {status}, which its description does not name"
    kind = response.headers.get("content-type", "").partition(";")[0]
    kinds = set(responses[status].get("content", {}))
    assert kind in kinds or status == "204", f"{where} answered {status} with {kind!r}; described: {kinds}"
