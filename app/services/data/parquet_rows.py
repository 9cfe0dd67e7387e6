"""Untrusted Parquet files, read in a process of its own with bounded memory, time and output (parquet_child.py).

A file of some kB may unpack to any size, and one that lies about its sizes may break the reader: either ends that
process, and is an InvalidError here; a disk that is full is an UnavailableError.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from app.errors import InvalidError, UnavailableError
from app.processes import own_process
from app.translation import N_, _

SECONDS = 300.0
REFUSED = 3  # how the child ends where it says why
TROUBLE = {
    "type": N_(
        "The Parquet file holds values of type {type} in the column {column}, which are not used here. Leave it out."
    ),
    "memory": N_("The Parquet file takes too much memory to read. Send it in parts, or as JSON Lines."),
    "size": N_("The Parquet file unpacks to more than this server allows. Send it in parts."),
    "unreadable": N_(
        "The Parquet file cannot be read: it is damaged, cut off, or no Parquet file. Write it "
        "again, or send JSON Lines."
    ),
}
"""What is wrong with the file."""
OUR_TROUBLE = {
    "disk": N_(
        "The server's disk is full: the Parquet file could not be unpacked. Make room there, then send it again."
    ),
    "system": N_("The server could not read or write while it unpacked the Parquet file. Send it again later."),
}
"""What is wrong with the server."""


@contextmanager
def json_lines_of_parquet(file: IO[bytes], folder: Path | None) -> Iterator[IO[bytes]]:
    """An object a line for each row, in a file without a name."""
    with tempfile.TemporaryFile(dir=folder) as lines:
        file.seek(0)
        try:
            done = subprocess.run(
                own_process.command("app.services.data.parquet_child"),
                env=own_process.environment(),
                stdin=file,
                stdout=lines,
                stderr=subprocess.PIPE,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise InvalidError(_("The Parquet file takes too much time to read. Send it in parts.")) from error
        if done.returncode == REFUSED:
            why, values = json.loads(done.stderr.splitlines()[-1])
            if why in OUR_TROUBLE:
                raise UnavailableError(_(OUR_TROUBLE[why]))
            raise InvalidError(_(TROUBLE[why], **values))
        if done.returncode:
            raise InvalidError(
                _(
                    "The Parquet file cannot be read: it unpacks to more than this server allows, or it is "
                    "damaged. Send it in parts, or as JSON Lines."
                )
            )
        yield lines
