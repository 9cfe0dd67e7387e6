"""What a sequence's settings do to its logits before a token is drawn: penalties and biases, kept up with its tokens.

Shapes: R sequences, V vocabulary.
"""

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from app.hparams import SamplingParams
from app.lm.inference.sampler import discount, penalized


class Adjustments:
    """Of one sequence, whose prompt it is told at the beginning and whose tokens as they come. Most settings need
    nothing of this: `of` gives None then."""

    def __init__(self, params: SamplingParams, prompt: Sequence[int], vocabulary: int) -> None:
        self._params = params
        self.seen: Tensor | None = None  # [V] bool, for the repetition penalty
        self.bias: Tensor | None = None  # [V], of a logit_bias
        self.discounts: Tensor | None = None  # [V], what the frequency and presence penalties take off
        self._counts = Counter[int]()  # of the answer's tokens, for these two
        if params.repetition_penalty != 1:
            self.seen = torch.zeros(vocabulary, dtype=torch.bool)
            self.seen[torch.tensor(prompt)] = True
        if params.logit_bias:
            self.bias = torch.zeros(vocabulary)
            for token, amount in params.logit_bias:
                self.bias[token] = amount
        if params.frequency_penalty or params.presence_penalty:
            self.discounts = torch.zeros(vocabulary)

    @classmethod
    def of(cls, params: SamplingParams, prompt: Sequence[int], vocabulary: int) -> "Adjustments | None":
        penalties = params.frequency_penalty or params.presence_penalty or params.repetition_penalty != 1
        return cls(params, prompt, vocabulary) if penalties or params.logit_bias else None

    def append(self, token: int) -> None:
        if self.seen is not None:
            self.seen[token] = True
        if self.discounts is not None:
            self._counts[token] += 1
            params = self._params
            taken = discount(self._counts[token], params.frequency_penalty, params.presence_penalty)
            self.discounts[token] = -taken


def adjusted(logits: Tensor, all_adjustments: Sequence[Adjustments | None], repetition_penalty: float) -> Tensor:
    """[R,V] logits with each sequence's biases, then the repetition penalty, which is the same for all, then the other
    penalties; the same tensor where there are none."""
    logits = _shifted(logits, [None if one is None else one.bias for one in all_adjustments])
    if repetition_penalty != 1:
        seen = [one.seen for one in all_adjustments if one is not None and one.seen is not None]
        logits = penalized(logits, torch.stack(seen), repetition_penalty)
    return _shifted(logits, [None if one is None else one.discounts for one in all_adjustments])


def _shifted(logits: Tensor, shifts: Sequence[Tensor | None]) -> Tensor:
    """[R,V] logits with each row's [V] added; the same tensor where no row has one. Row by row: a row's bits do not
    depend on its neighbours."""
    if all(shift is None for shift in shifts):
        return logits
    return torch.stack([row if shift is None else row + shift for row, shift in zip(logits, shifts, strict=True)])
