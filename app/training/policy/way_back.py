"""Weights moved part of the way back to the SFT model when a training has ended: what was learned in general returns.

Between a fine-tuned model's weights and those that it started from lie models that have nearly all of the new and of
the old (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", WiSE-FT, section 3; after RLHF Ramé et al.
2024, "WARP", section 3.3, linear interpolation towards the initialization). A few shares of the way are looked at as
checkpoints are; which one is kept is in stopping.py.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from app.lm.adapters import UP
from app.lm.model import Llama

SHARES = (0.85, 0.7, 0.5)
"""Of the way from the SFT model that are tried, beside the whole."""


@torch.no_grad()
def part_of_the_way(weights: Mapping[str, Tensor], reference: Llama, share: float) -> dict[str, Tensor]:
    """reference + share * (weights - reference), under the names of a policy's weights. Adapters are the difference: a
    share of one has that share of B, as it stands in front of A. What else the reference has not (a value head)
    stays."""
    own = {f"model.{name}": weight for name, weight in reference.named_parameters()}

    def moved(name: str, weight: Tensor) -> Tensor:
        if name in own:
            return torch.lerp(own[name], weight, share)
        return share * weight if name.endswith(UP) else weight.clone()

    return {name: moved(name, weight) for name, weight in weights.items()}
