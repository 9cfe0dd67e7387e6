"""Checks a job's parameters before it is queued: a wrong name or type is told at once, not minutes later."""

from dataclasses import fields
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db.models.jobs import JobKind
from app.db.models.rankings import Ranking
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.errors import ConflictError, InvalidError
from app.hparams import EvaluationHparams, PPOHparams, RewardHparams
from app.ids import MAX_ID
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
MAX_NUMBER = 2**31 - 1
# least and largest sensible number
LIMITS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("total_episodes", "batch_size", "cross_validate_up_to", "num_prompts"), (1, 100_000)),
    **dict.fromkeys(("samples_per_prompt", "num_ppo_epochs", "num_mini_batches", "ridge_steps", "num_layers"), (1, 64)),
    **dict.fromkeys(("learning_rate", "value_learning_rate", "adam_eps"), (1e-10, 1)),
    **dict.fromkeys(("held_out_fraction", "gamma", "lam", "cliprange", "cliprange_value", "weight_decay"), (0, 1)),
    **dict.fromkeys(("ridge_strongest", "ridge_weakest", "ridge_without_held_out"), (1e-3, 1e6)),
    "held_out_fraction": (0.01, 0.9),
    "temperature": (0.05, 2),
    "max_tokens": (1, 256),
    "max_grad_norm": (1e-6, 1_000),
    **dict.fromkeys(("kl_coef", "vf_coef", "missing_eos_penalty"), (0, 100)),
    **dict.fromkeys(("warmup_batches", "num_frozen_layers", "shown_prompts"), (0, 1_000)),
    "score_clip": (1e-3, 1_000),
    "kl_target": (1e-3, 1_000),
    "target_kl": (1e-3, 1_000),
    "kl_horizon": (1, 100_000_000),
    "checkpoint_every_batches": (1, 100_000),
    "tokens_per_micro_batch": (64, 1_000_000),
    "normalization_samples": (0, 10_000),
    "seed": (0, 2**31 - 1),
}


def check_params(session: Session, kind: JobKind, params: dict[str, Any]) -> dict[str, Any]:
    """The parameters with their types set right; raises AppError with the next step."""
    versions, choices = VERSION_PARAMS[kind], CHOICES[kind]
    known = {field.name: field.type for field in fields(HPARAMS[kind])}
    checked: dict[str, Any] = {}
    for name, value in params.items():
        if name in versions:
            checked[name] = _check_version(session, name, value, versions[name])
        elif name in choices:
            checked[name] = _check_choice(name, value, choices[name])
        elif name in known:
            checked[name] = _check_number(name, value, known[name])
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


def _check_number(name: str, value: Any, annotation: Any) -> Any:
    """Dataclass annotations are int, float or bool, or one of them `| None`."""
    wanted, *optional = str(getattr(annotation, "__name__", annotation)).split(" | ")
    if value is None and optional:
        return None
    if wanted == "bool":
        if isinstance(value, bool):
            return value
        raise InvalidError(f"{name} must be true or false.")
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MAX_NUMBER:
        raise InvalidError(f"{name} must be a number, at most {MAX_NUMBER:,}.")
    if wanted == "int" and value != int(value):
        raise InvalidError(f"{name} must be a whole number.")
    if value < 0:
        raise InvalidError(f"{name} must not be negative.")
    low, high = LIMITS[name]
    if not low <= value <= high:
        raise InvalidError(f"{name} must be from {low:,g} to {high:,g}.")
    return int(value) if wanted == "int" else float(value)


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
