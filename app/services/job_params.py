"""Checks a job's parameters before it is queued: a wrong name or type is told at once, not minutes later."""

import math
from dataclasses import fields
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db.models.jobs import JobKind
from app.db.models.rankings import Ranking
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.errors import ConflictError, InvalidError, NotFoundError
from app.hparams import EvaluationHparams, PPOHparams, RewardHparams

HPARAMS: dict[JobKind, type] = {
    JobKind.TRAIN_REWARD: RewardHparams,
    JobKind.TRAIN_POLICY: PPOHparams,
    JobKind.EVALUATE: EvaluationHparams,
}
# parameters that are no hyper-parameters: name -> kinds of version it may name
VERSION_PARAMS: dict[JobKind, dict[str, tuple[VersionKind, ...]]] = {
    JobKind.TRAIN_REWARD: {},
    JobKind.TRAIN_POLICY: {"reward_version_id": (VersionKind.REWARD,)},
    JobKind.EVALUATE: {
        "version_id": (VersionKind.SFT, VersionKind.POLICY),
        "reward_version_id": (VersionKind.REWARD,),
    },
}


def check_params(session: Session, kind: JobKind, params: dict[str, Any]) -> dict[str, Any]:
    """The parameters with their types set right; raises AppError with the next step."""
    versions = VERSION_PARAMS[kind]
    known = {field.name: field.type for field in fields(HPARAMS[kind])}
    checked: dict[str, Any] = {}
    for name, value in params.items():
        if name in versions:
            checked[name] = _check_version(session, name, value, versions[name])
        elif name in known:
            checked[name] = _check_number(name, value, known[name])
        else:
            raise InvalidError(f"{kind} has no parameter {name!r}. It has: {', '.join(sorted([*versions, *known]))}.")
    _check_ready(session, kind, checked)
    return checked


def _check_version(session: Session, name: str, value: Any, kinds: tuple[VersionKind, ...]) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidError(f"{name} must be the number of a version, as listed by GET /api/v1/versions.")
    version = session.get(Version, value)
    if version is None:
        raise NotFoundError(f"There is no version {value}. GET /api/v1/versions lists them.")
    if version.kind not in kinds:
        raise InvalidError(
            f"{name} must name a version of kind {' or '.join(kinds)}; {value} is of kind {version.kind}."
        )
    return value


def _check_number(name: str, value: Any, annotation: Any) -> Any:
    """Dataclass annotations are int, float, bool, or `float | None`."""
    wanted = str(getattr(annotation, "__name__", annotation))
    if value is None and "None" in wanted:
        return None
    if wanted == "bool":
        if isinstance(value, bool):
            return value
        raise InvalidError(f"{name} must be true or false.")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidError(f"{name} must be a number.")
    if wanted == "int" and value != int(value):
        raise InvalidError(f"{name} must be a whole number.")
    if value < 0:
        raise InvalidError(f"{name} must not be negative.")
    return int(value) if wanted == "int" else float(value)


def _check_ready(session: Session, kind: JobKind, params: dict[str, Any]) -> None:
    if kind is JobKind.TRAIN_REWARD:
        if not session.scalar(select(func.count()).select_from(Ranking).where(Ranking.withdrawn_at.is_(None))):
            raise ConflictError("There are no rankings to learn from yet. Rank some answers first.")
        return
    if kind is JobKind.EVALUATE and "version_id" not in params:
        raise InvalidError("evaluate needs version_id: the version to compare with the SFT model.")
    active = select(Version.id).where(Version.kind == VersionKind.REWARD, Version.status == VersionStatus.ACTIVE)
    if "reward_version_id" not in params and session.scalar(active) is None:
        raise ConflictError("There is no active reward model yet. Train one from rankings first (job train_reward).")
