"""The real job kinds, the first attempts held at a step: a test kills them there on any machine, however fast."""

import time

from app.training.context import Progress
from app.worker.handlers import generic
from app.worker.run import REPORT_SECONDS, JobRun

HELD_AT = {"train_reward": (3,), "train_policy": (3, 5), "evaluate": (1,)}
"""Steps of the first attempts; PPO's second one begins where the last checkpoint was."""


def handle(run: JobRun) -> None:
    report = run.report

    def report_and_wait(progress: Progress) -> None:
        report(progress)
        steps = HELD_AT[run.job.kind]
        while run.job.attempts <= len(steps) and progress.step >= steps[run.job.attempts - 1]:
            time.sleep(REPORT_SECONDS)
            run.beat()

    run.report = report_and_wait  # type: ignore[method-assign]
    generic.handle(run)
