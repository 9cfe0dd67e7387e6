"""What lies between the decoder's products: norms, rotary positions, attention, gates. Compiled for this processor when
first called (by Numba, without a C compiler) and kept on disk: four calls a layer instead of the twenty that torch
makes of them.

Every token is computed alone and in one order, so its bits do not depend on which other tokens are in the call. One
thread; the lock of the interpreter is let go meanwhile.

Arrays hold fp32, or bf16 as the uint16 of its bits (numpy knows no bf16); all arithmetic is fp32. The compiler may
reorder sums within a token and assumes that nothing is infinite.

Shapes: M tokens, H hidden size, I inner size, N query heads, K key-value heads, G = N / K, D head size, S slots.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from numba import njit, types
from numba.extending import overload
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[Any]
Function = TypeVar("Function", bound=Callable[..., object])

FAST_MATH = {"nnan", "ninf", "nsz", "arcp", "contract", "reassoc"}


def array_of(numbers: Tensor) -> Array:
    """The same memory as these kernels take it: fp32, or bf16 as the bits of its numbers."""
    plain = numbers.view(torch.uint16) if numbers.dtype == torch.bfloat16 else numbers
    array: Array = plain.numpy()
    return array


def _compiled(function: Function, *, kept: bool) -> Function:
    # error_model: with Python's, a check for division by zero in each loop would keep it from using vectors
    compiled: Any = njit(cache=kept, nogil=True, error_model="numpy", fastmath=FAST_MATH)(function)
    return compiled  # type: ignore[no-any-return]


def _inner(function: Function) -> Function:
    """Called by kernels only."""
    return _compiled(function, kept=False)


def _kernel(function: Function) -> Function:
    try:
        return _compiled(function, kept=True)
    except RuntimeError:  # there is no folder to keep it in: each process compiles anew, which takes some seconds
        return _compiled(function, kept=False)


# bf16 is the upper half of fp32. numpy's integers are cast at each step, since Numba would widen them to 64 bits.

_ONE, _HALF_A_WORD, _ROUNDING = np.uint32(1), np.uint32(16), np.uint32(0x7FFF)


def widen(number: Any) -> np.float32:
    """A stored number (fp32 or the bits of bf16) in fp32. Only for compiled code, as is `narrow`."""
    raise NotImplementedError


def narrow(number: np.float32, like: Any) -> Any:
    """fp32 as it is stored where `like` is, rounded to the nearest, ties to even."""
    raise NotImplementedError


def _widen(number: Any) -> Callable[[Any], Any]:
    if number == types.uint16:
        return lambda number: np.uint32(np.uint32(number) << _HALF_A_WORD).view(np.float32)
    return lambda number: number


def _narrow(number: Any, like: Any) -> Callable[[Any, Any], Any]:  # noqa: ARG001
    def to_bf16(number: Any, like: Any) -> Any:  # noqa: ARG001 (Numba wants the signature of `narrow`)
        bits = np.float32(number).view(np.uint32)
        odd = np.uint32(np.uint32(bits >> _HALF_A_WORD) & _ONE)
        return np.uint16(np.uint32(np.uint32(bits + _ROUNDING + odd) >> _HALF_A_WORD))

    return to_bf16 if like == types.uint16 else lambda number, like: number  # noqa: ARG005


overload(widen, inline="always", strict=False)(_widen)
overload(narrow, inline="always", strict=False)(_narrow)


# exp(x) as 2^n exp(r) with |r| <= ln(2) / 2 and a polynomial for exp(r), after Cephes' expf: within 5e-7 of its value.
# Numba's own calls the C library for each number; this one is vectors.

_ZERO, _UNIT, _HALF = np.float32(0), np.float32(1), np.float32(0.5)
_LEAST, _MOST = np.float32(-87), np.float32(87)
_LN2, _PER_LN2 = np.float32(0.69314718), np.float32(1.44269504)
_C2, _C3, _C4 = np.float32(5.0000001201e-1), np.float32(1.6666665459e-1), np.float32(4.1665795894e-2)
_C5, _C6, _C7 = np.float32(8.3334519073e-3), np.float32(1.3981999507e-3), np.float32(1.9875691500e-4)


@_inner
def exponential(number: Any) -> Any:
    """exp of a number in fp32, which is held between -87 and 87."""
    held = min(max(number, _LEAST), _MOST)
    power = np.floor(held * _PER_LN2 + _HALF)
    rest = held - power * _LN2
    sum_ = ((((_C7 * rest + _C6) * rest + _C5) * rest + _C4) * rest + _C3) * rest + _C2
    bits = np.int32((np.int32(power) + np.int32(127)) << np.int32(23))
    return (sum_ * rest * rest + rest + _UNIT) * bits.view(np.float32)


@_kernel
def add_and_norm(states: Array, more: Array, normed: Array, epsilon: np.float32) -> None:
    """states [M,H] fp32 grow by `more` [M,H]; `normed` [M,H] becomes them by RMSNorm without weights (Zhang & Sennrich
    2019): x / sqrt(mean(x^2) + epsilon)."""
    tokens, hidden = states.shape
    for token in range(tokens):
        state, added, out = states[token], more[token], normed[token]
        total = _ZERO
        for i in range(hidden):
            value = state[i] + widen(added[i])
            state[i] = value
            total += value * value
        scale = _UNIT / np.sqrt(total / np.float32(hidden) + epsilon)
        for i in range(hidden):
            out[i] = narrow(state[i] * scale, out[i])


@_kernel
def gate(both: Array, out: Array) -> None:
    """SwiGLU (Shazeer 2020): `both` [M,2I], gates before values -> out [M,I], x / (1 + exp(-x)) times the value."""
    tokens, inner = out.shape
    for token in range(tokens):
        gates, values, result = both[token, :inner], both[token, inner:], out[token]
        for i in range(inner):
            number = widen(gates[i])
            result[i] = narrow(number / (_UNIT + exponential(-number)) * widen(values[i]), result[i])


@_inner
def _take_head(head: Array, norm: Array, epsilon: np.float32, wide: Array) -> None:
    """One head [D] in fp32, normed where there are norm weights [D] (else [0])."""
    size = wide.size
    for i in range(size):
        wide[i] = widen(head[i])
    if norm.size:
        total = _ZERO
        for i in range(size):
            total += wide[i] * wide[i]
        scale = _UNIT / np.sqrt(total / np.float32(size) + epsilon)
        for i in range(size):
            wide[i] *= scale * norm[i]


@_inner
def _turn(wide: Array, cosines: Array, sines: Array, rotated: bool, scale: np.float32, out: Array) -> None:
    """The head turned by its position's angles [D] (app.lm.rotary.rotate), or not, and scaled -> out [D]."""
    if not rotated:
        for i in range(wide.size):
            out[i] = narrow(wide[i] * scale, out[i])
        return
    half = wide.size // 2
    left, right, first, second = wide[:half], wide[half:], out[:half], out[half:]
    cosine, sine, other_cosine, other_sine = cosines[:half], sines[:half], cosines[half:], sines[half:]
    for i in range(half):
        first[i] = narrow((left[i] * cosine[i] - right[i] * sine[i]) * scale, first[i])
        second[i] = narrow((right[i] * other_cosine[i] + left[i] * other_sine[i]) * scale, second[i])


