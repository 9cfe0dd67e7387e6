"""Compiles the kernels of training for this processor and keeps them, so that nobody's first training waits for it.

python -m bin.compile_kernels [float32 bfloat16]
"""

import sys

import torch

from app.hparams import ModelConfig
from app.lm.model import Llama
from app.lm.precision import matmul_dtype
from app.training.linear_logprobs import linear_logprobs
from app.training.packing import lower_states, pack, token_states

SMALL = ModelConfig(
    vocab_size=8,
    hidden_size=8,
    intermediate_size=8,
    num_hidden_layers=1,
    num_attention_heads=1,
    num_key_value_heads=1,
    head_dim=8,
    max_position_embeddings=8,
)


def main(formats: list[str]) -> None:
    """One step of a model that is as small as can be, in these formats; if none is named, in that of trainings here."""
    for dtype in [getattr(torch, name) for name in formats] or [matmul_dtype()]:
        compile_for(dtype)


def compile_for(dtype: torch.dtype) -> None:
    model, packed = Llama(SMALL), pack([[1, 2]], [[[3, 4], [5]]], 0)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        states = token_states(model, lower_states(model, packed, 0), packed, 0)
        logprobs, _ = linear_logprobs(states, model.output_weight, packed.tokens[packed.token_mask], dtype)
    logprobs.sum().backward()


if __name__ == "__main__":
    main(sys.argv[1:])
