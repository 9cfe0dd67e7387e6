"""What a model's size and a run's length allow of the hyper-parameters that somebody chose. No torch."""

import math
from typing import Any

from app.errors import InvalidError
from app.hparams import ModelConfig
from app.policy_hparams import FittedEpisodeHparams
from app.translation import _


def check_layers(hparams: Any, config: ModelConfig) -> None:
    """Of hyper-parameters as they were asked for: at least one layer learns. Raises InvalidError."""
    frozen, layers = getattr(hparams, "num_frozen_layers", None), config.num_hidden_layers
    if frozen is not None and frozen >= layers:
        raise InvalidError(
            _(
                "num_frozen_layers must be at most {most}: the model has {layers} layers, and one at least must learn.",
                most=layers - 1,
                layers=layers,
            )
        )


def check_imitation(hparams: FittedEpisodeHparams) -> None:
    """Of hyper-parameters fitted to the model's size: it imitates in no more batches than it has. Raises
    InvalidError."""
    batches = math.ceil(hparams.total_episodes / hparams.batch_size)
    if hparams.imitated_batches > batches:
        raise InvalidError(
            _(
                "imitated_batches must be at most {batches}: so many batches has this run ({episodes} answers, "
                "{size} in a batch). With as many it would imitate alone.",
                batches=batches,
                episodes=f"{hparams.total_episodes:,}",
                size=hparams.batch_size,
            )
        )
