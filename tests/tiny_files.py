"""The files of a real Llama of two layers with random weights and a real, tiny tokenizer. Loads torch."""

from collections.abc import Sequence
from pathlib import Path

import torch

from app.hparams import ModelConfig
from app.lm.files.checkpoint import save_model
from app.lm.model import Llama
from app.lm.text.tokenizer import train_tokenizer


def write_tiny_model(directory: Path, texts: Sequence[str]) -> Path:
    """The same for the same texts, from which its tokenizer learns."""
    torch.manual_seed(0)
    tokenizer = train_tokenizer(texts, 300)
    sizes = ModelConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    save_model(directory, Llama(sizes), tokenizer)
    return directory
