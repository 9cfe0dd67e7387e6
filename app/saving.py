"""The error of a failed write, which ends a training, with the next step."""

import contextlib
import errno
from collections.abc import Iterator

from app.errors import AppError
from app.translation import _

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
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
        reason = _("the disk is full") if is_disk_full(error) else in_words(error)
        raise TrainingError(
            _(
                "The {what} could not be saved: {reason}. Free some disk space and start the job again; what was saved "
                "before is untouched.",
                what=what,
                reason=reason,
            )
        ) from error
