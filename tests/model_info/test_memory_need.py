"""The estimate of memory: what it counts, what lowers it, and the sentence that refuses."""

from dataclasses import replace

import pytest

from app.model_info.memory_need import ppo_memory, too_little
from app.model_info.size import all_parameters, bytes_per_token, fit_ppo, layer_parameters
from app.policy_hparams import PPOHparams
from tests.model_info.test_size import SHIPPED, SMOLLM2_135M

GIB = 1 << 30


def test_what_is_kept_is_counted_by_hand() -> None:
    hparams = fit_ppo(PPOHparams(num_frozen_layers=14, lora_rank=0), SMOLLM2_135M)
    need = ppo_memory(SMOLLM2_135M, hparams, longest_prompt=40)
    layer, trained = layer_parameters(SMOLLM2_135M), 16 * layer_parameters(SMOLLM2_135M)
    assert need.weights == 4 * (all_parameters(SMOLLM2_135M) + layer)
    assert need.trained == 12 * trained
    words = 49_152 * 576
    activations = hparams.tokens_per_micro_batch * bytes_per_token(SMOLLM2_135M, 14)
    logits = 2 * 2 * 256 * 49_152
    assert need.updating == 4 * trained + 2 * (trained + words) + activations + logits
    assert need.total == need.process + need.weights + need.trained + need.sampling + need.updating


def test_adapters_are_counted_by_hand_and_take_less() -> None:
    hparams = fit_ppo(PPOHparams(num_frozen_layers=14, lora_rank=8, lora_places="attention"), SMOLLM2_135M)
    need = ppo_memory(SMOLLM2_135M, hparams, longest_prompt=40)
    adapters = 16 * 8 * (2 * (576 + 576) + 2 * (576 + 192))
    assert need.trained == 12 * adapters
    whole = ppo_memory(SMOLLM2_135M, replace(hparams, lora_rank=0), longest_prompt=40)
    weights = 16 * layer_parameters(SMOLLM2_135M)
    assert whole.total - need.total == 16 * (weights - adapters), "weights, Adam's two numbers, gradients"
    everywhere = replace(hparams, num_frozen_layers=0, tokens_per_micro_batch=64, max_tokens=1)
    merged = ppo_memory(SMOLLM2_135M, everywhere, longest_prompt=1).updating
    assert merged == 4 * 30 * layer_parameters(SMOLLM2_135M), "in the end they become parts of the weights"


def test_layers_that_are_run_again_take_less() -> None:
    kept, again = (bytes_per_token(SMOLLM2_135M, 0, recompute=recompute) for recompute in (False, True))
    assert again < 0.25 * kept
    large = replace(SMOLLM2_135M, hidden_size=4_096, intermediate_size=11_008, num_attention_heads=32, head_dim=128)
    assert fit_ppo(PPOHparams(), large).recompute_layers
    assert not fit_ppo(PPOHparams(), SMOLLM2_135M).recompute_layers


def test_a_reference_of_its_own_and_wider_products_take_more() -> None:
    hparams = fit_ppo(PPOHparams(lora_rank=0), SMOLLM2_135M)
    one = ppo_memory(SMOLLM2_135M, hparams, longest_prompt=40)
    assert ppo_memory(SMOLLM2_135M, hparams, longest_prompt=40, own_reference=False).weights > one.weights
    wide = ppo_memory(SMOLLM2_135M, hparams, longest_prompt=40, product_bytes=4)
    assert wide.sampling == 2 * one.sampling
    gradients = one.trained // 3  # fp32 in both
    assert wide.updating - gradients == 2 * (one.updating - gradients)


def test_a_prompt_that_is_longer_than_a_micro_batch_is_one_by_itself() -> None:
    hparams = fit_ppo(PPOHparams(max_tokens=96), SMOLLM2_135M)
    short, long = (ppo_memory(SMOLLM2_135M, hparams, longest_prompt=tokens).updating for tokens in (40, 3_000))
    assert long - short == (3_000 + 4 * 96 - hparams.tokens_per_micro_batch) * bytes_per_token(SMOLLM2_135M, 14)


def test_defaults_stay_small_for_any_size() -> None:
    for config, most in ((SHIPPED, 1.7), (SMOLLM2_135M, 4.5)):
        assert ppo_memory(config, fit_ppo(PPOHparams(), config), longest_prompt=60).total < most * GIB


@pytest.mark.parametrize(("available", "refused"), [(None, False), (0, True), (64 * GIB, False)])
def test_too_little_is_refused_with_what_to_change(available: int | None, refused: bool) -> None:
    hparams = fit_ppo(PPOHparams(max_tokens=77, lora_rank=0), SMOLLM2_135M)
    need = ppo_memory(SMOLLM2_135M, hparams, longest_prompt=40)
    found = too_little(need, available, hparams)
    assert (found is not None) is refused
    if found is not None:
        assert f"{need.total / GIB:.1f} GiB of memory and 0.0 GiB are free" in found
        assert "num_frozen_layers (now 14)" in found
        assert "lora_rank, now 0" in found
        assert "max_tokens (77)" in found


def test_just_enough_is_enough() -> None:
    hparams = fit_ppo(PPOHparams(), SMOLLM2_135M)
    need = ppo_memory(SMOLLM2_135M, hparams, longest_prompt=40)
    assert too_little(need, need.total, hparams) is None
    assert too_little(need, need.total - 1, hparams) is not None
