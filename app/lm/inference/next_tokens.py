"""One next token for each sequence of a batch, drawn by its own settings; those with the same settings together.

Shapes: R sequences, V vocabulary.
"""

import torch
from torch import Tensor

from app.lm.inference.adjustments import adjusted
from app.lm.inference.decoder import Decoder
from app.lm.inference.sampler import draw, filter_logits, finite_only, likeliest
from app.lm.inference.sequence import Note, Sequence, SequenceGroup

NOTED_AT_ONCE = 32  # rows of logits that are in memory together


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
    for place, sequence in enumerate(sequences):
        if sequence.logprobs is not None:
            sequence.note(_note(logits[place], chosen[place], sequence.logprobs))
    return chosen


def note_given(group: SequenceGroup, states: Tensor, start: int, decoder: Decoder) -> None:
    """Takes down the given tokens of which `states` [M,H] tell, those after the group's tokens from place `start`."""
    asked = [sequence.logprobs for sequence in group.unfinished if sequence.logprobs is not None]
    before = len(group.prompt) - 1  # what stands there tells of the first given token
    if not asked:
        return
    places = range(max(start, before), min(start + len(states), len(group.context) - 1))
    for first in range(places.start, places.stop, NOTED_AT_ONCE):
        some = range(first, min(first + NOTED_AT_ONCE, places.stop))
        for place, row in zip(some, decoder.logits(states[some.start - start : some.stop - start]), strict=True):
            group.notes.append(_note(row, group.context[place + 1], max(asked)))


def _draw_alike(sequences: list[Sequence], logits: Tensor) -> Tensor:
    params = sequences[0].params
    logits = adjusted(logits, [sequence.adjustments for sequence in sequences], params.repetition_penalty)
    if params.temperature == 0:
        return likeliest(logits)
    uniforms = torch.tensor([sequence.uniform for sequence in sequences])
    return draw(filter_logits(logits, params.temperature, params.top_k, params.top_p, params.min_p), uniforms)


def _note(logits: Tensor, token: int, alternatives: int) -> Note:
    """Of one row [V] alone: its bits do not depend on its neighbours."""
    full = logits.log_softmax(dim=-1)
    [logprob] = finite_only([float(full[token])])
    best = full.topk(min(alternatives, len(full)))
    return Note(logprob, list(zip(best.indices.tolist(), finite_only(best.values.tolist()), strict=True)))
