"""Compiles the kernels of training for this processor and keeps them, so that nobody's first training waits for it.

python -m bin.compile_kernels
"""

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


def main() -> None:
    """One step of a model that is as small as can be, in the format that trainings use here."""
    model, packed, dtype = Llama(SMALL), pack([[1, 2]], [[[3, 4], [5]]], 0), matmul_dtype()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        states = token_states(model, lower_states(model, packed, 0), packed, 0)
        logprobs, _ = linear_logprobs(states, model.output_weight, packed.tokens[packed.token_mask], dtype)
    logprobs.sum().backward()


if __name__ == "__main__":
    main()
