"""Adapters on a model: where they lie, that they change nothing at first, and that merging keeps what was learned."""

import pytest
import torch

from app.hparams import LORA_PARTS
from app.lm.adapters import AdapterShape, adapter_of, add_adapters, merge_adapters
from app.lm.layer import Layer
from app.lm.model import Llama
from app.training.policy.shared_weights import copy_to_adapt
from tests.training.tiny import CONFIG, tiny_model

IDS = torch.arange(5, 35).view(2, 15)


def shape(places: str = "all", first: int = 1) -> AdapterShape:
    return AdapterShape(3, 6.0, LORA_PARTS[places], first)


def taught(model: Llama, places: str = "all", first: int = 1) -> Llama:
    """With adapters that change what it says."""
    learner = copy_to_adapt(model, shape(places, first), seed=4)
    torch.manual_seed(9)
    with torch.no_grad():
        for name, weight in learner.named_parameters():
            if name.endswith("addition.up"):
                weight.normal_(std=0.3)
    return learner.eval()


@pytest.mark.parametrize(("places", "count"), [("qv", 2), ("attention", 4), ("mlp", 3), ("all", 7)])
@pytest.mark.parametrize("first", [0, 2])
def test_only_adapters_of_the_named_places_learn(places: str, count: int, first: int) -> None:
    model = tiny_model()
    learner, theirs = taught(model, places, first), dict(model.named_parameters())
    learning = [name for name, weight in learner.named_parameters() if weight.requires_grad]
    assert len(learning) == 2 * count * (CONFIG.num_hidden_layers - first)
    assert all(".addition." in name and int(name.split(".")[2]) >= first for name in learning)
    for name, weight in learner.named_parameters():
        if name not in learning:
            assert weight.data_ptr() == theirs[name].data_ptr(), "no second copy"
    assert all(weight.requires_grad for weight in theirs.values()), "the model itself is not touched"


def test_the_start_is_the_model_itself_to_the_bit() -> None:
    model = tiny_model()
    learner = copy_to_adapt(model, shape(first=0), seed=4)
    with torch.no_grad():
        assert torch.equal(learner(IDS), model(IDS))
    for mine, theirs in zip(products(learner), products(model), strict=True):
        assert torch.equal(mine, theirs), "of inference, too"


def products(model: Llama) -> list[torch.Tensor]:
    """As inference runs them."""
    layers = [layer for layer in model.model.layers if isinstance(layer, Layer)]
    return [product.weight for layer in layers for product in layer.products()]


def test_merged_it_says_what_it_learned_and_the_model_keeps_its_weights() -> None:
    model = tiny_model()
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    learner = taught(model)
    adapter = adapter_of(learner, shape())
    with torch.no_grad():
        learned, plain, sampled = learner(IDS), model(IDS), products(learner)
        merge_adapters(learner)
        merged = learner(IDS)
    for mine, theirs in zip(sampled, products(learner), strict=True):
        assert torch.equal(mine, theirs)
    assert (learned - plain).abs().max() > 0.1
    torch.testing.assert_close(merged, learned, rtol=0, atol=1e-5)
    assert learner.state_dict().keys() == model.state_dict().keys()
    for name, weight in model.named_parameters():
        assert torch.equal(weight, before[name]), name
    for name, (down, up) in adapter.factors.items():
        own = before[f"{name}.weight"].double()
        wanted = own + 2.0 * (up.double() @ down.double())
        torch.testing.assert_close(learner.get_parameter(f"{name}.weight").double(), wanted, rtol=0, atol=1e-6)


def test_the_weights_that_they_lie_beside_learn_nothing() -> None:
    model = tiny_model()
    add_adapters(model, shape(), seed=1)
    assert {".addition." in name for name, weight in model.named_parameters() if weight.requires_grad} == {True}


def test_they_begin_by_their_seed_and_what_was_taken_of_them_changes_no_more() -> None:
    learner = taught(tiny_model())
    taken = adapter_of(learner, shape()).factors
    downs = [torch.cat([down.flatten() for down, _up in taken.values()])]
    for seed in (4, 5):
        begun = adapter_of(copy_to_adapt(tiny_model(), shape(), seed=seed), shape()).factors
        downs.append(torch.cat([down.flatten() for down, _up in begun.values()]))
    assert torch.equal(downs[0], downs[1])
    assert not torch.equal(downs[1], downs[2])
    with torch.no_grad():
        for name, weight in learner.named_parameters():
            if ".addition." in name:
                weight.zero_()
    assert all(factor.abs().min() > 0 for both in taken.values() for factor in both)
