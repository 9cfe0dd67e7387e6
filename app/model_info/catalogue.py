"""Published models that can be brought in by name (catalogue.toml). No torch, no network."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from app.errors import NotFoundError
from app.translation import _, language

FILE = Path(__file__).with_name("catalogue.toml")


@dataclass(frozen=True)
class Published:
    """Of one model: the fields of its entry. Sizes in bytes."""

    name: str
    title: str
    package: str
    version: str
    file: str
    sha256: str
    bytes: int
    wheel_bytes: int
    installed_bytes: int
    licence: str
    languages: tuple[str, ...]
    prompts: tuple[str, ...]
    """Names of the shipped sets that people are shown with it (prompt_sets.py)."""
    good_for: Mapping[str, str]

    @property
    def needed_bytes(self) -> int:
        """Of free disk at once while it comes in: wheel, file and version."""
        return self.wheel_bytes + self.bytes + self.installed_bytes

    @property
    def meaning(self) -> str:
        """What it is good for."""
        return self.good_for[self.told_in]

    @property
    def told_in(self) -> str:
        """The page's language, where the entry has a sentence in it."""
        return language() if language() in self.good_for else "en"


@cache
def catalogue(file: Path = FILE) -> Mapping[str, Published]:
    """By name, in the order of the file."""
    entries = tomllib.loads(file.read_text(encoding="utf-8"))
    return MappingProxyType(
        {
            name: Published(**{**entry, "name": name, **{key: tuple(entry[key]) for key in ("languages", "prompts")}})
            for name, entry in entries.items()
        }
    )


def published(name: str) -> Published:
    """Raises NotFoundError with the names there are."""
    found = catalogue().get(name)
    if found is None:
        raise NotFoundError(
            _(
                "There is no model {name} in the catalogue. There are: {names}.",
                name=name[:80],
                names=", ".join(catalogue()),
            )
        )
    return found
