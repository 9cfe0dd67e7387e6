"""Between a process and its children: the same settings, and no child that outlives its parent.

The parent holds the other end of a child's standard input; that pipe closes however the parent goes, even by `kill -9`.
"""

import os
import sys
import threading
from collections.abc import Callable

from app.settings.config import Settings

FOLLOW_PARENT = "FOURFOLD_FOLLOW_PARENT"


def settings_environment(settings: Settings) -> dict[str, str]:
    """The settings as FOURFOLD_* variables, so that a child process sees exactly the same ones."""
    values = settings.model_dump(mode="json", exclude_none=True)
    return {f"FOURFOLD_{name.upper()}": str(value) for name, value in values.items()}


def follow_parent(on_close: Callable[[], None]) -> None:
    """Calls `on_close` from a thread of its own as soon as standard input ends."""
    descriptor = sys.stdin.fileno()

    def wait() -> None:
        while os.read(descriptor, 1024):
            pass
        on_close()

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()


def follow_supervisor(on_close: Callable[[], None]) -> None:
    """The same for `run`, `serve` and `worker`, only when a program that says so started them: else their standard
    input may be anything."""
    if os.environ.get(FOLLOW_PARENT):
        follow_parent(on_close)
