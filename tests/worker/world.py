"""A data folder with a tiny model and ranked groups, and jobs run inline or by real workers."""

import random
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.chat import SampledAnswer
from app.db.models.groups import Completion
from app.db.models.jobs import Job
from app.db.models.prompts import Prompt, PromptSplit
from app.db.models.rankings import Ranking
from app.db.models.versions import Version
from app.db.session import transaction
from app.hparams import SamplingParams
from app.installation import install
from app.services.jobs import job_runs, jobs
from app.services.labeling import groups, labelers
from app.services.labeling.label_settings import Writers
from app.services.versions import versions
from app.worker.child import run_attempt
from app.worker.handlers.generic import handle
from app.worker.run import JobRun
from tests import databases
from tests.live import LEASE_SECONDS
from tests.worker.harness import Harness

VOCABULARY = range(10, 200)


def make_world(data_dir: Path, model_dir: Path, *, ranked: int = 8, **settings: Any) -> Harness:
    """Short answers are preferred; every fourth group has a tie."""
    quiet = {"auto_policy_accuracy": 2.0, "worker_threads": 1, "model_dir": model_dir}
    harness = Harness(data_dir, **(quiet | settings))
    install(harness.settings)
    rng = random.Random(0)
    with transaction(harness.sessions) as session:
        labeler = labelers.get_or_create_labeler(session, "person")
        sft = versions.sft_version(session)
        chosen = select(Prompt).where(Prompt.split == PromptSplit.TRAIN).order_by(Prompt.id).limit(ranked)
        for number, prompt in enumerate(session.scalars(chosen).all()):
            lengths = [3, 6, 9, 12]
            answers = [
                SampledAnswer("word " * length, [*rng.choices(VOCABULARY, k=length), 4], "stop") for length in lengths
            ]
            group = groups.add_group(
                session,
                groups.NewGroup(prompt=prompt, writers=Writers.all_by(sft.id), params=SamplingParams(), seed=0),
                answers,
                shuffle_seed=number,
                lease_seconds=LEASE_SECONDS,
            )
            stored = session.scalars(select(Completion).where(Completion.group_id == group.id)).all()
            ranks = {str(answer.id): 1 + answer.sample_index for answer in stored}
            if number % 4 == 3:
                ranks = {key: max(1, rank - 1) for key, rank in ranks.items()}
            session.add(Ranking(group_id=group.id, labeler_id=labeler.id, ranks=ranks))
    return harness


def twin(harness: Harness, data_dir: Path) -> Harness:
    """The same rows and files in another folder; call while nothing runs on the first."""
    harness.database.dispose()
    databases.copy_data(harness.settings.data_dir, data_dir)
    settings = harness.settings.model_dump() | {"database_url": databases.database_url(data_dir)}
    return Harness(**(settings | {"data_dir": data_dir}))


def queue(harness: Harness, kind: str, **params: Any) -> str:
    with transaction(harness.sessions) as session:
        return jobs.queue_job(session, kind=kind, params=params).id


def run_inline(harness: Harness, job_id: str) -> Job:
    with transaction(harness.sessions) as session:
        fence = job_runs.start_attempt(session, job_id, max_attempts=3)
    assert fence is not None
    run_attempt(JobRun(harness.settings, harness.sessions, harness.job(job_id), fence), handle)
    return harness.job(job_id)


def idle_run(harness: Harness) -> JobRun:
    """A run of no job: as much as reading and loading take."""
    job = Job(id="none", kind="train_reward", params={}, metrics={}, step=0, total_steps=0, attempts=1)
    return JobRun(harness.settings, harness.sessions, job, fence=1)


def versions_of(harness: Harness) -> list[Version]:
    with harness.readers() as session:
        return list(session.scalars(select(Version).order_by(Version.id)))


def version_of_job(harness: Harness, job_id: str) -> Version:
    """Exactly one."""
    with harness.readers() as session:
        return session.scalars(select(Version).where(Version.job_id == job_id)).one()


def check_files(harness: Harness) -> None:
    """Every version has its folder, and nothing else lies about."""
    folder = harness.settings.data_dir / "versions"
    paths = {version.path for version in versions_of(harness)}
    assert {f"versions/{path.name}" for path in folder.iterdir()} == paths
    left = harness.settings.data_dir / "jobs"
    assert not left.exists() or not list(left.iterdir())
