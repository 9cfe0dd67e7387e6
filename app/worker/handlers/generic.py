"""The handler of every kind of job: pin the inputs, load the models, drain the trainer, store what came of it, and call
the rule that follows. A kind contributes its inputs, its trainer and its outcome (handler.py)."""

from importlib import import_module
from pkgutil import resolve_name

import torch
from sqlalchemy.orm import Session

from app.kinds.kind import Kind
from app.kinds.registry import kind_named
from app.lm import precision
from app.services.jobs import job_runs
from app.services.jobs.job_params import hparams_of
from app.services.versions import installations
from app.worker.handlers.handler import Follows, Handler, Inputs, Training, Work
from app.worker.handlers.models import Models
from app.worker.run import JobRun


def handle(run: JobRun) -> None:
    """Runs the job to its end, in the number format that it began in."""
    kind = kind_named(run.job.kind)
    torch.set_num_threads(run.settings.worker_threads)
    run.precision = _precision(run)
    handler: Handler = import_module(kind.handler)
    with precision.using(run.precision):
        hparams = hparams_of(kind, run.params)
        inputs = run.pinned(lambda: _choose(run, kind, handler, hparams))
        training: Training[object] = handler.begin(Work(run, hparams, inputs, Models(run)))
        run.in_words = training.in_words
        training.outcome(run.drain(training.trainer)).store(run, _rule_of(kind))


def _precision(run: JobRun) -> str:
    def of_installation(session: Session) -> str:
        return installations.precision(session, run.settings.precision, precision.of_processor)

    pinned = run.pinned(lambda: {"precision": run.commit(of_installation)}, "precision")
    return str(pinned["precision"])


def _choose(run: JobRun, kind: Kind, handler: Handler, hparams: object) -> Inputs:
    inputs = run.read(lambda session: handler.choose(session, hparams, run.params))
    if kind.reads_rankings:
        ranking_ids = inputs["ranking_ids"]
        run.commit(lambda session: job_runs.note_rankings(session, run.job.id, run.fence, ranking_ids))
    return inputs


def _rule_of(kind: Kind) -> Follows:
    rule: Follows = resolve_name(kind.follows) if kind.follows else lambda _session, _version, _settings: None
    return rule
