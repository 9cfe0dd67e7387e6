"""Models of each family give transformers' numbers; what is not supported is refused by name."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from app.errors import AppError, InvalidError
from app.hparams import CONTEXT_LIMIT
from app.lm.files.checkpoint import load_model, save_model
from app.lm.files.families import read_config
from app.lm.layer import Layer
from app.lm.model import Llama
from app.model_info.weights import CheckpointError
from tests.lm.files.imported_models import CASES, change_json, save_random_model

pytest.importorskip("transformers")


def close(left: torch.Tensor, right: torch.Tensor, tolerance: float = 1e-4) -> None:
    torch.testing.assert_close(left, right, atol=tolerance, rtol=tolerance)


@pytest.fixture
def ids() -> torch.Tensor:
    return torch.randint(5, 400, (3, 40), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("case", CASES)
@torch.no_grad()
def test_logits_are_those_of_transformers(case: str, tmp_path: Path, ids: torch.Tensor) -> None:
    """Plain, and with padding on the left; token by token it is the decoder's test."""
    theirs = save_random_model(tmp_path, case)
    model, _ = load_model(tmp_path)
    wanted = theirs(ids).logits
    assert wanted.std() > 0.1, "a flat model proves nothing"
    close(model(ids), wanted)
    mask = torch.ones(3, 40, dtype=torch.bool)
    mask[1, :7] = False
    positions = (mask.long().cumsum(-1) - 1).clamp_min(0)
    padded = theirs(ids, attention_mask=mask.long(), position_ids=positions).logits
    close(model(ids, mask=mask)[mask], padded[mask])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@torch.no_grad()
