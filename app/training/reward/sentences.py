"""An answer's sentences, and how likely each of them is: one that is false or astray stands out by itself.

Shapes: T tokens of an answer, S its sentences.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from app.lm.text.tokenizer import Tokenizer

SHORTEST = 3  # tokens: fewer are no sentence of their own
OPENING = 2  # tokens that say what a sentence will be about
ENDS = ".!?。！？\n"


def sentence_ends(tokenizer: Tokenizer) -> frozenset[int]:
    """Tokens that end a sentence or a line."""
    pieces = enumerate(tokenizer.pieces(range(tokenizer.vocab_size)))
    return frozenset(token for token, piece in pieces if any(mark in piece for mark in ENDS))


def sentence_spans(answer: Sequence[int], stops: frozenset[int]) -> list[tuple[int, int]]:
    """Where sentences begin and end in an answer whose last token is its end mark, which is in none of them; at least
    one. `stops` are the tokens that end a sentence; several in a row end one."""
    last, start = len(answer) - 1, 0
    spans: list[tuple[int, int]] = []
    for place in range(last):
        ends_here = answer[place] in stops and (place + 1 == last or answer[place + 1] not in stops)
        if ends_here and place + 1 - start >= SHORTEST:
            spans.append((start, place + 1))
            start = place + 1
    if spans and last - start < SHORTEST:
        spans[-1] = (spans[-1][0], last)
    elif last > start or not spans:
        spans.append((start, max(last, 1)))
    return spans


def sentence_statistics(spans: Sequence[tuple[int, int]], logprobs: Tensor, gained: Tensor) -> Tensor:
    """[S,6] in nats, of each sentence's tokens behind the prompt: mean, least, of the opening, and sum; and of what the
    prompt adds to them (`gained`), mean and sum. Both tensors [T]."""
    rows = []
    for start, end in spans:
        own, more = logprobs[start:end], gained[start:end]
        rows.append(torch.stack([own.mean(), own.amin(), own[:OPENING].sum(), own.sum(), more.mean(), more.sum()]))
    return torch.stack(rows)


def least_window(values: Tensor, tokens: int) -> Tensor:
    """The least mean of so many values [T] that follow one another; of all where there are fewer."""
    return values.unfold(0, min(tokens, len(values)), 1).mean(1).amin()
