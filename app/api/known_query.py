"""A call refuses query parameters that it does not take, all calls of /api/v1 alike: one that is misspelt, or that asks
for what the path says (the format of a file), would be ignored in silence."""

from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant

from app.errors import InvalidError

SHOWN_CHARACTERS = 40


async def known_query(request: Request) -> None:
    """Without a thread. Raises InvalidError with the names that are not known, and those that are."""
    route = request.scope["route"]
    known = sorted(set(_names(route.dependant)))
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        taken = f"it takes {', '.join(known)}" if known else "it takes none"
        file = " The ending of the file's name says its format." if route.path.endswith((".jsonl", ".parquet")) else ""
        raise InvalidError(f"This call has no query parameter {unknown[0][:SHOWN_CHARACTERS]!r}: {taken}.{file}")


def _names(dependant: Dependant) -> Iterator[str]:
    yield from (parameter.alias for parameter in dependant.query_params)
    for part in dependant.dependencies:
        yield from _names(part)
