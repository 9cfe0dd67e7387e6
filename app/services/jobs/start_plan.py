"""What a job would do with the SFT model at hand, for the form that starts it: how long it takes, its memory, its rate
and layers. No torch.

The job itself reads the whole config and measures anew (app/worker/handlers); this is what is said before.
"""

import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models.groups import Completion
from app.db.models.jobs import Job, JobStatus
from app.db.models.versions import Version
from app.formats.figures import duration, exponential, gibibytes, millions, percent
from app.hparams import ModelConfig
from app.kinds.kind import Kind, Need, StartPlan
from app.model_info.memory_need import MemoryNeed, offline_memory, ppo_memory, reading_memory
from app.model_info.size import SHIPPED_PARAMETERS, all_parameters, layer_parameters
from app.policy_hparams import FittedEpisodeHparams
from app.preferences import Z_95
from app.processes.machine import available_bytes
from app.services.jobs.job_params import hparams_of
from app.services.versions import versions
from app.translation import N_, _, sentences

TOO_LITTLE = N_("Too little memory is free: the training would be refused. Close other programs first.")
MAY_GUESS = N_(
    "The reward model is right on {share} of held-out pairs, give or take {margin}: it may be guessing, and so would "
    "whatever is trained or judged by it. Rank more answers and train it again first."
)
A_COIN = 0.5
USUAL_PROMPT = 64  # tokens
SHIPPED_ANSWER = 42  # tokens, the mean of the shipped model's; those of larger models are longer
LENGTHS_LOOKED_AT = 100  # answers
NO_PARAMS: Mapping[str, Any] = MappingProxyType({})
LOOKED_AT = 20  # jobs of a kind, for one that tells how fast this machine is
MOST_SIZE = 1 << 24  # as where the model is opened (app/model_info/config_fields.py)
SIZES = tuple(each.name for each in fields(ModelConfig) if each.type in (int, bool))
"""Their names are the same in every family's config.json (app/lm/files/families.py)."""


@dataclass(frozen=True)
class Cost:
    """Of a job with these hyper-parameters."""

    hparams: Any
    """Fitted to the model's size."""
    config: ModelConfig
    memory: int
    """Bytes, about."""
    available: int | None
    seconds: float
    measured_here: bool
    """By the last job of the kind here; else by what was measured of the shipped model, for a model of this size."""

    @property
    def fits(self) -> bool:
        return self.available is None or self.memory <= self.available


def start_plan(
    session: Session, kind: Kind, directory: Path, *, rankings: int, params: Mapping[str, Any] = NO_PARAMS
) -> StartPlan | None:
    """In words; None for a kind that says nothing of its cost, and where the config cannot be read. `params`: beside
    the kind's defaults, checked."""
    cost = cost_of(session, kind, directory, rankings=rankings, params=params)
    if cost is None:
        return None
    warnings = [*([] if cost.fits else [_(TOO_LITTLE)]), *_doubts(session, kind, params)]
    return StartPlan(sentences(_time(cost), _memory(cost), *_rate(cost)), sentences(*warnings))


def cost_of(
    session: Session, kind: Kind, directory: Path, *, rankings: int, params: Mapping[str, Any] = NO_PARAMS
) -> Cost | None:
    """For the SFT model in this folder; None where its config cannot be read (the job will say why)."""
    config = config_in(directory)
    if kind.effort is None or config is None:
        return None
    asked = hparams_of(kind, dict(params))
    hparams = kind.effort.fit(asked, config)
    seconds, here = _seconds(session, kind, config, hparams, rankings)
    return Cost(hparams, config, memory_of(hparams, config).total, available_bytes(), seconds, here)


def memory_of(hparams: Any, config: ModelConfig) -> MemoryNeed:
    if isinstance(hparams, FittedEpisodeHparams):
        networks = 2 if getattr(hparams, "separate_value", False) else 1
        return ppo_memory(config, hparams, longest_prompt=USUAL_PROMPT, networks=networks)
    if hasattr(hparams, "tokens_per_micro_batch"):
        return offline_memory(config, hparams, longest_row=USUAL_PROMPT + 4 * hparams.max_tokens, kept_states=0)
    return reading_memory(config)


def config_in(directory: Path) -> ModelConfig | None:
    """The sizes in a model's folder; None where they cannot be read."""
    try:
        written = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        sizes: dict[str, Any] = {name: int(written[name]) for name in SIZES if written.get(name) is not None}
        config = ModelConfig(**sizes)
    except (OSError, ValueError, TypeError, AttributeError, ArithmeticError):
        return None
    if max(sizes.values(), default=0) > MOST_SIZE or config.num_hidden_layers < 1 or layer_parameters(config) < 1:
        return None
    return config


def _seconds(session: Session, kind: Kind, config: ModelConfig, hparams: Any, rankings: int) -> tuple[float, bool]:
    effort, last = kind.effort, _last(session, kind)
    assert effort is not None
    work = effort.work(hparams, rankings) * _answer_length(session, kind, hparams)
    if last is not None and last.took_seconds is not None:
        of_last = effort.fit(hparams_of(kind, last.params), config)
        then = effort.work(of_last, last.num_rankings or 0) * _answer_length(session, kind, of_last) * _share_done(last)
        took = last.took_seconds
        if took > 0 and then > 0:
            return min(took, effort.seconds_before) + max(0.0, took - effort.seconds_before) * work / then, True
    scale = all_parameters(config) / SHIPPED_PARAMETERS / SHIPPED_ANSWER
    return effort.seconds_before + effort.seconds_each * work * scale, False


