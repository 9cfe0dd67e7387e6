"""A real worker process with another handler: `python -m tests.worker.toy_worker [MODULE:FUNCTION]`."""

import os
import sys

from app.cli.worker import log_to_stderr, stop_event
from app.settings.config import Settings
from app.worker.dbos_engine import run_worker

if __name__ == "__main__":
    settings = Settings()
    log_to_stderr(settings)
    run_worker(settings, stop_event(), handle=sys.argv[1] if len(sys.argv) > 1 else "tests.worker.toy:count")
    os._exit(0)
