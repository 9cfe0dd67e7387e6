"""One next token for each sequence of a batch, drawn by its own settings; those with the same settings together.

Shapes: R sequences, V vocabulary.
"""

import torch
from torch import Tensor

from app.lm.inference.adjustments import adjusted
from app.lm.inference.sampler import draw, filter_logits, finite_only, likeliest
from app.lm.inference.sequence import Sequence


def next_tokens(sequences: list[Sequence], logits: Tensor) -> list[int]:
    """R tokens from logits [R,V]; their log-probabilities are noted where a sequence asks for them."""
    alike: dict[tuple[float, ...], list[int]] = {}
    for place, sequence in enumerate(sequences):
        p = sequence.params
        alike.setdefault((p.temperature, p.top_k, p.top_p, p.min_p, p.repetition_penalty), []).append(place)
    tokens = torch.zeros(len(sequences), dtype=torch.long)
    for places in alike.values():
        index = torch.tensor(places)
        own = logits if len(alike) == 1 else logits[index]
        tokens[index] = _draw_alike([sequences[place] for place in places], own)
    chosen: list[int] = tokens.tolist()
    _note_logprobs(sequences, logits, chosen)
    return chosen


def _draw_alike(sequences: list[Sequence], logits: Tensor) -> Tensor:
    params = sequences[0].params
    logits = adjusted(logits, [sequence.adjustments for sequence in sequences], params.repetition_penalty)
    if params.temperature == 0:
        return likeliest(logits)
    uniforms = torch.tensor([sequence.uniform for sequence in sequences])
    return draw(filter_logits(logits, params.temperature, params.top_k, params.top_p, params.min_p), uniforms)


def _note_logprobs(sequences: list[Sequence], logits: Tensor, tokens: list[int]) -> None:
    """Row by row: a row's bits do not depend on its neighbours."""
    for place, sequence in enumerate(sequences):
        if sequence.logprobs is None:
            continue
        full = logits[place].log_softmax(dim=-1)  # [V]
        sequence.completion.logprobs += finite_only([float(full[tokens[place]])])
        best = full.topk(min(sequence.logprobs, len(full)))
        alternatives = zip(best.indices.tolist(), finite_only(best.values.tolist()), strict=True)
        sequence.completion.top.append(list(alternatives))
