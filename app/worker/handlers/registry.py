"""The kinds of job and what runs each, in the number format that the job began in. Imports a handler, and with it
torch, only when it is called."""

from collections.abc import Callable

from sqlalchemy.orm import Session

from app.db.models.jobs import JobKind
from app.services.versions import installations
from app.worker.run import Handler, JobRun


def _lazily(load: Callable[[], Handler]) -> Handler:
    def handle(run: JobRun) -> None:
        import torch

        from app.lm import precision

        def chosen(session: Session) -> str:
            return installations.precision(session, run.settings.precision, precision.of_processor)

        torch.set_num_threads(run.settings.worker_threads)
        run.precision = run.pinned(lambda: {"precision": run.commit(chosen)}, "precision")["precision"]
        with precision.using(run.precision):
            load()(run)

    return handle


def _train_reward() -> Handler:
    from app.worker.handlers.train_reward import train_reward

    return train_reward


def _train_policy() -> Handler:
    from app.worker.handlers.train_policy import train_policy

    return train_policy


def _evaluate() -> Handler:
    from app.worker.handlers.evaluate import evaluate

    return evaluate


HANDLERS: dict[JobKind, Handler] = {
    JobKind.TRAIN_REWARD: _lazily(_train_reward),
    JobKind.TRAIN_POLICY: _lazily(_train_policy),
    JobKind.EVALUATE: _lazily(_evaluate),
}
