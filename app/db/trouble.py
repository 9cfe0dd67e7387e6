"""What SQLite's errors mean to a person: one sentence with the next step for each kind."""

from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError


@dataclass(frozen=True)
class Trouble:
    status: int
    title: str
    sentence: str
    passes: bool = False
    """Whether trying again in a moment may help."""


_BUSY = "The database is busy with another write. Nothing was saved; try again in a moment."
_FULL = "The disk of the data folder is full. Nothing was saved; free some space and send it again."
_DISK = (
    "The disk of the data folder could not be read or written. Nothing was saved; look whether it is full, still "
    "mounted, and healthy."
)
_READ_ONLY = "The data folder cannot be written. Give this program the right to write there, or set FOURFOLD_DATA_DIR."
_DAMAGED = (
    "The database is damaged. Stop Fourfold, move fourfold.db, fourfold.db-wal and fourfold.db-shm aside, put your "
    "last backup in their place as fourfold.db and start again. docs/deployment.md says how (Restoring a backup), and "
    "what to try without one."
)
_OTHER_SCHEMA = (
    "The tables of the database are not those of this program: another version of Fourfold changed them. Start this "
    "program again, so that it can bring them up to date."
)
_KINDS = (
    (("disk is full",), Trouble(507, "Disk full", _FULL)),
    (("malformed", "not a database"), Trouble(503, "Database damaged", _DAMAGED)),
    (("locked", "busy"), Trouble(503, "Not available now", _BUSY, passes=True)),
    (("readonly", "unable to open"), Trouble(503, "Not available now", _READ_ONLY)),
    (("disk I/O error",), Trouble(503, "Not available now", _DISK)),
    (("no such table", "no such column"), Trouble(503, "Not available now", _OTHER_SCHEMA)),
)


def trouble_of(error: DBAPIError) -> Trouble | None:
    """None for what is a mistake of this program."""
    reason = _all_reasons(error)
    return next((trouble for words, trouble in _KINDS if any(word in reason for word in words)), None)


def sentence_of(error: DBAPIError) -> str:
    """For a person who has asked for nothing that failed: readyz, the stock of cards."""
    trouble = trouble_of(error)
    return f"{error.orig}" if trouble is None else trouble.sentence


def _all_reasons(error: BaseException | None) -> str:
    """With those it came from: a full disk ends SQLite's transaction, then the rollback of a savepoint fails too."""
    reasons = []
    while error is not None:
        reasons.append(str(error.orig) if isinstance(error, DBAPIError) else "")
        error = error.__cause__ if isinstance(error.__cause__, DBAPIError) else error.__context__
    return "; ".join(reasons)