@_inner
def _scores(query: Array, keys: Array, scores: Array) -> None:
    """query [D] times keys [slots,D] -> scores [slots]; four slots at a time keep the vector units busy."""
    slots, size = scores.size, query.size
    whole = slots - slots % 4
    for slot in range(0, whole, 4):
        key0, key1, key2, key3 = keys[slot], keys[slot + 1], keys[slot + 2], keys[slot + 3]
        sum0, sum1, sum2, sum3 = _ZERO, _ZERO, _ZERO, _ZERO
        for i in range(size):
            number = query[i]
            sum0 += number * widen(key0[i])
            sum1 += number * widen(key1[i])
            sum2 += number * widen(key2[i])
            sum3 += number * widen(key3[i])
        scores[slot], scores[slot + 1], scores[slot + 2], scores[slot + 3] = sum0, sum1, sum2, sum3
    for slot in range(whole, slots):
        key, total = keys[slot], _ZERO
        for i in range(size):
            total += query[i] * widen(key[i])
        scores[slot] = total


@_inner
def _exponentials(scores: Array) -> Any:
    """Scores [slots] become exp(score - max); returns one over their sum."""
    most = scores[0]
    for slot in range(scores.size):
        most = max(most, scores[slot])
    total = _ZERO
    for slot in range(scores.size):
        weight = exponential(scores[slot] - most)
        scores[slot] = weight
        total += weight
    return _UNIT / total


