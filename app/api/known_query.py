"""A call refuses query parameters that it does not take, and one that it takes once where it comes twice, all calls of
/api/v1 alike: one that is misspelt, or that asks for what the path says (the format of a file), would be ignored in
silence, and so would the first of two."""

from collections.abc import Iterator
from typing import get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant

from app.errors import InvalidError

SHOWN_CHARACTERS = 40


async def known_query(request: Request) -> None:
    """Without a thread. Raises InvalidError with the names that are not known, and those that are; or with one that
    came twice."""
    route = request.scope["route"]
    taken = dict(_taken(route.dependant))
    given = [name for name, _value in request.query_params.multi_items()]
    unknown = [name for name in given if name not in taken]
    if unknown:
        known = f"it takes {', '.join(sorted(taken))}" if taken else "it takes none"
        file = " The ending of the file's name says its format." if route.path.endswith((".jsonl", ".parquet")) else ""
        raise InvalidError(f"This call has no query parameter {unknown[0][:SHOWN_CHARACTERS]!r}: {known}.{file}")
    twice = next((name for name in given if given.count(name) > 1 and not taken[name]), None)
    if twice is not None:
        raise InvalidError(f"The query parameter {twice!r} is given {given.count(twice)} times. Give it once.")


def _taken(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    """Names, and whether several values may come under one."""
    for parameter in dependant.query_params:
        annotation = parameter.field_info.annotation
        yield parameter.alias, any(get_origin(part) in (tuple, list) for part in (annotation, *get_args(annotation)))
    for part in dependant.dependencies:
        yield from _taken(part)
