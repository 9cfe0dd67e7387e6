"""A tiny random model and random answers for the training tests. No text: token ids only."""

from typing import Any

import torch

from app.hparams import ModelConfig
from app.lm.model import Llama
from app.lm.text.end_tokens import EndTokens

PAD, BOS, USER, ASSISTANT, END = range(5)
ENDS = EndTokens(END)
CONFIG = ModelConfig(
    vocab_size=48,
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
)


def tiny_model(seed: int = 0, *, scale: float = 3.0) -> Llama:
    """Weights three times the usual deviation, so that attention is not nearly uniform and faults show."""
    torch.manual_seed(seed)
    model = Llama(CONFIG)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.mul_(scale)
    return model.eval()


def random_tokens(count: int, generator: torch.Generator) -> list[int]:
    return torch.randint(END + 1, CONFIG.vocab_size, (count,), generator=generator).tolist()


def random_groups(
    num_prompts: int, num_answers: int, seed: int = 0, *, ended: bool = True
) -> tuple[list[list[int]], list[list[list[int]]]]:
    """Prompts of 3 to 7 tokens, answers of 2 to 9 tokens (the end among them)."""
    generator = torch.Generator().manual_seed(seed)

    def length(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (1,), generator=generator))

    prompts = [[BOS, USER, *random_tokens(length(1, 4), generator), ASSISTANT] for _ in range(num_prompts)]
    answers = [
        [[*random_tokens(length(1, 8), generator), *([END] if ended else [])] for _ in range(num_answers)]
        for _ in range(num_prompts)
    ]
    return prompts, answers


class NoContext:
    """A trainer's surroundings that keep nothing."""

    def load(self) -> dict[str, Any] | None:
        return None

    def save(self, state: dict[str, Any]) -> None:
        del state
