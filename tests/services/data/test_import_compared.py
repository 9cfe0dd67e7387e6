"""What imported rankings and votes have in common: the first of each that is not known, and seeds that are stored."""

from dataclasses import dataclass

import pytest

from app.services.data.import_compared import content_digest, given_seed, taken_once


@dataclass(frozen=True)
class Row:
    digest: str
    place: int


def test_each_is_taken_once_and_none_that_is_known() -> None:
    rows = [Row(digest, place) for place, digest in enumerate("abacb")]
    assert [row.place for row in taken_once(rows, {"c", None})] == [0, 1]
    assert taken_once([], {"a"}) == []


def test_other_content_has_another_digest() -> None:
    assert content_digest(["a", 1]) == content_digest(["a", 1])
    assert len({content_digest(each) for each in (["a", 1], ["a", 2], ["a", None], [["a"], 1])}) == 4


@pytest.mark.parametrize(("seed", "stored"), [(7, 7), (0, 0), (-1, 0), (2**31, 0), ("7", 0), (None, 0)])
def test_a_seed_that_is_none_here_is_0(seed: object, stored: int) -> None:
    assert given_seed({"seed": seed}) == stored
