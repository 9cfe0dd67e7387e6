"""The app's own route table, as a list of what may be asked: tests go through it, so that no route is forgotten."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from app.web.security import checked_form


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    """With its parameters in braces."""
    in_path: tuple[str, ...]
    in_query: tuple[str, ...]
    in_header: tuple[str, ...]
    takes_json: bool
    takes_form: bool
    documented: bool
    """A page's route is not."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def routes_of(app: FastAPI) -> list[Route]:
    """Files under /static are not among them."""
    contexts = [
        context for context in iter_route_contexts(app.routes) if getattr(context, "dependant", None) is not None
    ]
    return [_route(context, method) for context in contexts for method in sorted(context.methods or ())]


def _route(context: Any, method: str) -> Route:
    parts = list(_parts(context.dependant))

    def names(kind: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(field.alias for part in parts for field in getattr(part, f"{kind}_params")))

    return Route(
        method=method,
        path=context.path_format,
        in_path=names("path"),
        in_query=names("query"),
        in_header=names("header"),
        takes_json=context.body_field is not None or "requestBody" in (context.openapi_extra or {}),
        takes_form=any(part.call is checked_form for part in parts),
        documented=context.include_in_schema,
    )


def _parts(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for part in dependant.dependencies:
        yield from _parts(part)
