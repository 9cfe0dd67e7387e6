"""Training on architectures of imported models: the same laws hold, and results are of the family they came from."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from app.hparams import ModelConfig, RewardHparams, Rope, SFTHparams
from app.lm.files.checkpoint import load_model, save_model
from app.lm.layer import Layer
from app.lm.model import Llama
from app.policy_hparams import PPOHparams
from app.training.context import drain
from app.training.packing import last_layer_at, lower_states, pack
from app.training.policy.episodes import PolicyTask
from app.training.ppo.trainer import train_policy
from app.training.reward.data import RankedGroup, below_top
from app.training.reward.network import RewardModel, load_reward_model, save_reward_model
from app.training.reward.pooling_layer import LENGTH_LOGIT, collect_statistics, install
from app.training.reward.scoring import score_answers
from app.training.reward.trainer import train_reward_model
from app.training.sft import Example, Marks, train_sft
from app.training.supervised import Batch, batch_loss
from tests.training.tiny import BOS, CONFIG, END, ENDS, PAD, NoContext, random_groups, random_tokens

YARN = Rope(rope_type="yarn", factor=4.0, original_max_position_embeddings=16)
VARIANTS: dict[str, ModelConfig] = {
    "biases and yarn": replace(
        CONFIG, attention_bias=True, attention_out_bias=True, mlp_bias=True, rope=YARN, source="{}"
    ),
    "query and key norms": replace(CONFIG, qk_norm=True, head_dim=16, model_type="qwen3"),
    "norms, a head each": replace(CONFIG, qk_norm=True, num_key_value_heads=4, model_type="qwen3"),
    "no positions, untied": replace(CONFIG, unrotated_layers=(0, 2), tie_word_embeddings=False, head_dim=6),
}


def lively(config: ModelConfig, seed: int = 0) -> Llama:
    torch.manual_seed(seed)
    model = Llama(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 2:
                weight.mul_(3.0)
            else:
                weight.add_(0.2 * torch.randn_like(weight), alpha=1.0 if "bias" in name else 0.5)
    return model.eval()


@pytest.fixture(params=VARIANTS)
def model(request: pytest.FixtureRequest) -> Llama:
    return lively(VARIANTS[request.param])


@pytest.mark.usefixtures("fp32")
@torch.no_grad()
def test_packed_rows_equal_single_ones(model: Llama) -> None:
    prompts, answers = random_groups(3, 4)
    packed = pack(prompts, answers, PAD)
    whole = lower_states(model, packed, model.config.num_hidden_layers)
    last = last_layer_at(model, lower_states(model, packed, 2), packed, packed.last_index)
    for row, (prompt, group) in enumerate(zip(prompts, answers, strict=True)):
        for k, answer in enumerate(group):
            alone = model.hidden_states(torch.tensor([prompt + answer]), normalize=False)[0, -1]
            torch.testing.assert_close(whole[row, packed.last_index[row, k]], alone, rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(last[row, k], model.model.norm(alone), rtol=1e-4, atol=1e-4)


def test_a_simple_taste_is_learned(model: Llama) -> None:
    """Of every family's states: shorter is better."""
    prompts, answers = random_groups(60, 4)
    groups = []
    for index, (prompt, group) in enumerate(zip(prompts, answers, strict=True)):
        lengths = sorted({len(answer) for answer in group})
        groups.append(RankedGroup(index, prompt, group, [lengths.index(len(answer)) + 1 for answer in group]))
    asked, answered = random_groups(40, 1, seed=99)
    samples = [(prompt, group[0]) for prompt, group in zip(asked, answered, strict=True)]
    hparams = RewardHparams(num_layers=2)
    trained = drain(train_reward_model(model, groups, samples, hparams, ends=ENDS, pad_id=PAD, context=NoContext()))
    assert float(trained.metrics["held_out_accuracy"]) > 0.8


@pytest.mark.parametrize("name", ["biases and yarn", "no positions, untied"])
@torch.no_grad()
def test_the_pooling_layer_looks_as_strongly_as_it_says(name: str) -> None:
    """Head 0 gives the first token e^3.5 against 1 of any other, whatever biases there were and YaRN multiplies by."""
    prompts, answers = random_groups(40, 1, seed=99)
    model = RewardModel.from_sft(lively(VARIANTS[name]), 1, seed=0)
    pairs = [(prompt, group[0]) for prompt, group in zip(prompts, answers, strict=True)]
    packed = pack([prompt for prompt, _ in pairs], [[answer] for _, answer in pairs], PAD)
    install(model.backbone, collect_statistics(below_top(model, packed), packed))
    layer, config = model.backbone.model.layers[0], model.config
    assert isinstance(layer, Layer)
    normed = layer.input_layernorm(model.backbone.model.embed_tokens(torch.tensor([[BOS, END]])))
    query = layer.self_attn.q_proj(normed)[:, 1:].view(1, -1, 1, config.head_dim)
    key = layer.self_attn.k_proj(normed)[:, :1].view(1, -1, 1, config.head_dim)
    angles = (model.backbone.cosines[:1], model.backbone.sines[:1])
    turned = [layer.self_attn.turned(heads, 0, angles)[0, 0, 0] for heads in (query, key)]
    assert (turned[0] @ turned[1] / config.head_dim**0.5).item() == pytest.approx(LENGTH_LOGIT, rel=0.05)
    written = layer.self_attn.o_proj(torch.zeros(1, config.num_attention_heads * config.head_dim))
    assert not (written + layer.mlp(torch.zeros(1, config.hidden_size))).any()


