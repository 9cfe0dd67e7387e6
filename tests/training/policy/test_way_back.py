"""Weights part of the way back to the SFT model: which they are, that they are looked at, kept, told, and resumed."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from app.lm.adapters import merge_adapters
from app.lm.model import Llama
from app.training.context import drain
from app.training.policy.episodes import PolicyResult
from app.training.policy.validating import Look, Validator
from app.training.policy.way_back import SHARES, part_of_the_way
from tests.lm.test_adapters import taught
from tests.training.policy import test_episodes
from tests.training.policy.test_episodes import watch
from tests.training.ppo.toy import MemoryContext, start, weights_of
from tests.training.tiny import tiny_model

WATCHED = replace(test_episodes.WATCHED, move_back=True)
SHORT = replace(WATCHED, total_episodes=32)


def named(model: Llama) -> dict[str, torch.Tensor]:
    """As a policy names them."""
    return {f"model.{name}": weight.detach() for name, weight in model.named_parameters()}


@pytest.mark.parametrize("share", [0.0, 0.25, 0.7, 1.0])
def test_a_part_of_the_way_lies_on_the_line_between_both(share: float) -> None:
    reference, trained = tiny_model(), tiny_model(seed=8)
    head = torch.ones(3)
    moved = part_of_the_way(named(trained) | {"value_head.weight": head}, reference, share)
    for name, weight in named(trained).items():
        own = named(reference)[name].double()
        expected = own + share * (weight.double() - own)
        assert torch.allclose(moved[name].double(), expected, rtol=0, atol=1e-6), name
    assert torch.equal(moved["value_head.weight"], head), "the SFT model has none"
    assert not any(weight.requires_grad for weight in moved.values())


@pytest.mark.parametrize("share", [0.0, 0.25, 0.7])
def test_a_part_of_an_adapters_way_is_that_part_of_what_it_adds(share: float) -> None:
    reference = tiny_model()
    whole, part = taught(reference), taught(reference)
    moved = part_of_the_way(named(whole), reference, share)
    part.load_state_dict({name.removeprefix("model."): weight for name, weight in moved.items()})
    merge_adapters(whole)
    merge_adapters(part)
    for name, weight in part.named_parameters():
        own = reference.get_parameter(name)
        torch.testing.assert_close(weight, torch.lerp(own, whole.get_parameter(name), share), rtol=0, atol=1e-5)


def test_adapters_on_another_model_than_the_sft_model_are_not_moved_back() -> None:
    """The way from the SFT model is not theirs alone: here only an upper layer differs."""
    model, reference = tiny_model(), tiny_model()
    with torch.no_grad():
        reference.get_parameter("model.layers.2.mlp.up_proj.weight").add_(0.1)
    for rank, ways in ((0, [1.0, *SHARES]), (2, [1.0])):
        result = drain(start(model, reference, replace(SHORT, lora_rank=rank), watch=watch(reference)))
        assert [each.way for each in result.ways] == ways


FORGOT = {1.0: 0.96, 0.85: 0.97, 0.7: 0.99, 0.5: 1.0}


def knowing(monkeypatch: pytest.MonkeyPatch, known: dict[float, float], done: int = 0) -> list[dict[str, torch.Tensor]]:
    """Both scorers like each of a run's seven looks better than the one before (`done` of them were made), and parts
    of the way nine tenths as well as the last; `known` by share of the way. Returns the weights that were looked at."""
    seen: list[dict[str, torch.Tensor]] = []
    look, shares = Validator.look, [1.0] * (7 - done) + list(SHARES)

    def told(validator: Validator, policy: Llama, episodes: int) -> Look:
        found = look(validator, policy, episodes)
        validation = found.validation
        share = shares[len(seen)]
        seen.append(weights_of(policy))
        gains = (float(done + len(seen)) if share == 1.0 else 6.3,) * len(validation.judged)
        wins = {"win_rate": 0.9, "reward/win_rate": 0.9}
        figures = dict(validation.figures) | wins | {"knowledge": known[share]}
        return replace(found, validation=replace(validation, optimized=gains, judged=gains, figures=figures))

    monkeypatch.setattr(Validator, "look", told)
    return seen


def trained(**changes: Any) -> tuple[Llama, PolicyResult]:
    model = tiny_model()
    return model, drain(start(model, model, replace(WATCHED, **changes), watch=watch(model)))


def test_the_part_that_keeps_what_was_known_is_the_version_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = knowing(monkeypatch, FORGOT)
    reference, result = trained()
    last = seen[6]
    for name, own in weights_of(reference).items():
        assert torch.equal(result.model.state_dict()[name], torch.lerp(own, last[name], 0.7)), name
    assert [each.way for each in result.ways] == [1.0, *SHARES]
    assert result.verdict is not None
    assert (result.verdict.way, result.metrics["way"]) == (0.7, 0.7)
    assert any("70% of their way" in said and "99%" in said and "96%" in said for said in result.verdict.sentences)
    assert len(result.history) == 7, "the history is that of the training"


@pytest.mark.parametrize("move_back", [True, False])
def test_what_has_forgotten_nothing_stays_where_it_is(monkeypatch: pytest.MonkeyPatch, move_back: bool) -> None:
    seen = knowing(monkeypatch, dict.fromkeys((1.0, *SHARES), 0.99))
    _, result = trained(move_back=move_back)
    assert len(seen) == (10 if move_back else 7)
    assert (result.metrics["way"], result.ways[0].way) == (1.0, 1.0)
    for name, weight in seen[6].items():
        assert torch.equal(result.model.state_dict()[name], weight), name
    assert result.verdict is not None
    assert not any("way from" in said for said in result.verdict.sentences)


def test_layers_below_of_another_model_are_not_mixed_with_the_sft_models_above() -> None:
    model, reference = tiny_model(), tiny_model(seed=8)
    result = drain(start(model, reference, SHORT, watch=watch(reference)))
    assert [each.way for each in result.ways] == [1.0]


def test_a_run_killed_at_its_end_is_moved_back_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the last checkpoint: all that decides is made anew."""
    knowing(monkeypatch, FORGOT)
    _, expected = trained()
    monkeypatch.undo()
    model, context = tiny_model(), MemoryContext()
    interrupted = start(model, model, WATCHED, context, watch(model))
    for _ in range(6):
        next(interrupted)
    interrupted.close()
    assert context.saved is not None
    done = len(context.saved["history"])
    assert done < 7
    knowing(monkeypatch, FORGOT, done)
    result = drain(start(model, model, WATCHED, context, watch(model)))
    assert result.metrics["way"] == expected.metrics["way"] == 0.7
    for name, weight in expected.model.state_dict().items():
        assert torch.equal(weight, result.model.state_dict()[name]), name
