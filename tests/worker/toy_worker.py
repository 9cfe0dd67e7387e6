"""A real worker process with other handlers: `python -m tests.worker.toy_worker [tests.worker.toy]`."""

import os
import sys

from app.cli.worker import log_to_stderr, stop_event
from app.settings.config import Settings
from app.worker.dbos_engine import run_worker

if __name__ == "__main__":
    settings = Settings()
    log_to_stderr(settings)
    run_worker(settings, stop_event(), handlers=sys.argv[1] if len(sys.argv) > 1 else "tests.worker.toy")
    os._exit(0)
