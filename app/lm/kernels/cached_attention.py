"""Attention of new tokens to what their rows' caches hold: parts of a run of phases (phases.py).

Keys lie in blocks of LANES slots, [S/LANES,D,LANES], so that scores of a whole vector of slots are computed without
sums across it; values lie slot by slot, [S,E]. Each token is computed alone, its sums in the order of the slots
(strided_tiles.py), so its bits do not depend on what else is computed.

Shapes: M tokens, N query heads, K key-value heads, G = N / K, D head size, S slots; E is D rounded up to whole vectors.
"""

from typing import Any

import numpy as np

from app.lm.kernels.compiling import Array, inner
from app.lm.kernels.elementwise import ONE, ZERO, exponential, narrow
from app.lm.kernels.packed_linear import AS_BF16
from app.lm.kernels.phase_fields import (
    CACHE,
    CACHE_ROWS,
    COSINES,
    EPSILON,
    FORM,
    HEAD_SIZE,
    HEADS,
    HEADS_ROW,
    IS_FP32,
    LAYER,
    MEMBERS,
    MIXED,
    MIXED_ROW,
    NARROW,
    NORM_SIZE,
    NORMS,
    POSITIONS,
    ROTATED,
    ROWS,
    SINES,
    SLOTS,
    TOKENS,
)
from app.lm.kernels.phase_fields import QUERIES as QUERY_HEADS
from app.lm.kernels.strided_tiles import QUERIES, fetch, floats_tile, halves_tile
from app.lm.kernels.tasks import float_of, floats, halves, words
from app.lm.kernels.tiles import LANES, VECTORS

_FLOAT_BYTES = 4
_CACHE_LINE = 64  # bytes


def scratch_numbers(slots: int, size: int) -> int:
    """fp32 numbers that a member needs to attend: weights of a tile's queries, and what they mix."""
    return QUERIES * (slots + size + LANES)


@inner
def _whole(count: int) -> int:
    """Rounded up to whole vectors."""
    return (count + LANES - 1) // LANES * LANES


@inner
def _places(task: Any, phase: Any, token: int, head: int) -> Any:
    """The addresses of a token's row of keys and of values."""
    item = 4 if task[IS_FP32] else 2
    row_bytes = task[SLOTS] * _whole(phase[HEAD_SIZE]) * item
    row = words(task[ROWS], task[TOKENS])[token] * phase[NARROW] + head
    keys = task[CACHE] + (2 * phase[LAYER] * task[CACHE_ROWS] + row) * row_bytes
    return keys, keys + task[CACHE_ROWS] * row_bytes


@inner
def _norm_head(head: Array, norm: Array, epsilon: Any) -> None:
    size, total = head.size, ZERO
    for i in range(size):
        total += head[i] * head[i]
    scale = ONE / np.sqrt(total / np.float32(size) + epsilon)
    for i in range(size):
        head[i] *= scale * norm[i]


@inner
def _turn_head(head: Array, cosines: Array, sines: Array) -> None:
    """The head turned by its position's angles [D] (app.lm.rotary.rotate)."""
    half = head.size // 2
    left, right = head[:half], head[half:]
    cosine, sine, other_cosine, other_sine = cosines[:half], sines[:half], cosines[half:], sines[half:]
    for i in range(half):
        a, b = left[i], right[i]
        left[i] = a * cosine[i] - b * sine[i]
        right[i] = b * other_cosine[i] + a * other_sine[i]


@inner
def _keep_key(head: Array, block: Array) -> None:
    """A key [D] into its column of a block, of which `block` is what begins there."""
    for i in range(head.size):
        block[i * LANES] = narrow(head[i], block[i * LANES])


@inner
def _keep_value(head: Array, value: Array) -> None:
    for i in range(head.size):
        value[i] = narrow(head[i], value[i])
    for i in range(head.size, value.size):
        value[i] = narrow(ZERO, value[i])


