"""The choice of a token: the smallest set of tokens that reaches a probability, and one token by the inverse cumulative
distribution.

Each row is computed alone, in one order, by one thread; no row's whole vocabulary is sorted, unless all of it is as
likely.

Shapes: R rows, V vocabulary.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numba import types
from numba.extending import overload
from torch import Tensor

from app.lm.kernels.compiling import Array, inner, kernel, pointed_to
from app.lm.kernels.elementwise import LEAST, ZERO, exponential
from app.lm.kernels.tasks import floats, next_member, next_piece, share, task_of, words
from app.lm.kernels.team import members

_BLOCK = 256  # numbers of which only the sum is looked at, unless the token is among them
_LOGITS, _UNIFORMS, _CHOSEN, _ROWS, _VOCABULARY, _SCRATCH = range(6)


def _exp(number: Any) -> Any:
    """In the number's own format."""
    raise NotImplementedError


def _exp_of(number: Any) -> Callable[[Any], Any]:
    if number == types.float32:
        return lambda number: exponential(number)
    return lambda number: math.exp(number)


overload(_exp, inline="always", strict=False)(_exp_of)


@inner
def _weigh(logits: Array, weights: Array) -> Any:
    """weights [V] become exp(logit - max), 0 where that is below exp(-87); returns their sum."""
    most = logits[0]
    for token in range(logits.size):
        most = max(most, logits[token])
    total = most - most
    for token in range(logits.size):
        below = logits[token] - most
        weight = _exp(below) if below > LEAST else ZERO
        weights[token] = weight
        total += weight
    return total


@inner
def _find(weights: Array, wanted: np.float32) -> int:
    """The first token with which the running sum of weights [V] is above `wanted`; else the last with any weight."""
    running, start = ZERO, 0
    while start < weights.size:
        block, part = weights[start : start + _BLOCK], ZERO
        for place in range(block.size):
            part += block[place]
        if running + part > wanted:
            break
        running += part
        start += _BLOCK
    last = 0
    for token in range(min(start, weights.size), weights.size):
        running += weights[token]
        if running > wanted:
            return token
    for token in range(weights.size):
        if weights[token] > ZERO:
            last = token
    return last


@inner
def _candidates(weights: Array, least: float, candidates: Array) -> int:
    """The tokens that weigh `least` or more, in their order; returns how many there are."""
    count = 0
    for token in range(weights.size):
        if weights[token] >= least:
            candidates[count] = token
            count += 1
    return count


@kernel
def keep_likeliest(logits: Array, probability: float, kept: Array) -> None:
    """logits [R,V] -> kept [R,V] bool: the smallest set of tokens whose probability reaches `probability`, of equal
    ones the first (Holtzman et al. 2020), at least one; the whole row where the softmax is not defined.

    What is left out in the end weighs 1 - probability together: each token that weighs less than the V-th part of this
    is left out at once (half of it, for rounding), and the others are sorted."""
    vocabulary = logits.shape[1]
    weights, candidates = np.empty(vocabulary, logits.dtype), np.empty(vocabulary, np.int64)
    for row in range(len(logits)):
        all_logits, stays = logits[row], kept[row]
        total = float(_weigh(all_logits, weights))
        stays[:] = not total > 0
        if not total > 0:
            continue
        least = (1 - probability) * total / (2 * vocabulary)
        some = candidates[: _candidates(weights, least, candidates)]
        reached = 0.0
        for place in np.argsort(-all_logits[some], kind="mergesort"):
            if reached >= probability * total and reached > 0:
                break
            token = some[place]
            stays[token] = True
            reached += weights[token]


def _choose_rows(pointer: Any) -> None:
    task = task_of(pointer)
    rows, vocabulary = task[_ROWS], task[_VOCABULARY]
    logits, uniforms = floats(task[_LOGITS], (rows, vocabulary)), floats(task[_UNIFORMS], rows)
    chosen = words(task[_CHOSEN], rows)
    weights = floats(task[_SCRATCH] + 4 * vocabulary * next_member(task), vocabulary)
    row = next_piece(task)
    while row < rows:
        total = _weigh(logits[row], weights)
        chosen[row] = _find(weights, uniforms[row] * total) if total > ZERO else -1
        row = next_piece(task)


@functools.cache
def _member() -> int:
    return pointed_to(_choose_rows)


def choose(logits: Tensor, uniforms: Tensor) -> Tensor:
    """A token for each row [R] by the inverse cumulative distribution of its softmax: logits [R,V] and uniforms [R] in
    [0,1), both fp32; -1 in a row of which the softmax is not defined. A token of which the logit is -inf is never
    chosen. By torch's threads."""
    assert logits.is_contiguous()
    assert uniforms.is_contiguous()
    assert logits.dtype == uniforms.dtype == torch.float32
    chosen, vocabulary = torch.empty(len(logits), dtype=torch.long), logits.shape[1]
    scratch = torch.empty(members(), vocabulary)
    share(_member(), [logits, uniforms, chosen, len(logits), vocabulary, scratch])
    return chosen
