"""PPO with adapters in place of weights (LoRA), and with layers that are run again: what learns, and what is kept."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from app.lm.layer import Layer
from app.training.context import drain
from app.training.ppo.experience import make_experience
from app.training.ppo.trainer import Trainer
from tests.training.ppo.toy import HPARAMS, MemoryContext, rollout_of, start, weights_of
from tests.training.tiny import tiny_model


def test_with_a_rank_adapters_alone_learn_and_the_checkpoint_holds_nothing_else() -> None:
    """The model's own weights are in memory once: the reference is the policy without its adapters."""
    model, context = tiny_model(), MemoryContext()
    hparams = replace(HPARAMS, lora_rank=2, lora_places="qv", learning_rate=3e-2)
    trainer = Trainer(model, model, hparams)
    learning = [weight for part in trainer.parts() for weight in part.parameters]
    assert sum(weight.numel() for weight in learning) == 2 * 2 * (32 + 32 + 32 + 16) + 33, "and the value head"
    theirs = {weight.data_ptr() for weight in model.parameters()}
    assert all(weight.data_ptr() in theirs for weight in trainer.policy.parameters() if not weight.requires_grad)
    before = weights_of(model)
    result = drain(start(model, model, hparams, context))
    assert context.saved is not None
    assert {name.rpartition(".")[0] for name in context.saved["policy"]} == {
        *(f"model.model.layers.{n}.self_attn.{part}.addition" for n in (1, 2) for part in ("q_proj", "v_proj")),
        "value_head",
    }
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    moved = {name for name, weight in result.model.state_dict().items() if not torch.equal(weight, before[name])}
    assert moved == {f"model.layers.{n}.self_attn.{part}.weight" for n in (1, 2) for part in ("q_proj", "v_proj")}
    assert result.adapter is not None
    assert {f"{name}.weight" for name in result.adapter.factors} == moved
    assert all(weight.requires_grad for weight in result.model.parameters())


@pytest.mark.parametrize("rank", [0, 2])
def test_layers_that_are_run_again_give_the_same_gradients_to_the_bit(
    rank: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, runs, of_rows = tiny_model(), list[int](), Layer.of_rows

    def counted(*given: Any) -> Any:
        runs.append(1)
        return of_rows(*given)

    monkeypatch.setattr(Layer, "of_rows", counted)
    found = []
    for again in (False, True):
        hparams = replace(HPARAMS, lora_rank=rank, recompute_layers=again)
        trainer = Trainer(model, model, hparams)
        experience = make_experience(rollout_of(trainer, model), hparams, 0.1)
        runs.clear()
        loss, _ = trainer.losses(experience, [0, 1, 2], list(range(12)), 1)
        loss.backward()
        assert len(runs) == (4 if again else 2), "two layers learn"
        learning = trainer.policy.model.named_parameters()
        found.append({name: weight.grad for name, weight in learning if weight.grad is not None})
    assert any(gradient.any() for gradient in found[0].values())
    assert found[0].keys() == found[1].keys()
    for name, gradient in found[0].items():
        assert torch.equal(gradient, found[1][name]), name
