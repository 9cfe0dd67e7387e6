"""The Llama itself: padding, cache, packing, and agreement with transformers."""

from pathlib import Path

import pytest
import torch

from app.hparams import ModelConfig
from app.lm.model import Llama


def close(left: torch.Tensor, right: torch.Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(left, right, atol=tolerance, rtol=tolerance)


@pytest.fixture
def ids(config: ModelConfig) -> torch.Tensor:
    return torch.randint(5, config.vocab_size, (3, 11), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("side", ["left", "right"])
@torch.no_grad()
def test_padding_changes_nothing(model: Llama, ids: torch.Tensor, side: str) -> None:
    plain = model(ids)
    padding = torch.zeros(3, 4, dtype=torch.long)
    parts = (padding, ids) if side == "left" else (ids, padding)
    padded = torch.cat(parts, dim=1)
    mask = torch.cat([torch.full_like(part, part is ids, dtype=torch.bool) for part in parts], dim=1)
    found = model(padded, mask=mask)
    close(found[mask].view_as(plain), plain)
    assert torch.isfinite(found).all(), "a padding row without any key would be NaN"


@torch.no_grad()
def test_packed_mask_equals_separate_rows(model: Llama, ids: torch.Tensor) -> None:
    """Two answers behind one prompt under a full mask give what two rows give."""
    prompt, first, second = ids[0, :5], ids[1, :4], ids[2, :6]
    packed = torch.cat((prompt, first, second))[None]  # [1,15]
    mask = torch.ones(15, 15, dtype=torch.bool).tril()
    mask[9:, 5:9] = False  # the second answer does not see the first
    positions = torch.cat((torch.arange(9), torch.arange(5, 11)))[None]
    found = model(packed, mask=mask[None, None], positions=positions)
    close(found[0, :9], model(torch.cat((prompt, first))[None])[0])
    close(found[0, 9:], model(torch.cat((prompt, second))[None])[0, 5:])


@torch.no_grad()
def test_lower_layers_are_a_prefix(model: Llama, ids: torch.Tensor) -> None:
    lower = model.hidden_states(ids, num_layers=1, normalize=False)
    again = model.model.layers[1](lower, (model.cosines[None, None, :11], model.sines[None, None, :11]), None)
    close(again, model.hidden_states(ids, normalize=False))


@torch.no_grad()
def test_transformers_reads_the_same_model(model: Llama, directory: Path, ids: torch.Tensor) -> None:
    transformers = pytest.importorskip("transformers")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
    close(theirs(ids).logits, model(ids), 1e-4)
    assert {name for name, _ in theirs.named_parameters()} == {name for name, _ in model.named_parameters()}


@torch.no_grad()
def test_transformers_writes_the_same_greedy_text(model: Llama, directory: Path, ids: torch.Tensor) -> None:
    transformers = pytest.importorskip("transformers")
    from app.hparams import SamplingParams
    from app.lm.inference.decoder import Decoder
    from app.lm.inference.offline import sample_batch

    theirs = transformers.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
    settings = transformers.GenerationConfig(
        do_sample=False, max_new_tokens=12, eos_token_id=4, pad_token_id=0, bos_token_id=1
    )
    out = theirs.generate(ids[:1], attention_mask=torch.ones_like(ids[:1]), generation_config=settings)
    decoder = Decoder(model, torch.float32)
    params = SamplingParams(temperature=0, max_tokens=12)
    ours = sample_batch(decoder, frozenset({4}), [ids[0].tolist()], n=1, params=params)[0][0]
    assert ours.token_ids == out[0, 11:].tolist()
