"""What an address of the arena says: which two versions are compared, and on which prompts. It tells nothing of who
wrote which answer of a pair."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from fastapi import Request

from app.db.models.arena import PairSource
from app.errors import NotFoundError
from app.formats.ids import parse_id
from app.services.arena.pair_sampling import MatchIds
from app.translation import _
from app.web.asked import anything, asked, one_of

PATH = "/arena"
MOST_CHARACTERS = 20
"""Of a word in the address."""
DRAWN_SOURCES = (PairSource.HELD_OUT, PairSource.DRAWN)


@dataclass(frozen=True)
class Address:
    ids: MatchIds
    source: PairSource = PairSource.HELD_OUT
    goes_on: bool = False
    """Whether to vote on although it is settled."""

    def at(self, path: str = PATH) -> str:
        """The path with what differs from the default."""
        named = {"version": self.ids.version_id, "against": self.ids.against_id}
        given = {name: str(each) for name, each in named.items() if each is not None}
        given |= {"prompts": self.source.value} if self.source is not PairSource.HELD_OUT else {}
        given |= {"more": "1"} if self.goes_on else {}
        return f"{path}?{urlencode(given)}" if given else path

    @property
    def going_on(self) -> "Address":
        return replace(self, goes_on=True)


def notice_misread(request: Request) -> None:
    """What an address asks for that the arena does not know."""
    asked(request, {"prompts": one_of(DRAWN_SOURCES), "more": anything}, most_characters=MOST_CHARACTERS)


def address_of(query: Mapping[str, Any]) -> Address:
    """Raises NotFoundError where it names what cannot be a version."""
    source = str(query.get("prompts", ""))
    return Address(
        MatchIds(_version(query.get("version")), _version(query.get("against"))),
        PairSource(source) if source in DRAWN_SOURCES else PairSource.HELD_OUT,
        goes_on=bool(query.get("more")),
    )


def _version(given: Any) -> int | None:
    if not given:
        return None
    version_id = parse_id(str(given))
    if version_id is None:
        raise NotFoundError(_("Choose two versions from the list."))
    return version_id
