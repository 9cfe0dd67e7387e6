"""The memory of wrong tokens is bounded, whoever sends them."""

import pytest
from starlette.requests import Request

from app.web.guesses import AT_ONCE, MAX_ADDRESSES, SECONDS_EACH, Guesses


def asked_by(host: str | None) -> Request:
    return Request({"type": "http", "headers": [], "client": None if host is None else (host, 1)})


def exhaust(guesses: Guesses, host: str | None) -> None:
    for number in range(AT_ONCE):
        assert guesses.seconds_to_wait(asked_by(host), "next") == 0
        guesses.note_wrong(asked_by(host), f"guess {number}")


@pytest.mark.parametrize(
    ("host", "same", "other"),
    [
        ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
        ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1", "::ffff:192.0.2.2"),
        (None, "", "192.0.2.1"),
        ("testclient", "testclient", "other"),
    ],
)
def test_addresses_are_slowed_down_one_by_one(host: str | None, same: str, other: str) -> None:
    guesses = Guesses(lambda: 0.0)
    exhaust(guesses, host)
    assert guesses.seconds_to_wait(asked_by(same), "next") == SECONDS_EACH
    assert guesses.seconds_to_wait(asked_by(other), "next") == 0


def test_time_fills_the_bucket_up_to_its_brim() -> None:
    seconds = [0.0]
    guesses = Guesses(lambda: seconds[0])
    exhaust(guesses, "192.0.2.1")
    seconds[0] = SECONDS_EACH - 1
    assert guesses.seconds_to_wait(asked_by("192.0.2.1"), "next") == 1
    seconds[0] = 1_000_000.0
    exhaust(guesses, "192.0.2.1")
    assert guesses.seconds_to_wait(asked_by("192.0.2.1"), "next") > 0


def test_memory_is_bounded_and_the_longest_silent_are_forgotten() -> None:
    guesses = Guesses(lambda: 0.0)
    exhaust(guesses, "192.0.2.1")
    for number in range(MAX_ADDRESSES):
        guesses.note_wrong(asked_by(f"host {number}"), "guess")
    assert len(guesses._buckets) == MAX_ADDRESSES
    assert guesses.seconds_to_wait(asked_by("192.0.2.1"), "next") == 0
