"""What follows from a model's size: counts against real models, rules against the values that they were made from."""

from dataclasses import asdict, replace

import pytest

from app.hparams import LORA_PARTS, ModelConfig
from app.layout import SFT_MODEL
from app.lm.adapters import AdapterShape, add_adapters
from app.lm.files.families import read_config
from app.lm.model import Llama
from app.model_info.size import (
    FITTED,
    THRIFTY,
    USUAL,
    adapter_parameters,
    all_parameters,
    bytes_per_token,
    fit_ppo,
    layer_parameters,
    micro_batch_tokens,
    policy_learning_rate,
)
from app.policy_hparams import FittedPPOHparams, PPOHparams

SMOLLM2_135M = ModelConfig(
    vocab_size=49_152,
    hidden_size=576,
    intermediate_size=1_536,
    num_hidden_layers=30,
    num_attention_heads=9,
    num_key_value_heads=3,
    max_position_embeddings=8_192,
)
SMALL = ModelConfig(vocab_size=50, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4)
SHIPPED = read_config(SFT_MODEL)


@pytest.mark.parametrize(
    "config",
    [
        SMALL,
        replace(SMALL, attention_bias=True, attention_out_bias=True, mlp_bias=True, qk_norm=True),
        replace(SMALL, tie_word_embeddings=False, head_dim=16, num_key_value_heads=2),
    ],
)
def test_parameters_are_counted_as_the_model_has_them(config: ModelConfig) -> None:
    model = Llama.on_meta(config)
    assert all_parameters(config) == sum(weight.numel() for weight in model.parameters())
    assert layer_parameters(config) == sum(weight.numel() for weight in model.model.layers[0].parameters())
    for places, parts in LORA_PARTS.items():
        adapted = Llama(config)
        add_adapters(adapted, AdapterShape(5, 1.0, parts, 2), seed=0)
        learning = sum(weight.numel() for weight in adapted.parameters() if weight.requires_grad)
        assert adapter_parameters(config, 5, places) == learning, "of one layer"


def test_the_shipped_model_gets_what_was_measured_on_it() -> None:
    assert fit_ppo(PPOHparams(), SHIPPED) == FittedPPOHparams(
        learning_rate=4e-4, value_learning_rate=1e-3, num_frozen_layers=3, tokens_per_micro_batch=4_096
    )


def test_a_larger_model_gets_a_smaller_rate() -> None:
    fitted = fit_ppo(PPOHparams(lora_rank=0), SMOLLM2_135M)
    assert fitted.learning_rate == 2.2e-5
    assert fitted.value_learning_rate == 4.4e-4
    assert fitted.num_frozen_layers == 14
    assert fit_ppo(PPOHparams(lora_rank=4), SMOLLM2_135M).learning_rate == 1e-3, "adapters learn at 45 times the rate"


def test_a_larger_model_costs_no_more_than_its_person_waits() -> None:
    """Fewer answers, shorter ones, fewer passes, adapters: each can be given all the same."""
    fitted, shipped = (asdict(fit_ppo(PPOHparams(), config)) for config in (SMOLLM2_135M, SHIPPED))
    assert {name: fitted[name] for name in USUAL} == dict(THRIFTY)
    assert {name: shipped[name] for name in USUAL} == dict(USUAL)
    assert fit_ppo(PPOHparams(lora_rank=0, max_tokens=96), SMOLLM2_135M).max_tokens == 96


@pytest.mark.parametrize(("layers", "width", "rate"), [(400, 4_096, 3e-6), (1, 32, 1e-3)])
def test_rates_stay_within_what_is_known_to_work(layers: int, width: int, rate: float) -> None:
    config = ModelConfig(num_hidden_layers=layers, hidden_size=width, intermediate_size=width, num_attention_heads=1)
    assert policy_learning_rate(config) == rate


def test_what_is_given_stays() -> None:
    given = PPOHparams(
        total_episodes=5,
        drawn_per_prompt=5,
        num_ppo_epochs=5,
        num_mini_batches=5,
        imitated_batches=5,
        lora_rank=5,
        max_tokens=5,
        baseline_samples=5,
        validation_prompts=5,
        learning_rate=0.1,
        value_learning_rate=0.2,
        num_frozen_layers=0,
        recompute_layers=True,
        tokens_per_micro_batch=64,
    )
    fitted = fit_ppo(given, SMOLLM2_135M)
    assert [getattr(fitted, name) for name in FITTED] == [*[5] * len(USUAL), 0.1, 0, True, 64, 0.2]
    assert fit_ppo(fitted, SHIPPED) is fitted


def test_some_layer_is_always_trained() -> None:
    assert fit_ppo(PPOHparams(num_frozen_layers=99), SHIPPED).num_frozen_layers == SHIPPED.num_hidden_layers - 1
    assert fit_ppo(PPOHparams(), replace(SMALL, num_hidden_layers=1)).num_frozen_layers == 0


def test_a_micro_batch_keeps_to_its_share_of_memory() -> None:
    tokens = micro_batch_tokens(SMOLLM2_135M, 14)
    assert 2**29 < tokens * bytes_per_token(SMOLLM2_135M, 14) <= 2**30
    assert micro_batch_tokens(SMOLLM2_135M, 0) < tokens < 4_096
