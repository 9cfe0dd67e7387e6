"""The kinds of job and what runs each, in the number format that the job began in. Imports a handler, and with it
torch, only when it is called."""

from pkgutil import resolve_name

from sqlalchemy.orm import Session

from app.kinds.kind import Kind
from app.kinds.registry import KINDS
from app.services.versions import installations
from app.worker.run import Handler, JobRun


def _lazily(kind: Kind) -> Handler:
    def handle(run: JobRun) -> None:
        import torch

        from app.lm import precision

        def chosen(session: Session) -> str:
            return installations.precision(session, run.settings.precision, precision.of_processor)

        torch.set_num_threads(run.settings.worker_threads)
        run.precision = run.pinned(lambda: {"precision": run.commit(chosen)}, "precision")["precision"]
        with precision.using(run.precision):
            resolve_name(kind.runs)(run)

    return handle


HANDLERS: dict[str, Handler] = {kind.name: _lazily(kind) for kind in KINDS.values()}
