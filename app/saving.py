"""The error of a failed write, which ends a training, with the next step."""

import contextlib
import errno
from collections.abc import Iterator

from app.errors import AppError
from app.translation import _

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
NO_MEMORY = "allocate memory"  # torch's words and the system's
# "requested and": numpy's "9600 requested and 4464 written", without the system's number.
WORDS = ("no space left", "disk is full", "file too large", "quota exceeded", "requested and")


class TrainingError(AppError):
    """Training cannot go on (a loss that is not a number, no data). The last checkpoint stays as it is."""

    status_code = 500
    title = "Training stopped"


def is_disk_full(error: BaseException) -> bool:
    """Libraries wrap the system's error in their own kinds, so the chain and the words are looked at."""
    seen: BaseException | None = error
    while seen is not None:
        words = str(seen).lower()
        if isinstance(seen, OSError) and seen.errno in DISK_FULL:
            return True
        if any(phrase in words for phrase in WORDS):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def is_out_of_memory(error: BaseException) -> bool:
    """numpy and Python say so by a kind, torch by its words alone."""
    return isinstance(error, MemoryError) or NO_MEMORY in str(error)


def in_words(error: Exception) -> str:
    """Of a file that could not be written or read: why, without its path, which is the machine's own."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


@contextlib.contextmanager
def saving(what: str) -> Iterator[None]:
    """Turns a failed write into a sentence with the next step. Files that were there before are untouched."""
    try:
        yield
    except AppError:
        raise
    except Exception as error:  # torch and safetensors raise kinds of their own for a full disk
        raise TrainingError(_said(what, error)) from error


def _said(what: str, error: Exception) -> str:
    full = is_disk_full(error)
    if not full and is_out_of_memory(error):
        return _(
            "The {what} could not be saved: there is not enough memory. Stop other programs, or choose a smaller "
            "model, and start again; what was saved before is untouched.",
            what=what,
        )
    if not full and isinstance(error, OSError):
        return _(
            "The {what} could not be saved: {reason}. See that the files and folders that were named can be read and "
            "written, and start again; what was saved before is untouched.",
            what=what,
            reason=in_words(error),
        )
    return _(
        "The {what} could not be saved: {reason}. Free some disk space and start the job again; what was saved before "
        "is untouched.",
        what=what,
        reason=_("the disk is full") if full else in_words(error),
    )
