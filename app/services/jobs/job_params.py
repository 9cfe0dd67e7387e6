"""Checks a job's parameters before it is queued: a wrong name or type is told at once, not minutes later."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db.models.jobs import JobKind
from app.db.models.rankings import Ranking
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.errors import ConflictError, InvalidError
from app.formats.ids import MAX_ID
from app.hparam_fields import hparam_fields
from app.hparams import EvaluationHparams, PPOHparams, RewardHparams
from app.services.versions.versions import usable_version

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
# and those that are one of a few words
CHOICES: dict[JobKind, dict[str, tuple[str, ...]]] = {
    JobKind.TRAIN_REWARD: {},
    JobKind.TRAIN_POLICY: {"from": ("sft", "active")},  # the weights PPO starts from; the reference is always the SFT
    JobKind.EVALUATE: {},
}


def check_params(session: Session, kind: JobKind, params: dict[str, Any]) -> dict[str, Any]:
    """The parameters with their types set right; raises AppError with the next step."""
    versions, choices = VERSION_PARAMS[kind], CHOICES[kind]
    known = hparam_fields(HPARAMS[kind])
    checked: dict[str, Any] = {}
    for name, value in params.items():
        if name in versions:
            checked[name] = _check_version(session, name, value, versions[name])
        elif name in choices:
            checked[name] = _check_choice(name, value, choices[name])
        elif name in known:
            checked[name] = known[name].checked(value)
        else:
            names = ", ".join(sorted([*versions, *choices, *known]))
            raise InvalidError(f"{kind} has no parameter {name[:80]!r}. It has: {names}.")
    _check_together(kind, checked)
    _check_ready(session, kind, checked)
    return checked


def _check_version(session: Session, name: str, value: Any, kinds: tuple[VersionKind, ...]) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_ID:
        raise InvalidError(
            f"{name} must be the number of a version, as listed by GET /api/v1/versions.",
            page="Choose one of the versions that the Train page lists.",
        )
    version = usable_version(session, value)
    if version.kind not in kinds:
        raise InvalidError(
            f"{name} must name a version of kind {' or '.join(kinds)}; {value} is of kind {version.kind}.",
            page=f"Version {value} cannot be used for this. Choose one of those that the Train page offers.",
        )
    return value


def _check_choice(name: str, value: Any, words: tuple[str, ...]) -> str:
    if value not in words:
        raise InvalidError(f"{name} must be {' or '.join(words)}.")
    return str(value)


def _check_together(kind: JobKind, params: dict[str, Any]) -> None:
    if kind is not JobKind.TRAIN_POLICY:
        return
    whole = PPOHparams(**{name: value for name, value in params.items() if name in PPOHparams.__dataclass_fields__})
    if whole.batch_size % whole.samples_per_prompt:
        raise InvalidError(
            f"batch_size must be a multiple of samples_per_prompt: {whole.batch_size} is none of "
            f"{whole.samples_per_prompt}."
        )


def _check_ready(session: Session, kind: JobKind, params: dict[str, Any]) -> None:
    if kind is JobKind.TRAIN_REWARD:
        if not session.scalar(select(func.count()).select_from(Ranking).where(Ranking.in_force())):
            raise ConflictError("There are no rankings to learn from yet. Rank some answers first.")
        return
    if kind is JobKind.EVALUATE and "version_id" not in params:
        raise InvalidError(
            "evaluate needs version_id: the version to compare with the SFT model.",
            page="Choose the version to compare with the SFT model.",
        )
    active = select(Version.id).where(Version.kind == VersionKind.REWARD, Version.status == VersionStatus.ACTIVE)
    if "reward_version_id" not in params and session.scalar(active) is None:
        raise ConflictError(
            "There is no active reward model yet. Train one from rankings first (job train_reward).",
            page="There is no active reward model yet. Train one from rankings first.",
        )
