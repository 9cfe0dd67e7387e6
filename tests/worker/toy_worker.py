"""A real worker process with the toy job kinds: `python -m tests.worker.toy_worker`."""

import os

from app.cli.worker import log_to_stderr, stop_event
from app.config import Settings
from app.worker.engine import run_worker

if __name__ == "__main__":
    settings = Settings()
    log_to_stderr(settings)
    run_worker(settings, stop_event(), handlers="tests.worker.toy")
    os._exit(0)
