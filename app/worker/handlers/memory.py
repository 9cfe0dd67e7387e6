"""Whether a job fits into memory, before anything is loaded: one that the system kills for memory says nothing, and is
started again. Each kind of job asks here, by what it will do: sample and learn, learn from answers, or read."""

from typing import Any

from app.errors import ConflictError
from app.formats.figures import exponential, gibibytes
from app.hparams import ModelConfig
from app.lm.precision import matmul_dtype
from app.model_info.memory_need import (
    MemoryNeed,
    Offline,
    offline_memory,
    ppo_memory,
    reading_memory,
    too_little,
    too_little_to_read,
)
from app.policy_hparams import FittedEpisodeHparams
from app.processes.machine import available_bytes
from app.translation import N_, _
from app.worker.handlers.handler import Work

SAID = N_("Learning rate {rate}; takes about {memory} of memory")
READING = N_("Takes about {memory} of memory")


def check_memory_of_episodes(
    work: Work[Any], hparams: FittedEpisodeHparams, longest_prompt: int, *, networks: int = 1
) -> None:
    """For a training that samples. Raises ConflictError with what to change."""
    inputs, models = work.inputs, work.models
    need = ppo_memory(
        models.config(inputs["initial_version_id"]),
        hparams,
        longest_prompt=longest_prompt,
        reward_layers=models.config(inputs["reward_version_id"]).num_hidden_layers,
        own_reference=inputs["reference_version_id"] == inputs["initial_version_id"],
        product_bytes=matmul_dtype().itemsize,
        networks=networks,
    )
    _say(work, need, too_little(need, available_bytes(), hparams), hparams.learning_rate)


def check_memory_offline(
    work: Work[Any], config: ModelConfig, hparams: Offline, *, rate: float, longest_row: int, kept_states: int = 0
) -> None:
    """For a training on answers that are there."""
    need = offline_memory(
        config, hparams, longest_row=longest_row, kept_states=kept_states, product_bytes=matmul_dtype().itemsize
    )
    _say(work, need, too_little(need, available_bytes(), hparams), rate)


def check_memory_of_reading(work: Work[Any], version_id: int) -> None:
    """For a job that samples from models of this one's size and reads what they wrote. Raises ConflictError."""
    need = reading_memory(work.models.config(version_id), product_bytes=matmul_dtype().itemsize)
    _say(work, need, too_little_to_read(need, available_bytes()))


def _say(work: Work[Any], need: MemoryNeed, trouble: str | None, rate: float | None = None) -> None:
    if trouble is not None:
        raise ConflictError(trouble)
    memory = gibibytes(need.total)
    work.run.say(_(READING, memory=memory) if rate is None else _(SAID, rate=exponential(rate), memory=memory))
