"""What lies between the products of a training step, forward and backward: norms, gates, the softmax of a vocabulary.

One pass over memory where torch takes several. A token is computed alone and in one order, so that its bits depend on
nothing beside it; all arithmetic is fp32. Threads take blocks of tokens.

Shapes: N tokens, H hidden size, I inner size, V vocabulary.
"""

import functools
from typing import Any

import numpy as np
import torch
from torch import Tensor

from app.lm.kernels.compiling import Array, inner, pointed_to
from app.lm.kernels.elementwise import ONE, ZERO, exponential, narrow, widen
from app.lm.kernels.tasks import float_of, floats, halves, is_bf16, next_piece, share, task_of, words

TOKENS_AT_ONCE = 32  # of a block


# Norm -------------------------------------------------------------------------------------------------------


@inner
def _norm(task: Any, more: Array, normed: Array) -> None:
    tokens, size, epsilon = task[0], task[1], float_of(task[2])
    states, out = floats(task[3], (tokens, size)), floats(task[4], (tokens, size))
    weights, scales = floats(task[5], size), floats(task[6], tokens)
    first = next_piece(task) * TOKENS_AT_ONCE
    while first < tokens:
        for token in range(first, min(tokens, first + TOKENS_AT_ONCE)):
            state, added, grown, result = states[token], more[token], out[token], normed[token]
            total = ZERO
            for i in range(size):
                value = state[i] + widen(added[i])
                grown[i] = value
                total += value * value
            scale = ONE / np.sqrt(total / np.float32(size) + epsilon)
            scales[token] = scale
            for i in range(size):
                result[i] = narrow(grown[i] * scale * weights[i], result[i])
        first = next_piece(task) * TOKENS_AT_ONCE


def _norm_fp32(pointer: Any) -> None:
    task = task_of(pointer)
    _norm(task, floats(task[7], (task[0], task[1])), floats(task[8], (task[0], task[1])))


def _norm_bf16(pointer: Any) -> None:
    task = task_of(pointer)
    _norm(task, halves(task[7], (task[0], task[1])), halves(task[8], (task[0], task[1])))


@inner
def _norm_back(task: Any, of_normed: Array, of_more: Array) -> None:
    tokens, size = task[0], task[1]
    out, of_out = floats(task[2], (tokens, size)), floats(task[3], (tokens, size))
    weights, scales = floats(task[4], size), floats(task[5], tokens)
    of_states, of_weights = floats(task[6], (tokens, size)), floats(task[7], (task[10], size))
    block = next_piece(task)
    while block * TOKENS_AT_ONCE < tokens:
        of_weight = of_weights[block]
        for i in range(size):
            of_weight[i] = ZERO
        for token in range(block * TOKENS_AT_ONCE, min(tokens, (block + 1) * TOKENS_AT_ONCE)):
            grown, above, slope, scale = out[token], of_out[token], of_normed[token], scales[token]
            state, added = of_states[token], of_more[token]
            dot = ZERO
            for i in range(size):
                product = widen(slope[i]) * grown[i] * scale
                of_weight[i] += product
                dot += product * weights[i]
            factor = dot * scale * scale / np.float32(size)
            for i in range(size):
                value = above[i] + widen(slope[i]) * weights[i] * scale - grown[i] * factor
                state[i] = value
                added[i] = narrow(value, added[i])
        block = next_piece(task)


def _norm_back_fp32(pointer: Any) -> None:
    task = task_of(pointer)
    _norm_back(task, floats(task[8], (task[0], task[1])), floats(task[9], (task[0], task[1])))


def _norm_back_bf16(pointer: Any) -> None:
    task = task_of(pointer)
    _norm_back(task, halves(task[8], (task[0], task[1])), halves(task[9], (task[0], task[1])))


# Gate -------------------------------------------------------------------------------------------------------


@inner
def _gate(task: Any, both: Array, out: Array) -> None:
    tokens, inner_size = out.shape
    first = next_piece(task) * TOKENS_AT_ONCE
    while first < tokens:
        for token in range(first, min(tokens, first + TOKENS_AT_ONCE)):
            gates, values, result = both[token, :inner_size], both[token, inner_size:], out[token]
            for i in range(inner_size):
                number = widen(gates[i])
                result[i] = narrow(number / (ONE + exponential(-number)) * widen(values[i]), result[i])
        first = next_piece(task) * TOKENS_AT_ONCE


def _gate_fp32(pointer: Any) -> None:
    task = task_of(pointer)
    _gate(task, floats(task[2], (task[0], 2 * task[1])), floats(task[3], (task[0], task[1])))


def _gate_bf16(pointer: Any) -> None:
    task = task_of(pointer)
    _gate(task, halves(task[2], (task[0], 2 * task[1])), halves(task[3], (task[0], task[1])))


@inner
def _gate_back(task: Any, both: Array, of_out: Array, of_both: Array) -> None:
    tokens, inner_size = of_out.shape
    first = next_piece(task) * TOKENS_AT_ONCE
    while first < tokens:
        for token in range(first, min(tokens, first + TOKENS_AT_ONCE)):
            gates, values, slope = both[token, :inner_size], both[token, inner_size:], of_out[token]
            of_gates, of_values = of_both[token, :inner_size], of_both[token, inner_size:]
            for i in range(inner_size):
                number, above = widen(gates[i]), widen(slope[i])
                share_ = ONE / (ONE + exponential(-number))
                of_values[i] = narrow(above * number * share_, of_values[i])
                turn = share_ * (ONE + number * (ONE - share_))
                of_gates[i] = narrow(above * widen(values[i]) * turn, of_gates[i])
        first = next_piece(task) * TOKENS_AT_ONCE


