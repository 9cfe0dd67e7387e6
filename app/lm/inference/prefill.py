"""Prompts on their way into a cache: what is computed before an answer's first token.

Shapes: P prompts, V vocabulary, H hidden size.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from app.lm.inference.decoder import Decoder
from app.lm.inference.kv_cache import KVCache

PIECE_TOKENS = 256  # of one prompt at a time, so that a long one does not hold up what is being decoded


def prefill_piece(decoder: Decoder, piece: Sequence[int], start: int, cache: KVCache) -> Tensor:
    """Puts the tokens of a prompt that stand at `start` and on into row 0; returns the state after each of them."""
    ids = torch.tensor(piece)
    positions = torch.arange(start, start + len(ids))
    return decoder.states(ids, torch.zeros_like(ids), positions, cache)


def prefill_prompts(decoder: Decoder, prompts: Sequence[Sequence[int]], cache: KVCache) -> list[Tensor]:
    """Puts whole prompts into rows 0 and on; returns for each the states after its tokens [tokens,H]."""
    lengths = [len(prompt) for prompt in prompts]
    rows = torch.arange(len(prompts)).repeat_interleave(torch.tensor(lengths))
    positions = torch.cat([torch.arange(length) for length in lengths])
    ids = torch.tensor([token for prompt in prompts for token in prompt])
    return list(decoder.states(ids, rows, positions, cache).split(lengths))


@torch.inference_mode()
def prompt_logits(decoder: Decoder, prompt: Sequence[int]) -> Tensor:
    """[V] of the token after the prompt: what a sequence that answers it is drawn from first."""
    cache = decoder.new_cache(1, len(prompt))
    for start in range(0, len(prompt), PIECE_TOKENS):
        last = prefill_piece(decoder, prompt[start : start + PIECE_TOKENS], start, cache)
    return decoder.logits(last[-1:])[0]
