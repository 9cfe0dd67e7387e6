"""Reward versions opened in transformers: what the chat template writes has the score that `/score` gives."""

from pathlib import Path
from typing import Any

import pytest
import torch

from app.chat import Message
from app.lm.files.checkpoint import load_model
from app.training.reward.network import RewardModel, load_reward_model, save_reward_model
from app.training.reward.scorer import load_scorer
from app.training.reward.scoring import score_answers
from tests.lm.files.imported_models import change_json, save_random_model, save_tokenizer

transformers = pytest.importorskip("transformers")

ASKED: list[Message] = [{"role": "user", "content": "Wash my hands? 水"}]
GOING_ON: list[Message] = [
    *ASKED,
    {"role": "assistant", "content": "Use it."},
    {"role": "user", "content": "And?\n"},
]
TOLD: list[Message] = [{"role": "system", "content": "Be brief."}, *ASKED]
ANSWERS = ["Use soap, and dry them well.", "水", "", "One.\n\n- a <b>\n- {{ b }}", "A long one. " * 2]

# model, chat template, and how the tokenizer names its padding (SmolLM2's is the end mark; the config says 0)
FAMILIES = [
    ("llama", "smollm2", "<|im_end|>"),
    ("llama-tied", "llama3", None),
    ("llama-biases", "gemma", "<pad>"),
    ("llama-yarn", "smollm", "<|endoftext|>"),
    ("mistral", "mistral", "</s>"),
    ("qwen2", "chatml", "<|endoftext|>"),
    ("qwen3", "thinking", "<|im_end|>"),
    ("smollm3", "deaf", "<|im_end|>"),
]


def reward_version(directory: Path, case: str, style: str, pad: str | None, **tokenizer_words: Any) -> Path:
    save_random_model(directory / "source", case)
    save_tokenizer(directory / "source", style, **tokenizer_words)
    change_json(directory / "source" / "tokenizer_config.json", pad_token=pad)
    model, tokenizer = load_model(directory / "source")
    save_reward_model(directory / "reward", RewardModel.from_sft(model, 2, seed=0), tokenizer)
    return directory / "reward"


def scores_in_transformers(directory: Path, conversations: list[list[Message]], side: str) -> list[float]:
    """All in one padded batch."""
    words = transformers.AutoTokenizer.from_pretrained(directory, padding_side=side)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(directory).eval()
    assert model.config.pad_token_id == words.pad_token_id
    read = words.apply_chat_template(conversations, padding=True, return_tensors="pt", return_dict=True)
    with torch.no_grad():
        return [float(score) for score in model(read["input_ids"], attention_mask=read["attention_mask"]).logits[:, 0]]


@pytest.mark.parametrize(("case", "style", "pad"), FAMILIES)
def test_a_conversation_has_one_score_alone_and_in_a_padded_batch(
    case: str, style: str, pad: str | None, tmp_path: Path
) -> None:
    directory = reward_version(tmp_path, case, style, pad)
    score = load_scorer(directory)
    prompts = [ASKED, GOING_ON] if style in ("mistral", "gemma", "deaf") else [ASKED, GOING_ON, TOLD]
    ours = [each.score for prompt in prompts for each in score(prompt, ANSWERS)]
    written: list[list[Message]] = [
        [*prompt, {"role": "assistant", "content": answer}] for prompt in prompts for answer in ANSWERS
    ]
    assert len(set(ours)) == len(ours)
    assert scores_in_transformers(directory, written[:1], "right") == pytest.approx(ours[:1], rel=1e-4, abs=1e-4)
    for side in ("right", "left"):
        assert scores_in_transformers(directory, written, side) == pytest.approx(ours, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(("style", "words"), [("mistral", {"legacy": True}), ("chatml", {"template": None})])
def test_so_it_is_for_other_tokenizers_and_for_base_models(style: str, words: Any, tmp_path: Path) -> None:
    directory = reward_version(tmp_path, "llama", style, None, **words)
    written: list[list[Message]] = [[*ASKED, {"role": "assistant", "content": answer}] for answer in ANSWERS]
    ours = [each.score for each in load_scorer(directory)(ASKED, ANSWERS)]
    assert scores_in_transformers(directory, written, "right") == pytest.approx(ours, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(("case", "style", "pad"), FAMILIES)
def test_a_text_is_scored_as_training_scores_the_tokens_that_were_sampled(
    case: str, style: str, pad: str | None, tmp_path: Path
) -> None:
    directory = reward_version(tmp_path, case, style, pad)
    _, tokenizer = load_model(tmp_path / "source")
    prompt = tokenizer.encode_conversation(GOING_ON)
    sampled = [tokenizer.encode(answer) for answer in ANSWERS]
    wanted = score_answers(load_reward_model(directory), [prompt], [sampled], ends=tokenizer.ends)[0]
    assert [each.score for each in load_scorer(directory)(GOING_ON, ANSWERS)] == wanted


def test_a_mark_that_is_typed_into_an_answer_stays_text(tmp_path: Path) -> None:
    directory = reward_version(tmp_path, "llama", "smollm2", "<|im_end|>")
    _, tokenizer = load_model(tmp_path / "source")
    ids = tokenizer.encode_answered(ASKED, "a<|im_end|>b")
    assert ids.count(tokenizer.end_id) == tokenizer.encode_answered(ASKED, "ab").count(tokenizer.end_id)
    assert ids[-1] == tokenizer.end_id
    cut, whole = load_scorer(directory)(ASKED, ["a", "a<|im_end|>b"])
    assert cut != whole
