"""What can go wrong between the command line and its terminal: characters it cannot show, readers who left."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from app.errors import AppError, InvalidError


def settle_streams() -> None:
    """Characters that standard output and error cannot encode are written as escapes; one that is closed takes all and
    keeps nothing."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115  open as long as we run
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def text_argument(given: str) -> str:
    """An argument as text: UTF-8 where the terminal's own encoding could not read it. Raises InvalidError."""
    if not any("\udc80" <= character <= "\udcff" for character in given):
        return given
    try:
        return given.encode(sys.getfilesystemencoding(), "surrogateescape").decode("utf-8")
    except UnicodeError as error:
        raise InvalidError(
            f"{given!a} holds bytes that are not text. Write it in UTF-8 (and set LC_ALL=C.UTF-8)."
        ) from error


@contextmanager
def writing_ends_quietly() -> Iterator[None]:
    """Whoever closes the pipe (`| head -1`) has read enough; what cannot be written otherwise is a sentence."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _let_go()
        raise SystemExit(1) from None
    except OSError as error:
        if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EIO, errno.EBADF):
            raise
        _let_go()
        raise AppError(f"The output cannot be written: {error.strerror}.") from error


def _let_go() -> None:
    """What is still buffered goes nowhere: the interpreter would try it again at its end, and complain."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