@inner
def _keep(task: Any, phase: Any, token: int, head: int, key: Array, value: Array, position: int) -> None:
    """A token's key and value, fp32, into the cache."""
    size = key.size
    wide, keys_values = _whole(size), _places(task, phase, token, head)
    column = (position // LANES * wide * LANES) + position % LANES
    rest = (size - 1) * LANES + 1
    if task[IS_FP32]:
        _keep_key(key, floats(keys_values[0] + column * 4, rest))
        _keep_value(value, floats(keys_values[1] + position * wide * 4, wide))
    else:
        _keep_key(key, halves(keys_values[0] + column * 2, rest))
        _keep_value(value, halves(keys_values[1] + position * wide * 2, wide))


@inner
def _fetch_blocks(task: Any, phase: Any, token: int) -> None:
    """The blocks of keys that a token's own go to, which takes as many cache lines as it has numbers."""
    position = words(task[POSITIONS], task[TOKENS])[token]
    block_bytes = _whole(phase[HEAD_SIZE]) * LANES * (4 if task[IS_FP32] else 2)
    for head in range(phase[NARROW]):
        start = _places(task, phase, token, head)[0] + position // LANES * block_bytes
        for offset in range(0, block_bytes, _CACHE_LINE):
            fetch(start + offset)


@inner
def turn(task: Any, phase: Any, token: int) -> None:
    """A token's queries normed, turned by its position and scaled where they are; its keys, as far, and values into its
    row of the cache."""
    size, queries, narrow_heads = phase[HEAD_SIZE], phase[QUERY_HEADS], phase[NARROW]
    if token + 1 < task[TOKENS]:
        _fetch_blocks(task, phase, token + 1)
    position = words(task[POSITIONS], task[TOKENS])[token]
    angles = position * size * _FLOAT_BYTES
    cosines, sines = floats(phase[COSINES] + angles, size), floats(phase[SINES] + angles, size)
    start, scale = phase[HEADS] + token * phase[HEADS_ROW] * _FLOAT_BYTES, ONE / np.sqrt(np.float32(size))
    for index in range(queries + narrow_heads):
        head = floats(start + index * size * _FLOAT_BYTES, size)
        if phase[NORM_SIZE]:
            _norm_head(head, floats(phase[NORMS] + index * size * _FLOAT_BYTES, size), float_of(phase[EPSILON]))
        if phase[ROTATED]:
            _turn_head(head, cosines, sines)
        if index < queries:
            for i in range(size):
                head[i] *= scale
        else:
            value = floats(start + (index + narrow_heads) * size * _FLOAT_BYTES, size)
            _keep(task, phase, token, index - queries, head, value, position)


@inner
def _tile(
    task: Any, count: int, vectors: int, inputs: int, input_row: int, start: int, step_bytes: int, vector_bytes: int,
    steps: int, ahead: int, out: int, out_row: int,
) -> None:  # fmt: skip
    in_bytes, out_bytes = input_row * _FLOAT_BYTES, out_row * _FLOAT_BYTES
    if task[IS_FP32]:
        floats_tile(count, vectors, inputs, in_bytes, start, step_bytes, vector_bytes, steps, ahead, out, out_bytes)
    else:
        halves_tile(count, vectors, inputs, in_bytes, start, step_bytes, vector_bytes, steps, ahead, out, out_bytes)


@inner
def _weigh(scores: Array, seen: int) -> None:
    """The first scores become their softmax, those behind zeros: whole vectors, since what is left over would be
    computed one by one."""
    most = scores[0]
    for slot in range(scores.size):
        most = max(most, scores[slot] if slot < seen else most)
    total = ZERO
    for slot in range(scores.size):
        weight = exponential(scores[slot] - most) if slot < seen else ZERO
        scores[slot] = weight
        total += weight
    inverse = ONE / total
    for slot in range(scores.size):
        scores[slot] *= inverse


@inner
def _store(task: Any, mixed: Array, place: int, out: int) -> None:
    """A head [D] into place `place` of numbers at an address."""
    size = mixed.size
    if task[FORM] != AS_BF16:
        wide = floats(out + place * 4, size)
        for i in range(size):
            wide[i] = mixed[i]
    else:
        half = halves(out + place * 2, size)
        for i in range(size):
            half[i] = narrow(mixed[i], half[i])


@inner
def attend(task: Any, phase: Any, piece: int, scratch: int) -> None:
    """The queries of a token and one of its key-value heads mix what they see, up to the token itself (Vaswani et al.
    2017, section 3.2.1; Ainslie et al. 2023 for G queries a key)."""
    size, heads = phase[HEAD_SIZE], phase[NARROW]
    token, head, group = piece // heads, piece % heads, phase[QUERY_HEADS] // heads
    seen = words(task[POSITIONS], task[TOKENS])[token] + 1
    slots, wide, item = _whole(seen), _whole(size), 4 if task[IS_FP32] else 2
    keys, values = _places(task, phase, token, head)
    soon = min(piece + task[MEMBERS], task[TOKENS] * heads - 1)  # what this member takes next, most likely
    to_values, to_soon = values - keys, _places(task, phase, soon // heads, soon % heads)[0] - values
    vector_bytes, block_bytes, sums = LANES * item, wide * LANES * item, scratch + QUERIES * slots * _FLOAT_BYTES
    for first in range(0, group, QUERIES):
        count, index = min(QUERIES, group - first), head * group + first
        inputs = phase[HEADS] + (token * phase[HEADS_ROW] + index * size) * _FLOAT_BYTES
        for slot in range(0, slots, VECTORS * LANES):
            start, out, vectors = keys + slot * wide * item, scratch + slot * _FLOAT_BYTES, (slots - slot) // LANES
            _tile(
                task, count, min(vectors, VECTORS), inputs, size, start, vector_bytes, block_bytes, size, to_values,
                out, slots,
            )  # fmt: skip
        for query in range(count):
            _weigh(floats(scratch + query * slots * _FLOAT_BYTES, slots), seen)
        for column in range(0, wide, VECTORS * LANES):
            vectors = min((wide - column) // LANES, VECTORS)
            out = sums + column * _FLOAT_BYTES
            _tile(
                task, count, vectors, scratch, slots, values + column * item, wide * item, vector_bytes, seen, to_soon,
                out, wide,
            )  # fmt: skip
        for query in range(count):
            mixed = floats(sums + query * wide * _FLOAT_BYTES, size)
            _store(task, mixed, token * phase[MIXED_ROW] + (index + query) * size, phase[MIXED])
        to_values, to_soon = 0, 0  # fetched once
