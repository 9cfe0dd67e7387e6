"""Answers to a list of prompts, from start to end: for rollouts, evaluations and the command line. Knows no text.

The engine of the pages drives the same Batch from its thread; nothing else here is of its own.
"""

import secrets
from collections import deque
from collections.abc import Callable, Sequence

import torch

from app.hparams import SamplingParams
from app.lm.inference.batch import MAX_ROWS, Batch, Completion, Row
from app.lm.inference.decoder import Decoder
from app.lm.inference.sampler import derived_seed, uniform_stream
from app.lm.model import Llama
from app.lm.precision import matmul_dtype

__all__ = ["Completion", "Decoder", "answer_rows", "base_seed", "derived_seed", "sample_batch"]


def base_seed(params: SamplingParams, generator: torch.Generator | None = None) -> int:
    if params.seed is not None:
        return params.seed
    if generator is not None:
        return int(torch.randint(2**62, (), generator=generator))
    return secrets.randbits(62)


def answer_rows(
    n: int, params: SamplingParams, end_ids: frozenset[int], seed: int, *, first: int = 0, logprobs: int | None = None
) -> list[Row]:
    """n rows with dice of their own, those of rows `first` and on of this seed."""
    return [
        Row(params, end_ids, uniform_stream(seed, first + index, params.max_tokens), logprobs=logprobs)
        for index in range(n)
    ]


def sample_batch(
    model: Llama | Decoder,
    end_ids: frozenset[int],
    prompts: Sequence[Sequence[int]],
    *,
    n: int,
    params: SamplingParams,
    generator: torch.Generator | None = None,
    should_stop: Callable[[], bool] | None = None,
    logprobs: bool = False,
    max_rows: int = MAX_ROWS,
) -> list[list[Completion]]:
    """n answers for each prompt. `params.seed`, else the generator, else chance decides the dice.

    At most max_rows are written at once; others follow as they end. should_stop is asked before every step, and what is
    there then is returned. logprobs: fill Completion.logprobs.
    """
    decoder = model if isinstance(model, Decoder) else Decoder(model, matmul_dtype())
    if params.max_tokens < 1:
        return [[Completion() for _ in range(n)] for _ in prompts]
    seed = base_seed(params, generator)
    groups = [
        answer_rows(n, params, end_ids, seed, first=place * n, logprobs=0 if logprobs else None)
        for place in range(len(prompts))
    ]
    batch, waiting = Batch(decoder, max_rows=max_rows), deque(zip(prompts, groups, strict=True))
    while (waiting or batch.busy) and not (should_stop is not None and should_stop()):
        while waiting and batch.has_room(n, len(waiting[0][0]) + params.max_tokens):
            batch.add(*waiting.popleft())
        batch.step()
    return [[row.completion for row in rows] for rows in groups]
