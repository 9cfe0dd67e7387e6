"""The real job kinds, each step drawn out, so that a test can kill in the middle of one on any machine."""

import time

from app.training.context import Progress
from app.worker.handlers import registry
from app.worker.run import Handler, JobRun

STEP_SECONDS = 0.3


def _slowed(handler: Handler) -> Handler:
    def handle(run: JobRun) -> None:
        report = run.report

        def slow(progress: Progress) -> None:
            report(progress)
            time.sleep(STEP_SECONDS)

        run.report = slow  # type: ignore[method-assign]
        handler(run)

    return handle


HANDLERS = {kind: _slowed(handler) for kind, handler in registry.HANDLERS.items()}