def test_shards_and_half_precision(dtype: str, tmp_path: Path, ids: torch.Tensor) -> None:
    theirs = save_random_model(tmp_path, "qwen3-biases", dtype=dtype, max_shard_size="20KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    model, _ = load_model(tmp_path)
    close(model(ids), theirs(ids).logits)
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert {weight.dtype for weight in load_model(tmp_path, dtype=torch.bfloat16)[0].parameters()} == {torch.bfloat16}


@pytest.mark.parametrize("case", CASES)
@torch.no_grad()
def test_what_is_saved_again_opens_in_transformers(case: str, tmp_path: Path, ids: torch.Tensor) -> None:
    """As a version that training made of an imported one: the family's own class and config.json."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    theirs = save_random_model(tmp_path / "first", case)
    model, tokenizer = load_model(tmp_path / "first")
    save_model(tmp_path / "again", model, tokenizer, dtype=torch.float32)
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "again", dtype=torch.float32).eval()
    assert type(again) is type(theirs)
    close(again(ids).logits, theirs(ids).logits, 1e-6)
    assert {name for name, _ in again.named_parameters()} == {name for name, _ in model.named_parameters()}
    words = AutoTokenizer.from_pretrained(tmp_path / "again")
    conversation = [{"role": "user", "content": "How do I wash my hands? 水"}]
    rendered = words.apply_chat_template(conversation, add_generation_prompt=True, return_dict=False)
    assert rendered == tokenizer.encode_conversation([{"role": "user", "content": "How do I wash my hands? 水"}])
    settings = {"max_new_tokens": 3, "do_sample": False}
    assert torch.equal(again.generate(ids[:1], **settings), theirs.generate(ids[:1], **settings))


def test_context_is_bounded_by_window_positions_and_limit(tmp_path: Path) -> None:
    save_random_model(tmp_path, "mistral")
    model, _ = load_model(tmp_path)
    assert model.config.context_tokens == 64
    assert model.get_buffer("cosines").shape == (64, 10)
    change_json(tmp_path / "config.json", sliding_window=100_000, max_position_embeddings=32_768)
    assert read_config(tmp_path).context_tokens == CONTEXT_LIMIT
    change_json(tmp_path / "config.json", sliding_window=None, max_position_embeddings=100)
    assert read_config(tmp_path).context_tokens == 100


def test_layers_without_positions_are_told(tmp_path: Path) -> None:
    save_random_model(tmp_path, "smollm3")
    model, _ = load_model(tmp_path)
    for each in (model, Llama.on_meta(model.config)):
        rotated = [layer.self_attn.rotated for layer in each.model.layers if isinstance(layer, Layer)]
        assert rotated == [True, False, True]


REFUSED: list[tuple[dict[str, Any], type[AppError], str]] = [
    ({"model_type": "gemma2"}, InvalidError, "gemma2 is not of the Llama family; supported are llama, mistral, qwen2"),
    ({"model_type": None}, CheckpointError, "model_type"),
    ({"quantization_config": {"bits": 4}}, InvalidError, "quantized"),
    ({"num_local_experts": 8}, InvalidError, "mixture of experts"),
    ({"hidden_act": "gelu"}, InvalidError, "hidden_act gelu"),
    ({"rope_scaling": {"type": "dynamic", "factor": 2.0}}, InvalidError, "Rope type dynamic"),
    ({"rope_parameters": {"rope_type": "longrope", "factor": 2.0}}, InvalidError, "Rope type longrope"),
    ({"partial_rotary_factor": 0.5}, InvalidError, "partial_rotary_factor"),
    ({"layer_types": ["linear_attention"] * 3}, InvalidError, "linear_attention"),
    ({"rope_parameters": {"full_attention": {"rope_type": "default"}}}, InvalidError, "differ from layer to layer"),
    ({"hidden_size": None}, CheckpointError, "no entry 'hidden_size'"),
    ({"hidden_size": "32"}, CheckpointError, "hidden_size '32'"),
    ({"num_hidden_layers": 10**9}, CheckpointError, "num_hidden_layers"),
    (
        {"hidden_size": 10**400},
        CheckpointError,
        r"hidden_size 10{39}…, which is not a whole number from 1 to 16,777,216",
    ),
    ({"rope_theta": 10**400}, CheckpointError, "rope_theta 1.*, which is not a number from 0 to 1e"),
    ({"rms_norm_eps": 1e308}, CheckpointError, "rms_norm_eps 1e.308, which is not a number from 0 to 1"),
    ({"rms_norm_eps": math.nan}, CheckpointError, "rms_norm_eps nan"),
    ({"rope_parameters": {"rope_type": "linear", "factor": 1e300}}, CheckpointError, "factor 1e.300"),
    ({"max_position_embeddings": 1e308}, CheckpointError, "max_position_embeddings 1e.308"),
    ({"sliding_window": -1, "model_type": "mistral"}, CheckpointError, "sliding_window -1"),
    ({"num_attention_heads": True}, CheckpointError, "num_attention_heads"),
    ({"num_key_value_heads": 3}, CheckpointError, "do not share"),
    ({"head_dim": 7}, CheckpointError, "heads of 7"),
    ({"rms_norm_eps": "small"}, CheckpointError, "rms_norm_eps"),
    ({"tie_word_embeddings": "no"}, CheckpointError, "tie_word_embeddings"),
    ({"rope_parameters": {"rope_type": "linear"}}, CheckpointError, "factor"),
    ({"rope_parameters": [1]}, CheckpointError, "rope parameters"),
    ({"attention_bias": True}, CheckpointError, "has no tensor model.layers.0.self_attn.q_proj.bias"),
    ({"intermediate_size": 50}, CheckpointError, "does not fit"),
    ({"num_hidden_layers": 2}, CheckpointError, "a tensor model.layers.2.* too many"),
    ({"tie_word_embeddings": True}, CheckpointError, "lm_head.weight of its own"),
]


@pytest.mark.parametrize(("entries", "kind", "words"), REFUSED, ids=[words for *_, words in REFUSED])
def test_refused_by_name(entries: dict[str, Any], kind: type[AppError], words: str, tmp_path: Path) -> None:
    save_random_model(tmp_path, "llama")
    change_json(tmp_path / "config.json", **entries)
    with pytest.raises(kind, match=words):
        load_model(tmp_path)


def test_harmless_entries_are_ignored(tmp_path: Path) -> None:
    save_random_model(tmp_path, "llama")
    change_json(tmp_path / "config.json", transformers_version="9.0", something_new={"a": 1}, sliding_window=5)
    assert load_model(tmp_path)[0].config.context_tokens == 256
