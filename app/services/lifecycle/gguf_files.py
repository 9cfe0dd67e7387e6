"""A version as a GGUF file, made by a child process: this one loads no torch, and is not kept waiting for one core."""

import subprocess
import sys
import threading
import uuid
from pathlib import Path
from typing import BinaryIO

from app.db.models.versions import Version, VersionKind
from app.errors import InvalidError, UnavailableError
from app.model_info.gguf_kinds import GgufKind
from app.settings.config import Settings
from app.translation import _

PROGRAM = "app.lm.files.gguf.export"
PATIENCE_SECONDS = 600
_one_at_a_time = threading.Lock()


def name_of(version: Version) -> str:
    return f"fourfold-{version.kind}-{version.id}"


def check_exportable(version: Version) -> None:
    """Raises InvalidError with the next step."""
    if version.kind is VersionKind.REWARD:
        raise InvalidError(
            _("Version {id} is a reward model, which writes no text. Download it as a zip.", id=version.id)
        )


def written(settings: Settings, folder: Path, kind: GgufKind, name: str) -> BinaryIO:
    """Open to be read, and without a name any more: nothing is left whatever becomes of who reads it. One is written at
    a time: each needs the memory of a whole model. Raises UnavailableError while another one is, and with the reason
    where it fails."""
    if not _one_at_a_time.acquire(blocking=False):
        raise UnavailableError(_("Another version is being written as GGUF. Try again in a minute."))
    file = settings.data_dir / f".export-{uuid.uuid4().hex[:8]}.gguf"
    command = [sys.executable, "-m", PROGRAM, str(folder), str(file), kind, name]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(_("The file took too long to write. Try again when no training runs.")) from error
    finally:
        _one_at_a_time.release()
        file.with_name(f"{file.name}.new").unlink(missing_ok=True)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [_("it ended without a word")]
        raise UnavailableError(_("The version could not be written as GGUF: {reason}", reason=lines[-1][:500]))
    try:
        return file.open("rb")
    finally:
        file.unlink()
