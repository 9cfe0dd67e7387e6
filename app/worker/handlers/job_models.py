"""What all handlers share: hyper-parameters from the job's row, models from their rows, and the new version stored."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from app.db.models.versions import Version, VersionKind
from app.db.session import transaction
from app.layout import CHECKOUT
from app.lm.files.checkpoint import load_model, read_config
from app.lm.model import Llama
from app.lm.tokenizer import Tokenizer
from app.model_info.weights import move_directory, share_files
from app.saving import saving
from app.services.versions import versions
from app.training.reward.trainer import RewardModel, load_reward_model
from app.worker.run import JobRun

Hparams = TypeVar("Hparams")


def hparams_of(kind: type[Hparams], params: dict[str, Any]) -> Hparams:
    """The defaults with the job's overrides (checked when the job was queued)."""
    names = {each.name for each in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in params.items() if name in names})


def directory_of(run: JobRun, version_id: int) -> Path:
    path = run.read(lambda session: versions.usable_version(session, version_id).path)
    return run.settings.version_directory(path)


def load_policy(run: JobRun, version_id: int) -> tuple[Llama, Tokenizer]:
    return load_model(directory_of(run, version_id))


def context_of(run: JobRun, inputs: dict[str, Any]) -> int:
    """Tokens that each of the job's models reads at most: every `…_version_id` among the inputs."""
    used = {number for name, number in inputs.items() if name.endswith("version_id")}
    return min(read_config(directory_of(run, number)).context_tokens for number in used)


def load_reward(run: JobRun, version_id: int) -> RewardModel:
    return load_reward_model(directory_of(run, version_id))


@dataclass(frozen=True)
class NewVersion:
    kind: VersionKind
    parent_id: int
    hparams: dict[str, Any]
    metrics: dict[str, Any]
    seed: int
    ranking_ids: list[int] = field(default_factory=list)
    reward_version_id: int | None = None
    left_out: dict[str, int] = field(default_factory=dict)
    """How many prompts or rankings the models could not read."""


def store_version(
    run: JobRun, new: NewVersion, *, save: Callable[[Path], str], then: Callable[[Session, Version], object]
) -> None:
    """Files first, then in one transaction: the row, the job's end, and what follows (`then`). All or nothing.

    The files are written in the job's own folder and move to their place while the database is locked, so that a
    crash at any moment leaves either no trace or a whole version. Where the database fails they move back, and the
    transaction is tried again.
    """
    run.wait_for_data_folder()
    for rest in run.directory.glob("version-*"):  # of attempts that were killed
        shutil.rmtree(rest, ignore_errors=True)
    fresh = run.directory / f"version-{run.fence}"
    try:
        with saving("new model"):
            content_hash = save(fresh)
            share_files(fresh, other_versions(run))
        with saving("new model's record"):
            run.patiently(lambda: _store(run, new, fresh, content_hash, then))
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def other_versions(run: JobRun) -> list[Path]:
    """Their folders, newest first: those of one lineage have frozen weights in common."""
    paths = run.read(lambda session: versions.stored_paths(session))
    return [run.settings.version_directory(path) for path in paths]


def _store(
    run: JobRun, new: NewVersion, fresh: Path, content_hash: str, then: Callable[[Session, Version], object]
) -> None:
    target: Path | None = None
    try:
        with transaction(run.sessions) as session:
            stored = versions.version_of_job(session, run.job.id)
            if stored is not None:  # committed, but the connection broke before the answer
                if fresh.is_dir():
                    fresh.rename(run.settings.version_directory(stored.path))
                return
            wanted = run.settings.version_directory(versions.next_version_path(session, new.kind))
            target = move_directory(fresh, wanted)
            path = versions.relative_path(target, run.settings.data_dir)
            version = _add(session, run, new, path, content_hash)
            run.finish(session, {"version_id": version.id, "metrics": new.metrics, "left_out": new.left_out})
            then(session, version)
    except BaseException:
        if target is not None and target.is_dir() and not fresh.exists():
            target.rename(fresh)
        raise


def _add(session: Session, run: JobRun, new: NewVersion, path: str, content_hash: str) -> Version:
    return versions.add_version(
        session,
        versions.NewVersion(
            kind=new.kind,
            parent_id=new.parent_id,
            path=path,
            content_hash=content_hash,
            hparams=new.hparams,
            metrics=new.metrics,
            seed=new.seed,
            precision=run.precision,
            code_commit=code_commit(),
            job_id=run.job.id,
            ranking_ids=new.ranking_ids,
            reward_version_id=new.reward_version_id,
        ),
    )


def code_commit() -> str | None:
    """Of a checkout; None where the program is installed, which carries no history: it may lie inside of somebody
    else's."""
    if CHECKOUT is None or not (CHECKOUT / ".git").exists():
        return None
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=CHECKOUT, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None