def _gate_back_fp32(pointer: Any) -> None:
    task = task_of(pointer)
    shape = (task[0], 2 * task[1])
    _gate_back(task, floats(task[2], shape), floats(task[3], (task[0], task[1])), floats(task[4], shape))


def _gate_back_bf16(pointer: Any) -> None:
    task = task_of(pointer)
    shape = (task[0], 2 * task[1])
    _gate_back(task, halves(task[2], shape), halves(task[3], (task[0], task[1])), halves(task[4], shape))


# Softmax ----------------------------------------------------------------------------------------------------

_SOFTMAX_AT_ONCE = 4  # tokens of a block: each has a vocabulary


@inner
def _softmax(task: Any, logits: Array) -> None:
    tokens, size, per_temperature = task[0], task[1], float_of(task[2])
    targets, logprobs, entropies = words(task[3], tokens), floats(task[4], tokens), floats(task[5], tokens)
    first = next_piece(task) * _SOFTMAX_AT_ONCE
    while first < tokens:
        for token in range(first, min(tokens, first + _SOFTMAX_AT_ONCE)):
            row = logits[token]
            most = widen(row[0])
            for i in range(size):
                most = max(most, widen(row[i]))
            total, mean = ZERO, ZERO
            for i in range(size):
                below = (widen(row[i]) - most) * per_temperature
                weight = exponential(below)
                total += weight
                mean += weight * below
            log_total, per_total = np.float32(np.log(total)), ONE / total
            logprobs[token] = (widen(row[targets[token]]) - most) * per_temperature - log_total
            entropies[token] = max(log_total - mean * per_total, ZERO)
            for i in range(size):
                weight = exponential((widen(row[i]) - most) * per_temperature)
                row[i] = narrow(weight * per_total, row[i])
        first = next_piece(task) * _SOFTMAX_AT_ONCE


def _softmax_fp32(pointer: Any) -> None:
    task = task_of(pointer)
    _softmax(task, floats(task[6], (task[0], task[1])))


def _softmax_bf16(pointer: Any) -> None:
    task = task_of(pointer)
    _softmax(task, halves(task[6], (task[0], task[1])))


# As torch calls them ----------------------------------------------------------------------------------------


@functools.cache
def _address(of_fp32: Any, of_bf16: Any, is_half: bool) -> int:
    return pointed_to(of_bf16 if is_half else of_fp32)


def add_and_norm(states: Tensor, more: Tensor, weights: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    """states [N,H] fp32, more [N,H] in the products' dtype, weights [H] fp32 -> their sum [N,H], that by RMSNorm in the
    products' dtype (Zhang & Sennrich 2019), and what each token was multiplied with, [N]."""
    tokens, size = states.shape
    out, normed, scales = torch.empty_like(states), torch.empty_like(more), torch.empty(tokens)
    assert not is_bf16(states)
    assert not is_bf16(weights)
    fields = (tokens, size, epsilon, states, out, weights, scales, more, normed)
    share(_address(_norm_fp32, _norm_bf16, is_bf16(more)), fields)
    return out, normed, scales


def add_and_norm_backward(
    out: Tensor, scales: Tensor, weights: Tensor, of_out: Tensor, of_normed: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of states [N,H] fp32, of `more` [N,H], which is the same in the products' dtype, and of weights [H]."""
    tokens, size = out.shape
    blocks = -(-tokens // TOKENS_AT_ONCE)
    of_states, of_more = torch.empty_like(out), torch.empty_like(of_normed)
    of_weights = torch.empty(blocks, size)
    assert not is_bf16(of_out)
    fields = (tokens, size, out, of_out, weights, scales, of_states, of_weights, of_normed, of_more, blocks)
    share(_address(_norm_back_fp32, _norm_back_bf16, is_bf16(of_normed)), fields)
    return of_states, of_more, of_weights.sum(0)


def gate(both: Tensor) -> Tensor:
    """SwiGLU (Shazeer 2020): [N,2I], gates before values -> [N,I]."""
    tokens, size = len(both), both.shape[1] // 2
    out = both.new_empty(tokens, size)
    share(_address(_gate_fp32, _gate_bf16, is_bf16(both)), (tokens, size, both, out))
    return out


def gate_backward(both: Tensor, of_out: Tensor) -> Tensor:
    """Gradient [N,2I] of `both`."""
    tokens, size = of_out.shape
    of_both = torch.empty_like(both)
    assert is_bf16(both) == is_bf16(of_out)
    share(_address(_gate_back_fp32, _gate_back_bf16, is_bf16(both)), (tokens, size, both, of_out, of_both))
    return of_both


def softmax_at(logits: Tensor, targets: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """logits [N,V], targets [N] int64 -> log-probabilities [N] of the targets at the temperature and entropies [N] in
    nats, both fp32. `logits` become the probabilities."""
    tokens, size = logits.shape
    logprobs, entropies = torch.empty(tokens), torch.empty(tokens)
    assert targets.is_contiguous()
    assert targets.dtype == torch.int64
    fields = (tokens, size, 1.0 / temperature, targets, logprobs, entropies, logits)
    share(_address(_softmax_fp32, _softmax_bf16, is_bf16(logits)), fields)
    return logprobs, entropies
