"""What the database's errors mean to a person: one sentence with the next step for each kind.

SQLite's are known by their words, PostgreSQL's by their SQLSTATE (its manual, appendix A).
"""

from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from app.errors import UnavailableError
from app.translation import N_, _


@dataclass(frozen=True)
class Trouble:
    status: int
    title: str
    sentence: str
    passes: bool = False
    """Whether trying again in a moment may help."""


BUSY = N_("The database is busy with another write. Nothing was saved; try again in a moment.")
_FULL = N_("The disk of the data folder is full. Nothing was saved; free some space and send it again.")
_DISK = N_(
    "The disk of the data folder could not be read or written. Nothing was saved; check whether it is full, still "
    "mounted, and healthy."
)
_READ_ONLY = N_(
    "The data folder cannot be written. Give this program the right to write there, or set FOURFOLD_DATA_DIR."
)
_DAMAGED = N_(
    "The database is damaged. Stop Fourfold, move the data folder aside, restore your last backup (fourfold restore "
    "FILE) and start again. docs/deployment.md says how, and what to try without one."
)
_OTHER_SCHEMA = N_(
    "The tables of the database are not those of this program: another version of Fourfold changed them. Start this "
    "program again, so that it can bring them up to date."
)
_AWAY = N_(
    "The database server does not answer. Nothing was saved; try again in a moment, and check whether PostgreSQL runs."
)
_REFUSED = N_(
    "The database server refuses the name, password or database of FOURFOLD_DATABASE_URL. Nothing was "
    "saved; correct it and start Fourfold again."
)
_NO_RIGHT = N_(
    "This program may not write to its database, or the server accepts no writes now. Nothing was saved; give the user "
    "of FOURFOLD_DATABASE_URL the database as its own, and name the primary server."
)
_SERVER_FULL = N_("The database server's disk is full. Nothing was saved; free some space there and send it again.")
_SERVER_DISK = N_(
    "The database server cannot read or write its files, or found them damaged. Nothing was saved; its log says more. "
    "docs/deployment.md says how to restore a backup."
)
_REFUSALS = ("authentication failed", "no password supplied", "does not exist", "no pg_hba.conf entry")
"""Words of a refused connection, which the driver gives without its SQLSTATE."""
_UNAVAILABLE = N_("Not available now")
_BUSY_TROUBLE = Trouble(503, _UNAVAILABLE, BUSY, passes=True)
_KINDS = (
    (("disk is full",), Trouble(507, N_("Disk full"), _FULL)),
    (("malformed", "not a database"), Trouble(503, N_("Database damaged"), _DAMAGED)),
    (("locked", "busy"), _BUSY_TROUBLE),
    (("readonly", "unable to open"), Trouble(503, _UNAVAILABLE, _READ_ONLY)),
    (("disk I/O error",), Trouble(503, _UNAVAILABLE, _DISK)),
    (("no such table", "no such column"), Trouble(503, _UNAVAILABLE, _OTHER_SCHEMA)),
)


_STATES = (
    (("40001", "40P01", "55P03", "57014"), _BUSY_TROUBLE),
    (("28", "3D000"), Trouble(503, _UNAVAILABLE, _REFUSED)),
    (("53100",), Trouble(507, N_("Disk full"), _SERVER_FULL)),
    (("08", "25P03", "53", "57P"), Trouble(503, _UNAVAILABLE, _AWAY, passes=True)),
    (("25006", "3F000", "42501"), Trouble(503, _UNAVAILABLE, _NO_RIGHT)),
    (("42P01", "42703"), Trouble(503, _UNAVAILABLE, _OTHER_SCHEMA)),
    (("58", "XX001", "XX002"), Trouble(503, N_("Database damaged"), _SERVER_DISK)),
)
"""SQLSTATEs, or how they begin."""


class DatabaseBusyError(UnavailableError):
    """Another writer kept its turn too long."""


def trouble_of(error: DBAPIError) -> Trouble | None:
    """None for what is a mistake of this program."""
    if hasattr(error.orig, "sqlstate"):
        return _of_postgres(error, getattr(error.orig, "sqlstate", None))
    reason = _all_reasons(error)
    return next((trouble for words, trouble in _KINDS if any(word in reason for word in words)), None)


def _of_postgres(error: DBAPIError, state: str | None) -> Trouble | None:
    if state is None:  # it was never reached, or the connection broke
        refused = any(words in str(error.orig) for words in _REFUSALS)
        state = "28" if refused else "08" if isinstance(error, OperationalError | InterfaceError) else ""
    return next((trouble for states, trouble in _STATES if state.startswith(states)), None)


def sentence_of(error: DBAPIError) -> str:
    """For a person who has asked for nothing that failed: readyz, cards that are prefetched."""
    trouble = trouble_of(error)
    return f"{error.orig}" if trouble is None else _(trouble.sentence)


def _all_reasons(error: BaseException | None) -> str:
    """With those it came from: a full disk ends SQLite's transaction, then the rollback of a savepoint fails too."""
    reasons = []
    while error is not None:
        reasons.append(str(error.orig) if isinstance(error, DBAPIError) else "")
        error = error.__cause__ if isinstance(error.__cause__, DBAPIError) else error.__context__
    return "; ".join(reasons)
