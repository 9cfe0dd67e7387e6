"""Low-rank additions on a model's layers (LoRA, Hu et al. 2021): put there, scaled, and merged into the weights.

Knows nothing of training; files are in app/lm/files/adapter_files.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from app.lm.linear import Linear, LowRank
from app.lm.model import Llama

UP = ".addition.up"


@dataclass(frozen=True)
class AdapterShape:
    """`alpha` / `rank` is what an addition is multiplied with; `parts` as layers name them ("q_proj", …), of the layers
    from `first_layer` on."""

    rank: int
    alpha: float
    parts: tuple[str, ...]
    first_layer: int

    @property
    def scale(self) -> float:
        return self.alpha / self.rank


@dataclass(frozen=True)
class Adapter:
    """What was learned beside the weights. By the linear map's name in the model ("model.layers.0.self_attn.q_proj"):
    A [R,I] and B [O,R]."""

    shape: AdapterShape
    factors: dict[str, tuple[Tensor, Tensor]]


def add_adapters(model: Llama, shape: AdapterShape, seed: int) -> None:
    """The model's own weights get no gradient from then on. What it computes stays the same, to the bit."""
    model.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for layer in list(model.model.layers)[shape.first_layer :]:
        for name, part in layer.named_modules():
            if name.rpartition(".")[2] in shape.parts:
                assert isinstance(part, Linear)
                part.addition = LowRank(part, shape.rank, shape.scale, generator)


def adapter_of(model: Llama, shape: AdapterShape) -> Adapter:
    """A copy of what was learned."""
    copies = {name: (added.down.detach().clone(), added.up.detach().clone()) for name, _, added in _additions(model)}
    return Adapter(shape, copies)


def merge_adapters(model: Llama) -> None:
    """The additions become parts of the weights: new tensors, those that other models share stay as they are."""
    for _name, part, _added in list(_additions(model)):
        part.weight = nn.Parameter(part.whole.detach())
        part.addition = None


def _additions(model: Llama) -> Iterator[tuple[str, Linear, LowRank]]:
    for name, part in model.named_modules():
        if isinstance(part, Linear) and part.addition is not None:
            yield name, part, part.addition
