"""How numbers are written for people, wherever they stand: on pages, in messages of jobs, in errors.

static/js/figures.js writes them alike; tests/web/figures.json holds both to the same words.
"""

import math
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

from babel import Locale
from babel.numbers import format_compact_decimal

from app.translation import _, language, ngettext

NOTHING = "–"
MINUS = "−"
SMALLEST_PLAIN = 1e-4
A_MOMENT_SECONDS = 20
LARGE = 100_000_000


def number(value: float | int | None, digits: int = 2) -> str:
    """To so many decimals; whole numbers stay whole; a true minus sign, and none before a nought."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return _signed(f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}f}")


def significant(value: float | int | None, digits: int = 3) -> str:
    """To so many significant digits, however small; no digit before the point is rounded away."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if value == 0 or isinstance(value, int):
        return _signed(f"{value:,}" if isinstance(value, int) else "0")
    if abs(value) < SMALLEST_PLAIN:
        return exponential(value, digits)
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    rounded = Decimal(value).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)  # as JavaScript's toFixed
    text = f"{rounded:,f}"
    return _signed(text.rstrip("0").rstrip(".") if "." in text else text)


def figure(value: float | int) -> str:
    return significant(value, 4)


def fact(value: Any) -> str:
    """Whatever a version's record holds: a number, a text, yes or no, or several by name or as points of a curve."""
    if value is None:
        return _("none")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int | float):
        return figure(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {fact(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        pairs = all(isinstance(each, list | tuple) and len(each) == 2 for each in value)
        return ", ".join(f"{fact(each[0])}: {fact(each[1])}" if pairs else fact(each) for each in value)
    return str(value)


def exponential(value: float, digits: int = 2) -> str:
    """As papers write learning rates: "2.2e−5"."""
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return _signed(f"{mantissa}e{int(exponent)}")


def percent(share: float | None) -> str:
    return NOTHING if share is None or not math.isfinite(share) else _signed(f"{100 * share:.0f}%")


def progress(share: float) -> str:
    """Of what has not ended: never 100%."""
    return f"{min(99, math.floor(100 * share))}%"


def millions(count: int) -> str:
    """As the language counts what is large: "7 million", and in tens of thousands in Chinese. From a hundred million on
    one digit is not enough: 128 million would be 1亿 in Chinese, a quarter less."""
    locale = Locale(language())
    form: Literal["long", "short"] = "long" if "long" in locale.compact_decimal_formats else "short"
    whole = format_compact_decimal(count, format_type=form, locale=locale)
    if count < LARGE or whole[1].isdigit():
        return whole
    return format_compact_decimal(count, format_type=form, locale=locale, fraction_digits=2)


def megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


def gibibytes(count: int) -> str:
    return f"{count / (1 << 30):,.1f} GiB"


def duration(seconds: float | None) -> str:
    """ "40 s", "3 min", "1 h 5 min"."""
    if seconds is None:
        return NOTHING
    if round(seconds) < 60:
        return _("{n} s", n=max(1, round(seconds)))
    hours, minutes = divmod(round(seconds / 60), 60)
    if not hours:
        return _("{n} min", n=minutes)
    return _("{hours} h {minutes} min", hours=hours, minutes=minutes) if minutes else _("{hours} h", hours=hours)


def time_left(seconds: float) -> str:
    """In words no finer than an estimate is: "a moment left", "about 3 minutes left", "about 1 h 20 min left"."""
    if seconds < A_MOMENT_SECONDS:
        return _("a moment left")
    minutes = round(seconds / 60)
    if minutes < 2:
        return _("about a minute left")
    if minutes > 10:
        minutes = 5 * round(minutes / 5) if minutes < 60 else 10 * round(minutes / 10)
    if minutes < 60:
        return ngettext("about {n} minute left", "about {n} minutes left", minutes)
    return _("about {duration} left", duration=duration(60 * minutes))


def _signed(text: str) -> str:
    if text.startswith("-") and not text.strip("-0.,%"):
        text = text[1:]
    return text.replace("-", MINUS)