@_inner
def _mix(weights: Array, values: Array, mixed: Array) -> None:
    """The sum of values [slots,D] by their weights [slots] -> mixed [D]."""
    slots, size = weights.size, mixed.size
    whole = slots - slots % 4
    mixed[:] = _ZERO
    for slot in range(0, whole, 4):
        weight0, weight1, weight2, weight3 = weights[slot], weights[slot + 1], weights[slot + 2], weights[slot + 3]
        value0, value1, value2, value3 = values[slot], values[slot + 1], values[slot + 2], values[slot + 3]
        for i in range(size):
            mixed[i] += (
                weight0 * widen(value0[i])
                + weight1 * widen(value1[i])
                + weight2 * widen(value2[i])
                + weight3 * widen(value3[i])
            )
    for slot in range(whole, slots):
        weight, value = weights[slot], values[slot]
        for i in range(size):
            mixed[i] += weight * widen(value[i])


@_kernel
def attend(
    heads: Array,
    rows: Array,
    positions: Array,
    cosines: Array,
    sines: Array,
    rotated: bool,
    norms: Array,
    epsilon: np.float32,
    keys: Array,
    values: Array,
    mixed: Array,
) -> None:
    """Write the tokens' keys and values into their rows of a cache, and attend to what each row holds up to the token
    (Vaswani et al. 2017, section 3.2.1; Ainslie et al. 2023 for G queries a key).

    heads [M or more,(N+2K)D]: queries, keys, values. rows, positions [M], a row's tokens in their order. cosines, sines
    [positions,D], used where the layer is `rotated`. norms [N+K,D], or [N+K,0] where heads are not normed. keys, values
    [rows*K,S,D]. Result: mixed [M or more,ND].
    """
    size, slots = keys.shape[2], keys.shape[1]
    queries = mixed.shape[1] // size
    narrow_heads = (heads.shape[1] // size - queries) // 2
    share = queries // narrow_heads
    scale = _UNIT / np.sqrt(np.float32(size))
    wide, query, sums = np.empty(size, np.float32), np.empty(size, np.float32), np.empty(size, np.float32)
    scores = np.empty(slots, np.float32)
    for token in range(rows.size):
        all_heads, position, out = heads[token], positions[token], mixed[token]
        cosine, sine = cosines[position], sines[position]
        for head in range(narrow_heads):
            place = rows[token] * narrow_heads + head
            start = (queries + head) * size
            _take_head(all_heads[start : start + size], norms[queries + head], epsilon, wide)
            _turn(wide, cosine, sine, rotated, _UNIT, keys[place, position])
            start += narrow_heads * size
            values[place, position] = all_heads[start : start + size]
            seen = scores[: position + 1]
            for index in range(head * share, (head + 1) * share):
                start = index * size
                _take_head(all_heads[start : start + size], norms[index], epsilon, wide)
                _turn(wide, cosine, sine, rotated, scale, query)
                _scores(query, keys[place], seen)
                share_of_one = _exponentials(seen)
                _mix(seen, values[place], sums)
                for i in range(size):
                    out[start + i] = narrow(sums[i] * share_of_one, out[start + i])
