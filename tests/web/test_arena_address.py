"""The arena's address: keeps what is compared, says nothing of sides, and refuses what is no version."""

import pytest

from app.db.models.arena import PairSource
from app.errors import NotFoundError
from app.services.arena.pair_sampling import MatchIds
from app.web.arena_address import Address, address_of


@pytest.mark.parametrize(
    ("query", "address", "told"),
    [
        ({}, Address(MatchIds()), "/arena"),
        ({"version": "3"}, Address(MatchIds(3)), "/arena?version=3"),
        (
            {"version": "3", "against": "1", "prompts": "drawn", "more": "1"},
            Address(MatchIds(3, 1), PairSource.DRAWN, goes_on=True),
            "/arena?version=3&against=1&prompts=drawn&more=1",
        ),
        ({"prompts": "own"}, Address(MatchIds()), "/arena"),
        ({"prompts": "\x00", "version": ""}, Address(MatchIds()), "/arena"),
    ],
)
def test_it_is_read_and_written(query: dict[str, str], address: Address, told: str) -> None:
    assert address_of(query) == address
    assert address.at() == told
    assert address.at("/arena/result") == told.replace("/arena", "/arena/result")


@pytest.mark.parametrize("given", ["x", "-1", "1.5", "99999999999999999999"])
def test_what_is_no_version_is_refused(given: str) -> None:
    with pytest.raises(NotFoundError, match="Choose two versions"):
        address_of({"version": given})