def test_ppo_begins_at_ratio_one_and_moves(model: Llama) -> None:
    hparams = PPOHparams(total_episodes=16, batch_size=8, max_tokens=6, num_frozen_layers=1)
    prompts, _ = random_groups(4, 1)
    reward = RewardModel.from_sft(model, 1, seed=1)
    result = drain(train_policy(PolicyTask(model, model, reward, prompts, ENDS, PAD), hparams, NoContext()))
    assert result.metrics["val/ratio_first"] == pytest.approx(1.0, abs=0.02)
    assert result.model.config == model.config
    moved = [name for name, weight in result.model.state_dict().items() if not weight.equal(model.state_dict()[name])]
    assert any("layers.2" in name for name in moved)
    assert not any("layers.0" in name or "embed" in name for name in moved)


def test_sft_learns_the_last_answers_where_no_token_marks_them(model: Llama) -> None:
    generator = torch.Generator().manual_seed(0)
    examples = [Example([1, 2, *random_tokens(4, generator), 3], [7, 8, 9]) for _ in range(64)]
    hparams = SFTHparams(total_pairs=640, context_tokens=24, batch_rows=4, warmup_steps=2, learning_rate=5e-3)
    result = drain(train_sft(model, examples, examples[:16], hparams, marks=Marks(None, END, PAD), context=NoContext()))
    assert result.metrics["loss/train"] < 0.5


def test_an_own_output_layer_gets_the_gradient() -> None:
    model = lively(VARIANTS["no positions, untied"])
    batch_loss(model, Batch(torch.tensor([[5, 6, 7]]), torch.tensor([[6, 7, 8]]))).backward()
    assert model.lm_head.weight.grad is not None
    assert model.lm_head.weight.grad.abs().sum() > 0


# Files, with transformers


@pytest.fixture
def imported(tmp_path: Path) -> Callable[[str], tuple[Llama, Any, Any]]:
    pytest.importorskip("transformers")
    from tests.lm.files.imported_models import save_random_model

    def imported(case: str) -> tuple[Llama, Any, Any]:
        theirs = save_random_model(tmp_path / "source", case)
        return *load_model(tmp_path / "source"), theirs

    return imported


@pytest.mark.parametrize("case", ["llama-biases", "llama-yarn", "mistral", "qwen2", "qwen3", "smollm3"])
@pytest.mark.usefixtures("fp32")
def test_reward_models_open_in_their_family(
    case: str, tmp_path: Path, imported: Callable[[str], tuple[Llama, Any, Any]]
) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model, tokenizer, causal = imported(case)
    save_reward_model(tmp_path / "reward", RewardModel.from_sft(model, 2, seed=0), tokenizer)
    theirs = AutoModelForSequenceClassification.from_pretrained(tmp_path / "reward").eval()
    family = type(causal).__name__.removesuffix("ForCausalLM")
    assert type(theirs).__name__ == family + "ForSequenceClassification"
    prompts, answers = random_groups(3, 4)
    end, pad = tokenizer.end_id, tokenizer.pad_id
    answers = [[[*answer[:-1], end] for answer in group] for group in answers]
    rows = [prompt + answer for prompt, group in zip(prompts, answers, strict=True) for answer in group]
    width = max(map(len, rows))
    ids = torch.tensor([row + [pad] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    with torch.no_grad():
        expected = theirs(ids, attention_mask=mask).logits.view(3, 4)
    found = score_answers(load_reward_model(tmp_path / "reward"), prompts, answers, ends=tokenizer.ends)
    torch.testing.assert_close(torch.tensor(found), expected, rtol=1e-4, atol=1e-4)
    assert AutoTokenizer.from_pretrained(tmp_path / "reward").eos_token_id == end


@pytest.mark.parametrize("case", ["mistral", "qwen3", "smollm3"])
def test_a_policy_that_ppo_made_is_of_its_family(
    case: str, tmp_path: Path, imported: Callable[[str], tuple[Llama, Any, Any]]
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer, causal = imported(case)
    hparams = PPOHparams(total_episodes=4, batch_size=4, max_tokens=4, num_frozen_layers=1)
    prompts = [tokenizer.encode_conversation([{"role": "user", "content": "How do I wash my hands?"}])]
    reward, ends, pad = RewardModel.from_sft(model, 1, seed=1), tokenizer.ends, tokenizer.pad_id
    result = drain(train_policy(PolicyTask(model, model, reward, prompts, ends, pad), hparams, NoContext()))
    save_model(tmp_path / "policy", result.model, tokenizer, dtype=None)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "policy", dtype=torch.float32).eval()
    assert type(theirs) is type(causal)
    ids = torch.tensor(prompts)
    with torch.no_grad():
        torch.testing.assert_close(theirs(ids).logits, result.model(ids), rtol=1e-4, atol=1e-4)
    words = AutoTokenizer.from_pretrained(tmp_path / "policy")
    out = theirs.generate(ids, max_new_tokens=3, do_sample=False)
    assert out.shape[1] > ids.shape[1]
    assert words.eos_token_id == tokenizer.end_id
    assert words.pad_token_id == theirs.config.pad_token_id == theirs.generation_config.pad_token_id
    assert words.pad_token_id not in tokenizer.end_ids
