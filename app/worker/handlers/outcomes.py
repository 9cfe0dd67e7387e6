"""What comes of a job, stored whole or not at all: a new version with its files, or figures of one that is there."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.db.models.versions import Version, VersionKind
from app.db.session import transaction
from app.layout import CHECKOUT
from app.lm.files.adapter_files import write_adapter
from app.lm.files.checkpoint import save_model
from app.lm.text.tokenizer import Tokenizer
from app.model_info.weights import free_place, move_directory, share_files, sync
from app.preferences import Influence
from app.saving import saving
from app.services.versions import versions
from app.training.policy.episodes import PolicyResult
from app.translation import N_
from app.worker.handlers.handler import Follows
from app.worker.run import JobRun

MOVED = "moved-to"
"""In a job's folder: under which name an attempt's files go among the versions."""


@dataclass(frozen=True)
class Figures:
    """What was measured of a version. `record` stores it and says of which; `result` is told with the job."""

    record: Callable[[Session], Version]
    result: dict[str, Any]

    def store(self, run: JobRun, follows: Follows) -> None:
        def transact(session: Session) -> None:
            version = self.record(session)
            run.finish(session, {"version_id": version.id} | self.result)
            follows(session, version, run.settings)

        run.commit(transact)


@dataclass(frozen=True)
class TrainedVersion:
    """`save` writes its files into a folder that is not there yet, and answers with their content hash."""

    kind: VersionKind
    parent_id: int | None
    hparams: Any
    """The dataclass that it was trained with, seed included where anything was drawn."""
    metrics: dict[str, Any]
    save: Callable[[Path], str]
    ranking_ids: list[int] = field(default_factory=list)
    influences: dict[int, Influence] = field(default_factory=dict)
    """By the rankings' ids, of those of which it is known; so, too, the next."""
    surprises: dict[int, float] = field(default_factory=dict)
    reward_version_id: int | None = None
    left_out: dict[str, int] = field(default_factory=dict)
    """How many prompts or rankings the models could not read."""

    def store(self, run: JobRun, follows: Follows) -> None:
        """Files first, then in one transaction: the row, the job's end, and what follows. All or nothing.

        The files are written in the job's own folder and move to their place while the database is locked. An attempt
        that is killed between that and its commit has noted where they went, and the next one takes them away. Where
        the database fails they move back, and the transaction is tried again.
        """
        run.wait_for_data_folder()
        for rest in run.directory.glob("version-*"):  # of attempts that were killed
            shutil.rmtree(rest, ignore_errors=True)
        fresh = run.directory / f"version-{run.fence}"
        try:
            with saving(N_("new model")):
                content_hash = self.save(fresh)
                share_files(fresh, _other_versions(run))
            with saving(N_("new model's record")):
                run.patiently(lambda: _store(run, self, fresh, content_hash, follows))
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


def save_policy(directory: Path, result: PolicyResult, tokenizer: Tokenizer) -> str:
    """The model without loss, with the adapter beside it where one was learned; returns the content hash."""
    adapter = result.adapter
    beside = None if adapter is None else lambda folder: write_adapter(folder, adapter)
    return save_model(directory, result.model, tokenizer, dtype=None, beside=beside)


def _other_versions(run: JobRun) -> list[Path]:
    """Their folders, newest first: those of one lineage have frozen weights in common."""
    paths = run.read(lambda session: [version.path for version in versions.with_files(session)])
    return [run.settings.version_directory(path) for path in paths]


def _store(run: JobRun, new: TrainedVersion, fresh: Path, content_hash: str, follows: Follows) -> None:
    target: Path | None = None
    try:
        with transaction(run.sessions) as session:
            stored = versions.version_of_job(session, run.job.id)
            if stored is not None:  # committed, but the connection broke before the answer
                if fresh.is_dir():
                    fresh.rename(run.settings.version_directory(stored.path))
                return
            _take_away_what_was_moved(run, session)
            target = free_place(run.settings.version_directory(versions.next_version_path(session, new.kind)))
            note = run.directory / MOVED
            note.write_text(target.name, encoding="utf-8")
            sync(note)
            target = move_directory(fresh, target)
            path = versions.relative_path(target, run.settings.data_dir)
            version = _add(session, run, new, path, content_hash)
            run.finish(session, {"version_id": version.id, "metrics": new.metrics, "left_out": new.left_out})
            follows(session, version, run.settings)
    except BaseException:
        if target is not None and target.is_dir() and not fresh.exists():
            target.rename(fresh)
        raise


def _take_away_what_was_moved(run: JobRun, session: Session) -> None:
    """By an attempt of this job that was killed before the database had its version."""
    note = run.directory / MOVED
    if not note.is_file():
        return
    left = run.settings.version_directory(f"versions/{note.read_text(encoding='utf-8')}")
    path = versions.relative_path(left, run.settings.data_dir)
    if left.parent.name == "versions" and not versions.has_path(session, path):
        shutil.rmtree(left, ignore_errors=True)


def _add(session: Session, run: JobRun, new: TrainedVersion, path: str, content_hash: str) -> Version:
    return versions.add_version(
        session,
        versions.NewVersion(
            kind=new.kind,
            parent_id=new.parent_id,
            path=path,
            content_hash=content_hash,
            hparams=asdict(new.hparams),
            metrics=new.metrics,
            seed=getattr(new.hparams, "seed", None),
            precision=run.precision,
            code_commit=code_commit(),
            job_id=run.job.id,
            ranking_ids=new.ranking_ids,
            influences=new.influences,
            surprises=new.surprises,
            reward_version_id=new.reward_version_id,
        ),
    )


def code_commit() -> str | None:
    """Of a checkout; None where the program is installed, which carries no history: it may lie inside of somebody
    else's."""
    if CHECKOUT is None or not (CHECKOUT / ".git").exists():
        return None
    try:
        head = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=CHECKOUT, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return head.stdout.strip() or None
