"""`python -m app.services.data.parquet_child <FILE >LINES`: the rows of a Parquet file, a JSON object a line.

Started by parquet_rows.py for files of strangers: the process limits itself before it reads. Ends with 3 and, as JSON
on the last line of standard error, a word of parquet_rows.TROUBLE with its values where it can say what is wrong.
"""

import errno
import json
import os
import sys
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

MEMORY_BYTES = 512 << 20  # beyond what the libraries take
OUTPUT_BYTES = 256 << 20
CPU_SECONDS = 120
ROWS_AT_ONCE = 64
REFUSED = 3
NO_ROOM = {errno.EFBIG: "size", errno.ENOSPC: "disk", errno.EDQUOT: "disk"}


def limit_resources() -> None:
    import resource

    taken = Path("/proc/self/statm")  # Linux; elsewhere the address space has no limit that holds
    pages = int(taken.read_text().split()[0]) if taken.exists() else 0
    memory = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY_BYTES
    limits = [(resource.RLIMIT_CPU, CPU_SECONDS), (resource.RLIMIT_FSIZE, OUTPUT_BYTES), (resource.RLIMIT_CORE, 0)]
    for what, most in [*limits, (resource.RLIMIT_AS, memory)] if pages else limits:
        resource.setrlimit(what, (most, most))


def plain(value: Any) -> Any:
    """What JSON has no form for."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(type(value).__name__)


class UnusedTypeError(TypeError):
    """The type's name, and the column's."""


def line_of(row: dict[str, Any]) -> str:
    try:
        return json.dumps(row, default=plain)
    except TypeError as error:
        column = next(name for name, value in row.items() if not is_plain(value))
        raise UnusedTypeError(str(error), repr(column[:60])) from error


def is_plain(value: Any) -> bool:
    try:
        json.dumps(value, default=plain)
    except TypeError:
        return False
    return True


def main() -> None:
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    import pyarrow
    from pyarrow import parquet

    pyarrow.set_cpu_count(1)
    pyarrow.set_io_thread_count(1)
    limit_resources()
    try:
        file = parquet.ParquetFile(sys.stdin.buffer, pre_buffer=False)
        for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, use_threads=False):
            for row in batch.to_pylist():
                sys.stdout.write(line_of(row) + "\n")
        sys.stdout.flush()
    except UnusedTypeError as error:
        refuse("type", type=error.args[0], column=error.args[1])
    except (MemoryError, pyarrow.ArrowMemoryError):
        refuse("memory")
    except OSError as error:  # pyarrow's own, of files that it cannot read, have no number
        refuse("unreadable" if error.errno is None else NO_ROOM.get(error.errno, "system"))
    except (pyarrow.ArrowException, ValueError):
        refuse("unreadable")


def refuse(why: str, **values: str) -> None:
    print(json.dumps([why, values]), file=sys.stderr)
    sys.stderr.flush()
    os._exit(REFUSED)  # what is still to be written may fail again


if __name__ == "__main__":
    main()
