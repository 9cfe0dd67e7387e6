"""What the next token of an answer is drawn from, laid open in three stages: the model's own distribution, what
penalties and temperature make of it, what top-k, top-p and min-p leave.

Each stage is computed by the functions that draw (adjustments.py, sampler.py), so what is shown is what is rolled.

Shapes: V vocabulary.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from app.chat import Distribution, NextToken, Rest
from app.hparams import SamplingParams
from app.lm.inference.adjustments import Adjustments, adjusted
from app.lm.inference.sampler import filter_logits, finite_only
from app.lm.inference.token_bytes import token_bytes, token_text
from app.lm.text.tokenizer import Tokenizer


@torch.inference_mode()
def distribution(
    tokenizer: Tokenizer, logits: Tensor, prompt: Sequence[int], given: Sequence[int], params: SamplingParams, k: int
) -> Distribution:
    """Of the token behind prompt and given tokens, from its logits [V]; k tokens are listed, without those that the
    model holds impossible. Raises BrokenModelError where the logits are no distribution."""
    [log_normalizer] = finite_only([float(logits.logsumexp(dim=-1))])
    logprobs = logits.log_softmax(dim=-1)  # as answers tell them, to the bit
    changed = _adjusted(logits, prompt, given, params)[None]
    tempered = filter_logits(changed, params.temperature, 0, 1.0)[0].softmax(dim=-1)
    filtered = filter_logits(changed, params.temperature, params.top_k, params.top_p, params.min_p)[0].softmax(dim=-1)
    stages = [logprobs.exp(), tempered, filtered]
    listed = _likeliest(logprobs, k)
    tokens = [
        NextToken(token, token_text(tokenizer, token), tuple(token_bytes(tokenizer, token)), *numbers)
        for token, *numbers in zip(
            listed.tolist(), *(each[listed].tolist() for each in (logprobs, *stages)), strict=True
        )
    ]
    unlisted = torch.ones_like(logits, dtype=torch.bool).index_fill(0, listed, False)
    left = [math.fsum(stage[unlisted].tolist()) for stage in stages]
    return Distribution(
        vocabulary=len(logits),
        tokens=tuple(tokens),
        rest=Rest(len(logits) - len(tokens), *left),
        prompt_token_ids=tuple(prompt),
        log_normalizer=log_normalizer,
        all_logprobs=logprobs.float().numpy().astype("<f4").tobytes(),
    )


def _adjusted(logits: Tensor, prompt: Sequence[int], given: Sequence[int], params: SamplingParams) -> Tensor:
    adjustments = Adjustments.of(params, prompt, len(logits))
    if adjustments is not None:
        for token in given:
            adjustments.append(token)
    return adjusted(logits[None], [adjustments], params.repetition_penalty)[0]


def _likeliest(logprobs: Tensor, k: int) -> Tensor:
    """Ids of the k likeliest tokens that are possible, of equal ones the first."""
    ordered = logprobs.sort(descending=True, stable=True)
    return ordered.indices[: min(k, int(ordered.values.isfinite().sum()))]
