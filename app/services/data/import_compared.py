"""What imported rankings and imported votes have in common: each is known by what it holds, and taken once."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Protocol, TypeVar

MOST_SEED = 2**31


class Known(Protocol):
    @property
    def digest(self) -> str: ...


Row = TypeVar("Row", bound=Known)


def content_digest(content: Sequence[Any]) -> str:
    """Of everything that tells one from another, wherever it is stored."""
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


def taken_once(rows: Sequence[Row], known: AbstractSet[str | None]) -> list[Row]:
    """The first of each digest that is not known."""
    fresh: dict[str, Row] = {}
    for row in rows:
        if row.digest not in known:
            fresh.setdefault(row.digest, row)
    return list(fresh.values())


def given_seed(settings: Mapping[str, Any]) -> int:
    """That of the file, where it is one that is stored here; else 0."""
    seed = settings.get("seed")
    return seed if isinstance(seed, int) and 0 <= seed < MOST_SEED else 0
