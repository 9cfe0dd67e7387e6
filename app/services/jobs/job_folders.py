"""Folders of jobs: what an attempt leaves for the next one, and which are kept after the job has ended.

A failed job that left a checkpoint keeps its folder, so that it can go on from there; of those only the newest
(`kept_checkpoints`), so that the disk does not fill. Every other ended job's folder is removed. A folder that no row
names is left alone: it may belong to another database.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models.jobs import LIVE, Job, JobStatus
from app.settings.config import Settings

CHECKPOINT = "checkpoint.pt"


def checkpoint_path(settings: Settings, job_id: str) -> Path:
    return settings.job_directory(job_id) / CHECKPOINT


def has_checkpoint(settings: Settings, job_id: str) -> bool:
    return checkpoint_path(settings, job_id).is_file()


def checkpoint_mark(settings: Settings, job_id: str) -> str | None:
    """Differs between two checkpoints of a job; None without one. Compared for equality only, never as a time."""
    try:
        file = checkpoint_path(settings, job_id).stat()
    except FileNotFoundError:
        return None
    return f"{file.st_ino}-{file.st_mtime_ns}-{file.st_size}"


def clear(session: Session, settings: Settings) -> None:
    """Removes what is of no use any more; reads the jobs only."""
    parent = settings.job_directory("")
    names = [path.name for path in parent.iterdir()] if parent.is_dir() else []
    for job_id in _useless(session, settings, names):
        shutil.rmtree(settings.job_directory(job_id), ignore_errors=True)


def _useless(session: Session, settings: Settings, names: Sequence[str]) -> list[str]:
    ended = select(Job.id, Job.status).where(Job.id.in_(names), Job.status.not_in(LIVE)).order_by(Job.number.desc())
    jobs = session.execute(ended).all()
    failed = [row.id for row in jobs if row.status is JobStatus.FAILED and has_checkpoint(settings, row.id)]
    kept = set(failed[: settings.kept_checkpoints])
    return [row.id for row in jobs if row.id not in kept]