def _answer_length(session: Session, kind: Kind, hparams: Any) -> float:
    """Mean of the SFT model's newest answers here, tokens: as long as they are, for a job that reads them; for one that
    writes its own no longer than it lets them be, and what was cut off goes on as far."""
    most = None if kind.reads_rankings else getattr(hparams, "max_tokens", None)
    usual = SHIPPED_ANSWER if most is None else min(SHIPPED_ANSWER, most)
    answerer = versions.active_answerer_or_none(session)
    sft = None if answerer is None else versions.sft_of(session, answerer)
    if sft is None:
        return usual
    its = select(Completion.token_ids, Completion.finish_reason).where(Completion.version_id == sft.id)
    written = session.execute(its.order_by(Completion.id.desc()).limit(LENGTHS_LOOKED_AT)).all()
    lengths = [_length_again(len(tokens), reason, most) for tokens, reason in written if tokens]
    return statistics.mean(lengths) if lengths else usual


def _length_again(length: int, reason: str, most: int | None) -> int:
    if most is None:
        return length
    return most if reason == "length" else min(length, most)


def _last(session: Session, kind: Kind) -> Job | None:
    """The newest that came to its end in one go, with models of the SFT model at hand: one that went on after a stop
    took the time between, too."""
    done = Job.kind == kind.name, Job.status == JobStatus.SUCCEEDED, Job.attempts <= 1
    newest = session.scalars(select(Job).where(*done).order_by(Job.number.desc()).limit(LOOKED_AT))
    return next((job for job in newest if _is_of_this_model(session, job)), None)


def _is_of_this_model(session: Session, job: Job) -> bool:
    """Where nothing is known of its version: yes."""
    number = (job.result or {}).get("version_id")
    made = None if number is None else session.get(Version, number)
    if made is None:
        return True
    sft = versions.sft_of(session, made)
    return sft is not None and sft.id == versions.sft_version(session).id


def _share_done(job: Job) -> float:
    """Of the work that its parameters name: a training that stopped by itself did less."""
    return job.step / job.total_steps if 0 < job.step < job.total_steps else 1.0


def _time(cost: Cost) -> str:
    if cost.measured_here:
        return _("Takes about {duration}, by the last one here.", duration=duration(cost.seconds))
    return _("Takes about {duration} while nothing else runs.", duration=duration(cost.seconds))


def _memory(cost: Cost) -> str:
    if cost.available is None:
        return _("Takes about {memory} of memory.", memory=gibibytes(cost.memory))
    return _(
        "Takes about {memory} of memory; {free} are free.",
        memory=gibibytes(cost.memory),
        free=gibibytes(cost.available),
    )


def _doubts(session: Session, kind: Kind, params: Mapping[str, Any]) -> list[str]:
    """Of the reward model that the job would follow, where its accuracy may be a coin's (95%)."""
    if Need.REWARD_MODEL not in kind.needs:
        return []
    chosen = params.get("reward_version_id")
    reward = versions.active_reward(session) if chosen is None else versions.get_version(session, chosen)
    accuracy = None if reward is None else reward.metrics.get("held_out_accuracy")
    if reward is None or accuracy is None:
        return []
    margin = Z_95 * (reward.metrics.get("held_out_accuracy_error") or 0.0)
    return [_(MAY_GUESS, share=percent(accuracy), margin=percent(margin))] if accuracy - margin <= A_COIN else []


def _rate(cost: Cost) -> list[str]:
    """Of the training of a policy."""
    frozen = getattr(cost.hparams, "num_frozen_layers", None)
    if frozen is None:
        return []
    layers, rank = cost.config.num_hidden_layers, cost.hparams.lora_rank
    if rank:
        said = N_(
            "Adapters of rank {rank} learn beside the weights of the upper {count} of {layers} layers, at the rate "
            "{rate}, by the model's size ({parameters} parameters in these layers)."
        )
        parameters = millions((layers - frozen) * layer_parameters(cost.config))
        rate = exponential(cost.hparams.learning_rate)
        return [_(said, rank=rank, count=layers - frozen, layers=layers, rate=rate, parameters=parameters)]
    if not frozen:
        said = N_(
            "Learning rate {rate}, by the model's size ({parameters} parameters in {layers} layers, its table of "
            "tokens not counted)."
        )
        parameters = millions(layers * layer_parameters(cost.config))
        return [_(said, rate=exponential(cost.hparams.learning_rate), parameters=parameters, layers=layers)]
    return [
        _(
            "Learning rate {rate}, by the model's size ({parameters} parameters in {layers} layers, its table of "
            "tokens not counted; the lowest {frozen} of them are frozen).",
            rate=exponential(cost.hparams.learning_rate),
            parameters=millions(layers * layer_parameters(cost.config)),
            layers=layers,
            frozen=frozen,
        )
    ]
