"""Equal weights are kept once, and what is trained never reaches the original."""

import pytest
import torch

from app.training.policy.shared_weights import copy_to_train, same_lower_layers, share_equal_weights
from tests.training.tiny import tiny_model

CHANGED = "model.layers.2.mlp.up_proj.weight"


@pytest.mark.parametrize("frozen", [0, 1, 2])
def test_frozen_weights_are_the_models_own_and_all_others_copies(frozen: int) -> None:
    model = tiny_model()
    copied = copy_to_train(model, frozen)
    theirs = dict(model.named_parameters())
    lower = ("model.embed_tokens.", *(f"model.layers.{layer}." for layer in range(frozen))) if frozen else ()
    for name, weight in copied.named_parameters():
        own = theirs[name]
        is_frozen = name.startswith(lower) if lower else False
        assert (weight.data_ptr() == own.data_ptr()) == is_frozen, name
        assert weight.requires_grad == (not is_frozen), name
        assert torch.equal(weight, own), name
        assert own.requires_grad, name
    assert copied.config == model.config


def test_equal_weights_are_kept_once_and_others_left_alone() -> None:
    model, other = tiny_model(), tiny_model()
    with torch.no_grad():
        other.get_parameter(CHANGED).add_(1.0)
    before = {name: weight.clone() for name, weight in other.named_parameters()}
    share_equal_weights(other, model)
    theirs = dict(model.named_parameters())
    for name, weight in other.named_parameters():
        assert torch.equal(weight, before[name]), name
        assert (weight.data_ptr() == theirs[name].data_ptr()) == (name != CHANGED), name


def test_lower_layers_are_compared_up_to_the_given_one() -> None:
    model, other = tiny_model(), tiny_model()
    with torch.no_grad():
        other.get_parameter("model.layers.1.mlp.up_proj.weight").add_(1.0)
    assert same_lower_layers(model, model, 3)
    assert same_lower_layers(model, other, 1)
    assert not same_lower_layers(model, other, 2)
