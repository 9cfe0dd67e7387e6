"""Answers to a list of prompts, from start to end: for rollouts, evaluations and the command line. Knows no text.

The engine of the pages drives the same Scheduler from its thread; nothing else here is of its own.
"""

from collections.abc import Callable, Sequence

import torch

from app.hparams import SamplingParams
from app.lm.inference.decoder import Decoder
from app.lm.inference.sampler import base_seed
from app.lm.inference.scheduler import MAX_SEQUENCES, Scheduler
from app.lm.inference.sequence import Completion, SequenceGroup, new_sequences
from app.lm.model import Llama
from app.lm.precision import matmul_dtype


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
) -> list[list[Completion]]:
    """n answers for each prompt. `params.seed`, else the generator, else chance gives the seed.

    At most MAX_SEQUENCES are written at once; others follow as they end. should_stop is asked before every step, and
    what is there then is returned. logprobs: fill Completion.logprobs.
    """
    decoder = model if isinstance(model, Decoder) else Decoder(model, matmul_dtype())
    if params.max_tokens < 1:
        return [[Completion() for _ in range(n)] for _ in prompts]
    seed, alternatives = base_seed(params, generator), 0 if logprobs else None
    scheduler, groups = Scheduler(decoder, max_sequences=MAX_SEQUENCES), list[SequenceGroup]()
    for place, prompt in enumerate(prompts):
        sequences = new_sequences(n, params, end_ids, seed, first=place * n, logprobs=alternatives)
        groups.append(SequenceGroup(list(prompt), sequences))
        scheduler.add(groups[-1])
    while scheduler.busy and not (should_stop is not None and should_stop()):
        scheduler.admit()
        scheduler.step()
    return [[sequence.completion for sequence in group.sequences] for group in groups]
