"""Runs an untrusted part of a model in a process of its own with bounded memory and processor time.

What goes beyond its bounds is an error, and its process is gone; sandboxed.py is its side. Any thread may ask.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.errors import UnavailableError
from app.processes import own_process
from app.translation import _

SANDBOXED = Path(__file__).with_name("sandboxed.py")
PASSED_ON = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "TZ")  # nothing else of the environment is a stranger's business
MAX_REPLY_BYTES = 1 << 22
PATIENCE_SECONDS = 5.0  # behind others' texts: a thread that waits here serves nobody else


class RefusedError(Exception):
    """Why the process did not do what was asked, as part of a sentence."""


class Sandbox:
    """Started when first needed and again after it had to be ended. `what` it runs, for people."""

    def __init__(self, what: str, program: str, begin: Mapping[str, Any]) -> None:
        self._what, self._program, self._begin = what, SANDBOXED.with_name(program), json.dumps(begin)
        self._process: subprocess.Popen[bytes] | None = None
        self._at_end: weakref.finalize[..., Sandbox] | None = None
        self._lock = threading.Lock()

    def ask(self, request: Mapping[str, Any]) -> Any:
        """Raises RefusedError with the reason, and UnavailableError where others' requests take long."""
        if not self._lock.acquire(timeout=PATIENCE_SECONDS):
            raise UnavailableError(
                _("The model's {what} is busy with other texts. Try again in a few seconds.", what=_(self._what))
            )
        try:
            reply = self._asked(json.dumps(request))
        finally:
            self._lock.release()
        if "done" not in reply:
            raise RefusedError(reply["error"])
        return reply["done"]

    def close(self) -> None:
        with self._lock:
            if self._process is not None:
                stop(self._process)

    def _asked(self, line: str) -> dict[str, Any]:
        lines = [line]
        if self._process is None or self._process.poll() is not None:
            self._process = start(self._program)
            if self._at_end is not None:
                self._at_end.detach()  # the former process is gone: hold nothing of it
            self._at_end = weakref.finalize(self, stop, self._process)
            lines = [self._begin, line]
        reply = _exchanged(self._process, lines)
        if not reply.endswith(b"\n"):
            stop(self._process)
            return {"error": "it takes too much time or memory, and was stopped"}
        answer: dict[str, Any] = json.loads(reply)
        return answer


def start(program: Path) -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ} | {"PYTHONUTF8": "1"}
    return subprocess.Popen(
        [sys.executable, "-IB", str(SANDBOXED), str(program), *own_process.library_folders()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        cwd="/",
    )


def _exchanged(process: subprocess.Popen[bytes], lines: Sequence[str]) -> bytes:
    """The reply with its line end; without one where the process ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        for line in lines:
            process.stdin.write(line.encode() + b"\n")
        process.stdin.flush()
        return process.stdout.readline(MAX_REPLY_BYTES)
    except BrokenPipeError:
        return b""


def stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
    process.wait()
