"""Declarative base: naming convention, UTC times, texts, string enums. Knows nothing of any table."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import DateTime, Dialect, Enum, MetaData, String, TypeDecorator
from sqlalchemy.orm import DeclarativeBase

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UTCDateTime(TypeDecorator[datetime]):
    """Timezone-aware UTC in Python, naive UTC in SQLite, which has no zones."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone: use datetime.now(UTC)")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Text(TypeDecorator[str]):
    """Any text. PostgreSQL holds no NUL, and SQLite's functions end at one: a model may write it all the same."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        return value if value is None else value.replace("\x00", "\N{REPLACEMENT CHARACTER}")


CLOCK_TOLERANCE = timedelta(seconds=1)
"""How far the clocks of two machines may differ, or one be corrected. A time further ahead is from the future: the
clock was set back since, and the time says nothing."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def string_enum(kind: type[StrEnum]) -> Enum:
    """A text column with a CHECK that holds the enum's values (not its names)."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=True,
        validate_strings=True,
        values_callable=lambda members: [member.value for member in members],
        name=kind.__name__.lower(),
        length=32,
    )


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {datetime: UTCDateTime, str: Text}  # noqa: RUF012
