"""How numbers are written, to the letter."""

import json
import math

import pytest

from app.formats import figures
from app.translation import speaking
from tests.repository import REPOSITORY

SHARED = json.loads((REPOSITORY / "tests/web/figures.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("value", "digits", "text"), SHARED["significant"])
def test_significant_digits(value: float | None, digits: int, text: str) -> None:
    assert figures.significant(value, digits) == text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (-0.12, 2, "−0.12"),
        (-0.001, 2, "0.00"),
        (-0.4, 0, "0"),
        (1234, 2, "1,234"),
        (-1234, 2, "−1,234"),
        (1234.5, 1, "1,234.5"),
        (None, 2, "–"),
        (math.nan, 2, "–"),
        (math.inf, 2, "–"),
    ],
)
def test_numbers(value: float | None, digits: int, text: str) -> None:
    assert figures.number(value, digits) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0.804, "80%"), (1.0, "100%"), (-0.03, "−3%"), (-0.001, "0%"), (None, "–")]
)
def test_shares(share: float | None, text: str) -> None:
    assert figures.percent(share) == text


@pytest.mark.parametrize(("share", "text"), [(0.0, "0%"), (0.999, "99%"), (1.0, "99%"), (0.5, "50%")])
def test_what_has_not_ended_is_never_wholly_done(share: float, text: str) -> None:
    assert figures.progress(share) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0.2, "1 s"), (59.4, "59 s"), (59.7, "1 min"), (150, "2 min"), (3_599, "1 h"), (3_900, "1 h 5 min")],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert figures.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "a moment left"),
        (19.9, "a moment left"),
        (20, "about a minute left"),
        (80, "about a minute left"),
        (100, "about 2 minutes left"),
        (185, "about 3 minutes left"),
        (13.4 * 60, "about 15 minutes left"),
        (57 * 60, "about 55 minutes left"),
        (58 * 60, "about 1 h left"),
        (84 * 60, "about 1 h 20 min left"),
    ],
)
def test_time_left(seconds: float, text: str) -> None:
    assert figures.time_left(seconds) == text


def test_large_numbers_and_durations_are_written_as_each_language_does() -> None:
    assert figures.millions(7_000_000) == "7 million"
    with speaking("zh"):
        assert figures.millions(7_000_000) == "700万"
        assert figures.millions(128_478_720) == "1.28亿"
        assert figures.millions(1_234_000_000) == "12亿"
        assert (figures.duration(3_900), figures.duration(40)) == ("1 小时 5 分钟", "40 秒")
        assert (figures.time_left(420), figures.time_left(0)) == ("大约还剩 7 分钟", "马上就好")


@pytest.mark.parametrize(("rate", "text"), [(2.2e-5, "2.2e−5"), (1e-6, "1e−6"), (3e-4, "3e−4")])
def test_learning_rates(rate: float, text: str) -> None:
    assert figures.exponential(rate) == text


def test_sizes() -> None:
    assert (figures.gibibytes(3 << 30), figures.millions(134_515_008)) == ("3.0 GiB", "135 million")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (True, "yes"),
        (0.25, "0.25"),
        (4096, "4,096"),
        ("davidson", "davidson"),
        ({"length": 0.0289951849, "end": 0.8817373697}, "length 0.029, end 0.8817"),
        ([[12, 0.6111111044], [48, 0.6333333254]], "12: 0.6111, 48: 0.6333"),
        (["en", "zh"], "en, zh"),
        ([], ""),
    ],
)
def test_whatever_a_record_holds_is_written_for_people(value: object, text: str) -> None:
    assert figures.fact(value) == text
