"""A tiny Llama with lively weights (norms not 1, logits not flat) and a tiny tokenizer."""

from pathlib import Path

import pytest
import torch

from app.hparams import ModelConfig
from app.lm.files.checkpoint import save_model
from app.lm.model import Llama
from app.lm.text.tokenizer import Tokenizer, train_tokenizer

TEXTS = [
    "Please tell me how to wash my hands with warm water. Use soap, and dry them well.",
    "A whale is a very big animal. It lives in the sea, but it breathes air.",
    "请告诉我怎么泡茶。先把水烧开，然后放茶叶。",
]


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return train_tokenizer(TEXTS * 3, 320)


@pytest.fixture(scope="session")
def config(tokenizer: Tokenizer) -> ModelConfig:
    return ModelConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
    )


@pytest.fixture(scope="session")
def model(config: ModelConfig) -> Llama:
    torch.manual_seed(0)
    model = Llama(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() == 1:
                weight.add_(0.2 * torch.randn_like(weight))
            else:
                weight.mul_(5.0)
    return model.eval()


@pytest.fixture
def directory(tmp_path: Path, model: Llama, tokenizer: Tokenizer) -> Path:
    save_model(tmp_path / "model", model, tokenizer, dtype=torch.float32)
    return tmp_path / "model"
