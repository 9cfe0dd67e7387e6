"""Typed reading of a JSON object that somebody else wrote: a missing or ill-typed entry is named. Knows no model."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.model_info.weights import CheckpointError, unusable

MOST = 1 << 24  # no size of a model comes near it; a larger one is a broken file
MOST_NUMBER = 1e12  # nor any other number; squares of it are finite, in float32, too
MAX_BYTES = 1 << 24  # of a small file


def read_text(path: Path) -> str:
    """A small file's text; raises CheckpointError where it is missing, large or no text."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise unusable(path, f"is larger than {MAX_BYTES >> 20} MiB, too large for such a file")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise unusable(path, "is missing") from error
    except (OSError, ValueError) as error:
        raise unusable(path, f"cannot be read ({error})") from error


def read_object(path: Path) -> dict[str, Any]:
    """A small file's JSON object; raises CheckpointError as read_text does, and where it is none."""
    try:
        config = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise unusable(path, f"cannot be read ({error})") from error
    if not isinstance(config, dict):
        raise unusable(path, "is not a JSON object")
    return config


@dataclass(frozen=True)
class Fields:
    """`values` as read from `path`. Each method raises CheckpointError, which `fault` makes of the path and what is
    wrong; null counts as missing."""

    values: Mapping[str, Any]
    path: Path
    fault: Callable[[Path, str], CheckpointError] = unusable

    def whole(self, name: str, default: int | None = None, *, least: int = 1, most: int = MOST) -> int:
        """A whole number from `least` to `most`."""
        value = self._given(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.fault(
                self.path, f"has {name} {_short(value)}, which is not a whole number from {least} to {most:,}"
            )
        return value

    def number(
        self, name: str, default: float | None = None, *, least: float = 0.0, most: float = MOST_NUMBER
    ) -> float:
        """A number from `least` to `most`."""
        value = self._given(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise self.fault(self.path, f"has {name} {_short(value)}, which is not a number from {least:g} to {most:g}")
        return float(value)

    def number_or_none(self, name: str) -> float | None:
        return None if self.values.get(name) is None else self.number(name)

    def flag(self, name: str, default: bool) -> bool:
        value = self._given(name, default)
        if not isinstance(value, bool):
            raise self.fault(self.path, f"has {name} {_short(value)}, which is neither true nor false")
        return value

    def _given(self, name: str, default: object) -> object:
        value = self.values.get(name)
        if value is None:
            value = default
        if value is None:
            raise self.fault(self.path, f"has no entry {name!r}")
        return value


def _short(value: object) -> str:
    """As it is said back: a file may hold thousands of digits."""
    said = repr(value)
    return said if len(said) <= 40 else f"{said[:40]}…"
