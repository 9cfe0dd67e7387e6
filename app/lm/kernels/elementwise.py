"""What lies between the decoder's products, compiled: norms and gates of one token, numbers in bf16, the exponential.

A token is computed in one order, so its bits do not depend on which other tokens are in the call. All arithmetic is
fp32; the compiler may reorder sums within a token.

Shapes: H hidden size, I inner size.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from app.lm.kernels.compiling import Array, inner

# bf16 is the upper half of fp32. numpy's integers are cast at each step, since Numba would widen them to 64 bits.

_BIT, _HALF_A_WORD, _ROUNDING = np.uint32(1), np.uint32(16), np.uint32(0x7FFF)


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
        odd = np.uint32(np.uint32(bits >> _HALF_A_WORD) & _BIT)
        return np.uint16(np.uint32(np.uint32(bits + _ROUNDING + odd) >> _HALF_A_WORD))

    return to_bf16 if like == types.uint16 else lambda number, like: number  # noqa: ARG005


overload(widen, inline="always", strict=False)(_widen)
overload(narrow, inline="always", strict=False)(_narrow)


# exp(x) as 2^n exp(r) with |r| <= ln(2) / 2 and a polynomial for exp(r), after Cephes' expf: within 5e-7 of its value.
# Numba's own calls the C library for each number; this one is vectors.

ZERO, ONE, _HALF = np.float32(0), np.float32(1), np.float32(0.5)
LEAST, _MOST = np.float32(-87), np.float32(87)
_LN2, _PER_LN2 = np.float32(0.69314718), np.float32(1.44269504)
_C2, _C3, _C4 = np.float32(5.0000001201e-1), np.float32(1.6666665459e-1), np.float32(4.1665795894e-2)
_C5, _C6, _C7 = np.float32(8.3334519073e-3), np.float32(1.3981999507e-3), np.float32(1.9875691500e-4)


@inner
def exponential(number: Any) -> Any:
    """exp of a number in fp32, which is held between -87 and 87."""
    held = min(max(number, LEAST), _MOST)
    power = np.floor(held * _PER_LN2 + _HALF)
    rest = held - power * _LN2
    sum_ = ((((_C7 * rest + _C6) * rest + _C5) * rest + _C4) * rest + _C3) * rest + _C2
    bits = np.int32((np.int32(power) + np.int32(127)) << np.int32(23))
    return (sum_ * rest * rest + rest + ONE) * bits.view(np.float32)


@inner
def add_and_norm(state: Array, added: Array, out: Array, epsilon: Any) -> None:
    """A token's state [H] fp32 grows by `added` [H]; `out` [H] becomes it by RMSNorm without weights (Zhang & Sennrich
    2019): x / sqrt(mean(x^2) + epsilon)."""
    hidden, total = state.size, ZERO
    for i in range(hidden):
        value = state[i] + added[i]
        state[i] = value
        total += value * value
    scale = ONE / np.sqrt(total / np.float32(hidden) + epsilon)
    for i in range(hidden):
        out[i] = narrow(state[i] * scale, out[i])


@inner
def gate(gates: Array, values: Array, out: Array) -> None:
    """SwiGLU (Shazeer 2020): gates and values [I] fp32 -> out [I], x / (1 + exp(-x)) times the value."""
    for i in range(out.size):
        number = gates[i]
        out[i] = narrow(number / (ONE + exponential(-number)) * values[i], out[i])
