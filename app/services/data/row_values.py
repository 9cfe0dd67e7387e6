"""The columns of one row, each read as the type it must have, and those that are not used."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from app.errors import InvalidError
from app.formats.strict_json import parse_json
from app.formats.texts import clean_text
from app.formats.writers import SHOWN_DIGITS, Writer, parse_writer
from app.hparams import SamplingParams
from app.services.labeling.tags import check_tags
from app.translation import _

Kind = TypeVar("Kind", bound=StrEnum)
SHOWN = 60  # characters of a value in a sentence
HASH = rf"[0-9a-f]{{{SHOWN_DIGITS},64}}"
NUMBERS = frozenset({"id", "ranking_id", "group_id", "prompt_id", "version"})  # of the place that the file comes from
MAX_NUMBER = 2**31 - 1
MAX_WRITER_CHARACTERS = 200
SAMPLING = frozenset(each.name for each in fields(SamplingParams))


class Row:
    """What is null is not there."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self._columns = {name: value for name, value in columns.items() if value is not None}
        self._left = set(self._columns) - NUMBERS

    def has(self, name: str) -> bool:
        return name in self._columns

    def get(self, name: str) -> Any:
        """Without taking it."""
        return self._columns.get(name)

    def take(self, name: str) -> Any:
        self._left.discard(name)
        return self._columns.get(name)

    def rename(self, name: str, new: str) -> None:
        """One that means what another usually does."""
        if name in self._columns:
            self._columns[new] = self.take(name)

    def left(self) -> frozenset[str]:
        """The names of columns that nobody took; fit to be shown."""
        return frozenset(clean_text(name)[:SHOWN] or "one without a name" for name in self._left)


def show(given: object) -> str:
    """A value in a sentence: as JSON, cut short."""
    try:
        text = json.dumps(given, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):
        text = type(given).__name__
    return text if len(text) <= SHOWN else text[:SHOWN] + " …"


def a_text(given: object, column: str) -> str | None:
    if given is None or isinstance(given, str):
        return given
    raise InvalidError(_("{column} must be a text; it is {given}.", column=column, given=show(given)))


def a_whole_number(given: object, column: str, *, most: int = MAX_NUMBER) -> int | None:
    """A table's cell may hold it as text."""
    if isinstance(given, str) and given.strip().isascii() and given.strip().isdigit():
        given = int(given.strip()[:20])
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    if given is None or (isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= most):
        return given
    raise InvalidError(
        _(
            "{column} must be a whole number from 0 to {most}; it is {given}.",
            column=column,
            most=f"{most:,}",
            given=show(given),
        )
    )


def a_number(given: object, column: str) -> float:
    """Finite. A table's cell may hold it as text."""
    try:
        number = float(given) if isinstance(given, int | float | str) and not isinstance(given, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InvalidError(_("{column} must be a number; it is {given}.", column=column, given=show(given)))
    return number


def a_time(given: object, column: str) -> datetime | None:
    """ISO 8601; without a zone it is UTC."""
    if given is None:
        return None
    try:
        time = datetime.fromisoformat(given) if isinstance(given, str) else None
        if time is not None:
            return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InvalidError(
        _("{column} must be a time such as 2026-01-31T12:00:00+00:00; it is {given}.", column=column, given=show(given))
    )


def one_of(given: object, column: str, kind: type[Kind]) -> Kind | None:
    if given is None:
        return None
    if given not in list(kind):
        raise InvalidError(
            _("{column} must be one of {kind}; it is {given}.", column=column, kind=", ".join(kind), given=show(given))
        )
    return kind(str(given))


def a_writer(name: object, content_hash: object, column: str) -> Writer | None:
    """Who wrote an answer, by the two columns that say so; None where neither names anybody. `column`: the first's."""
    hash_column = column.removesuffix("written_by") + "content_hash"
    text = clean_text(a_text(name, column) or "")[:MAX_WRITER_CHARACTERS]
    digits = (a_text(content_hash, hash_column) or "").strip().lower()
    if digits and not re.fullmatch(HASH, digits):
        raise InvalidError(
            _(
                "{column} must be the hash of a version's files, {least} to {most} hexadecimal digits; it is {given}.",
                column=hash_column,
                least=SHOWN_DIGITS,
                most=64,
                given=show(content_hash),
            )
        )
    return parse_writer(text) if text and not digits else Writer(text, digits) if text else None


def a_flag(given: object, column: str) -> bool:
    """A table's cell may hold it as text."""
    if isinstance(given, str) and given.strip().lower() in ("true", "false"):
        return given.strip().lower() == "true"
    if given is None or isinstance(given, bool):
        return bool(given)
    raise InvalidError(_("{column} must be true or false; it is {given}.", column=column, given=show(given)))


def a_list_of_tags(row: "Row", name: str) -> tuple[str, ...]:
    """Texts, or one text in which commas stand between them; what is something else is no tag and not taken."""
    given = row.get(name)
    texts = [each for each in given.split(",") if each.strip()] if isinstance(given, str) else given
    if not isinstance(texts, list) or not all(isinstance(each, str) and each.strip() for each in texts):
        return ()
    row.take(name)
    return tuple(check_tags(texts))


def sampling_settings(given: object) -> dict[str, Any]:
    """How answers were sampled, by the names that this program knows. A table's cell may hold them as text."""
    if given is None:
        return {}
    if isinstance(given, str):
        given = _json_in(given)
    if not isinstance(given, dict) or not all(_is_setting(value) for value in given.values()):
        raise InvalidError(
            _("settings must be an object of numbers, texts and lists of texts; it is {given}.", given=show(given))
        )
    return {name: value for name, value in given.items() if name in SAMPLING}


def _json_in(text: str) -> object:
    """What it holds, or the text itself."""
    try:
        return parse_json(text.encode())
    except ValueError:
        return text


def _is_setting(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, str) for item in value)
    small = not isinstance(value, int | float) or abs(value) <= 2**53
    return value is None or (isinstance(value, int | float | str) and small)
