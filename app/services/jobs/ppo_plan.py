"""What PPO would do with the SFT model at hand, for the form that starts it: its rate, layers and memory. No torch.

The job itself reads the whole config and measures anew (app/worker/handlers/train_policy.py); this is what is said
before.
"""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from app.formats.figures import exponential, gibibytes, millions
from app.formats.languages import in_a_text
from app.hparams import ModelConfig
from app.kinds.kind import StartPlan
from app.model_info.memory_need import ppo_memory
from app.model_info.size import fit_ppo, layer_parameters
from app.policy_hparams import PPOHparams
from app.processes.machine import available_bytes
from app.translation import N_, _

TOO_LITTLE = N_("Too little memory is free: the training would be refused. Close other programs first.")
USUAL_PROMPT = 64  # tokens
MOST_SIZE = 1 << 24  # as where the model is opened (app/model_info/config_fields.py)
SIZES = tuple(each.name for each in fields(ModelConfig) if each.type in (int, bool))
"""Their names are the same in every family's config.json (app/lm/files/families.py)."""


@dataclass(frozen=True)
class PPOPlan:
    learning_rate: float
    num_frozen_layers: int
    num_layers: int
    parameters: int
    """In the layers: what the rate follows."""
    memory: int
    """Bytes, about."""
    available: int | None

    @property
    def fits(self) -> bool:
        return self.available is None or self.memory <= self.available


def start_plan(directory: Path) -> StartPlan | None:
    """The same in words."""
    plan = ppo_plan(directory)
    if plan is None:
        return None
    rate = _(
        "Learning rate {rate}, by the model's size ({parameters} parameters in {layers} layers, the lowest {frozen} of "
        "them frozen).",
        rate=exponential(plan.learning_rate),
        parameters=millions(plan.parameters),
        layers=plan.num_layers,
        frozen=plan.num_frozen_layers,
    )
    if plan.available is None:
        memory = _("Takes about {memory} of memory.", memory=gibibytes(plan.memory))
    else:
        memory = _(
            "Takes about {memory} of memory; {free} are free.",
            memory=gibibytes(plan.memory),
            free=gibibytes(plan.available),
        )
    return StartPlan(in_a_text([rate, memory]), "" if plan.fits else _(TOO_LITTLE))


def ppo_plan(directory: Path) -> PPOPlan | None:
    """For the SFT model in this folder; None where its config cannot be read (the job will say why)."""
    try:
        written = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        sizes: dict[str, Any] = {name: int(written[name]) for name in SIZES if written.get(name) is not None}
        config = ModelConfig(**sizes)
    except (OSError, ValueError, TypeError, AttributeError, ArithmeticError):
        return None
    if max(sizes.values(), default=0) > MOST_SIZE or config.num_hidden_layers < 1 or layer_parameters(config) < 1:
        return None
    hparams = fit_ppo(PPOHparams(), config)
    return PPOPlan(
        learning_rate=hparams.learning_rate,
        num_frozen_layers=hparams.num_frozen_layers,
        num_layers=config.num_hidden_layers,
        parameters=config.num_hidden_layers * layer_parameters(config),
        memory=ppo_memory(config, hparams, longest_prompt=USUAL_PROMPT).total,
        available=available_bytes(),
    )
