"""Attention of new tokens to what their rows' caches hold, compiled like the kernels of elementwise.py.

Shapes: M tokens, N query heads, K key-value heads, G = N / K, D head size, S slots.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from app.lm.kernels.compiling import Array, inner, kernel
from app.lm.kernels.elementwise import ONE, ZERO, exponential, narrow, widen

CACHE_LINE = 64  # bytes


@inner
def _take_head(head: Array, norm: Array, epsilon: np.float32, wide: Array) -> None:
    """One head [D] in fp32, normed where there are norm weights [D] (else [0])."""
    size = wide.size
    for i in range(size):
        wide[i] = widen(head[i])
    if norm.size:
        total = ZERO
        for i in range(size):
            total += wide[i] * wide[i]
        scale = ONE / np.sqrt(total / np.float32(size) + epsilon)
        for i in range(size):
            wide[i] *= scale * norm[i]


@inner
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


@intrinsic
def _prefetch(typing: Any, address: Any) -> Any:  # noqa: ARG001 (Numba's signature)
    """Have the 64 bytes at an address brought into the second-level cache; there is no fault, whatever is there."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        pointer, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer, word, word, word])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
        reading, second_level, data = word(0), word(2), word(1)
        builder.call(prefetch, [builder.inttoptr(arguments[0], pointer), reading, second_level, data])
        return context.get_dummy_value()

    return types.void(types.intp), code


@inner
def _fetch(numbers: Array, slot: int) -> None:
    """Have four slots of numbers [slots,D] on their way while others are computed with: memory, not arithmetic, is what
    many rows wait for."""
    if slot + 4 <= numbers.shape[0]:
        start = numbers.ctypes.data + slot * numbers.strides[0]
        for offset in range(0, 4 * numbers.strides[0], CACHE_LINE):
            _prefetch(start + offset)  # type: ignore[call-arg]  # the first one is the compiler's


@inner
def _scores(query: Array, keys: Array, scores: Array, following: Array) -> None:
    """query [D] times keys [slots,D] -> scores [slots]; four slots at a time keep the vector units busy.
    `following` [slots,D] is what is read next."""
    slots, size = scores.size, query.size
    whole = slots - slots % 4
    for slot in range(0, whole, 4):
        _fetch(following, slot)
        key0, key1, key2, key3 = keys[slot], keys[slot + 1], keys[slot + 2], keys[slot + 3]
        sum0, sum1, sum2, sum3 = ZERO, ZERO, ZERO, ZERO
        for i in range(size):
            number = query[i]
            sum0 += number * widen(key0[i])
            sum1 += number * widen(key1[i])
            sum2 += number * widen(key2[i])
            sum3 += number * widen(key3[i])
        scores[slot], scores[slot + 1], scores[slot + 2], scores[slot + 3] = sum0, sum1, sum2, sum3
    for slot in range(whole, slots):
        key, total = keys[slot], ZERO
        for i in range(size):
            total += query[i] * widen(key[i])
        scores[slot] = total


@inner
def _exponentials(scores: Array) -> Any:
    """Scores [slots] become exp(score - max); returns one over their sum."""
    most = scores[0]
    for slot in range(scores.size):
        most = max(most, scores[slot])
    total = ZERO
    for slot in range(scores.size):
        weight = exponential(scores[slot] - most)
        scores[slot] = weight
        total += weight
    return ONE / total


@inner
def _mix(weights: Array, values: Array, mixed: Array, following: Array) -> None:
    """The sum of values [slots,D] by their weights [slots] -> mixed [D]."""
    slots, size = weights.size, mixed.size
    whole = slots - slots % 4
    mixed[:] = ZERO
    for slot in range(0, whole, 4):
        _fetch(following, slot)
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


@inner
def _next_keys(rows: Array, positions: Array, token: int, head: int, keys: Array, heads: int) -> Array:
    """Keys [slots,D] of the key-value head that comes after this one."""
    if head + 1 < heads:
        return keys[rows[token] * heads + head + 1, : positions[token] + 1]
    if token + 1 < rows.size:
        return keys[rows[token + 1] * heads, : positions[token + 1] + 1]
    return keys[0, :0]


@kernel
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

    heads [M,(N+2K)D]: queries, keys, values. rows, positions [M], a row's tokens in their order. cosines, sines
    [positions,D], used where the layer is `rotated`. norms [N+K,D], or [N+K,0] where heads are not normed. keys, values
    [rows*K,S,D]. Result: mixed [M,ND]. Nothing checks that rows and positions are within their arrays: the caller has
    to (Decoder.states).
    """
    size, slots = keys.shape[2], keys.shape[1]
    queries = mixed.shape[1] // size
    narrow_heads = (heads.shape[1] // size - queries) // 2
    share = queries // narrow_heads
    scale = ONE / np.sqrt(np.float32(size))
    wide, query, sums = np.empty(size, np.float32), np.empty(size, np.float32), np.empty(size, np.float32)
    scores = np.empty(slots, np.float32)
    for token in range(rows.size):
        all_heads, position, out = heads[token], positions[token], mixed[token]
        cosine, sine = cosines[position], sines[position]
        for head in range(narrow_heads):
            place = rows[token] * narrow_heads + head
            start = (queries + head) * size
            _take_head(all_heads[start : start + size], norms[queries + head], epsilon, wide)
            _turn(wide, cosine, sine, rotated, ONE, keys[place, position])
            start += narrow_heads * size
            value = values[place, position]
            for i in range(size):
                value[i] = narrow(widen(all_heads[start + i]), value[i])
            seen = scores[: position + 1]
            seen_values = values[place, : position + 1]
            following = _next_keys(rows, positions, token, head, keys, narrow_heads)
            for index in range(head * share, (head + 1) * share):
                start = index * size
                _take_head(all_heads[start : start + size], norms[index], epsilon, wide)
                _turn(wide, cosine, sine, rotated, scale, query)
                _scores(query, keys[place], seen, seen_values)
                inverse = _exponentials(seen)
                _mix(seen, values[place], sums, following)
                for i in range(size):
                    out[start + i] = narrow(sums[i] * inverse, out[start + i])
                seen_values, following = seen_values[:0], following[:0]  # fetched once
