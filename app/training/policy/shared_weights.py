"""Models with equal weights keep them once: a frozen layer of the policy, the reference, and the reward model.

Safe because nobody writes to a shared tensor: what is trained is copied first. Knows nothing of training.
"""

import copy

import torch
from torch import Tensor, nn

from app.lm.adapters import AdapterShape, add_adapters
from app.lm.model import Llama


def copy_to_train(model: Llama, num_frozen_layers: int) -> Llama:
    """A copy that may be trained above the lowest layers; those, and with them the embeddings, stay the model's own
    tensors and get no gradient. Without frozen layers everything is copied."""
    shared: dict[int, object] = {}
    if num_frozen_layers:
        lower = [model.model.embed_tokens, *list(model.model.layers)[:num_frozen_layers]]
        for part in lower:
            for weight in part.parameters():
                shared[id(weight)] = nn.Parameter(weight.detach(), requires_grad=False)
    kept = set(shared)
    copied = copy.deepcopy(model, shared)
    names = {name for name, weight in model.named_parameters() if id(weight) in kept}
    for name, weight in copied.named_parameters():
        weight.requires_grad_(name not in names)
    return copied


def copy_to_adapt(model: Llama, shape: AdapterShape, seed: int) -> Llama:
    """A copy that shares all weights with the model, which never change, and learns by adapters beside them (LoRA)."""
    shared: dict[int, object] = {
        id(weight): nn.Parameter(weight.detach(), requires_grad=False) for weight in model.parameters()
    }
    copied = copy.deepcopy(model, shared)
    add_adapters(copied, shape, seed)
    return copied


def share_equal_weights(model: Llama, other: Llama) -> None:
    """Where `model` has a weight equal to `other`'s of the same name it takes that very tensor and frees its own."""
    theirs = dict(other.named_parameters())
    for name, weight in model.named_parameters():
        same: Tensor | None = theirs.get(name)
        if same is not None and weight is not same and torch.equal(weight, same):
            weight.data = same.data


def same_lower_layers(first: Llama, second: Llama, num_layers: int) -> bool:
    """Whether two models have equal embeddings and lowest layers."""
    if first is second:
        return True
    if first.config != second.config:
        return False
    mine, theirs = first.state_dict(), second.state_dict()
    names = ["model.embed_tokens.weight"]
    names += [name for name in mine for n in range(num_layers) if name.startswith(f"model.layers.{n}.")]
    return all(torch.equal(mine[name], theirs[name]) for name in names)
