"""The gradient of packed_attention.py: the scores of a block are made again, transposed, so that sums over queries and
over keys are both products of rows.

A row and one of its key-value heads are one piece of work, as forward.

Shapes: N tokens, Q query heads, K key-value heads, D head size, n tokens that a span looks at; E is D rounded up to
whole panels, and B is a block of queries.
"""

import functools
from typing import Any

import numpy as np
import torch
from torch import Tensor

from app.lm.kernels.attention_blocks import angles_of, copy_wide, multiply, panels_of, turn, turn_back, turned_panels
from app.lm.kernels.attention_task import (
    BOUNDS,
    HEADS,
    LOGSUMS,
    LONGEST,
    NARROW,
    OF_HEADS,
    OF_MIXED,
    QUERIES,
    ROTATED,
    ROWS,
    SCRATCH,
    SCRATCH_SIZE,
    SHARE,
    SIZE,
    SPANS,
    SPANS_COUNT,
    TOKENS,
    Heads,
    Rows,
    fields_of,
)  # fmt: skip
from app.lm.kernels.compiling import Array, inner, pointed_to
from app.lm.kernels.elementwise import ONE, ZERO, exponential, narrow
from app.lm.kernels.tasks import floats, halves, is_bf16, next_member, next_piece, share, task_of, words
from app.lm.kernels.team import members
from app.lm.kernels.tiles import PANEL, STEP_BYTES, rounded_up

_NONE = np.float32(1e30)  # the log-sum of a query that is not there: all its probabilities are 0


@inner
def _slopes(scores: Array, slopes: Array, logsums: Array, deltas: Array, seen: int, first_key: int) -> None:
    """Transposed scores and gradients of probabilities [n,B] become probabilities and gradients of scores. Query i sees
    keys up to `first_key` + i. logsums, deltas [B]."""
    for i in range(QUERIES):
        deltas[i] = ZERO
    for j in range(seen):
        line, slope, hidden = scores[j], slopes[j], j - first_key
        for i in range(QUERIES):
            weight = exponential(line[i] - logsums[i]) if i >= hidden else ZERO
            line[i] = weight
            deltas[i] += weight * slope[i]
    for j in range(seen):
        line, slope = scores[j], slopes[j]
        for i in range(QUERIES):
            slope[i] = line[i] * (slope[i] - deltas[i])


@inner
def _backward_head(
    task: Any, arrays: Any, span: Array, head: int, known: Array, grown: Array, key_panels: Array, scratch: Array
) -> None:
    """One query head of a span. arrays: heads, gradients of mixed values and of heads. known [2,n,E]: turned keys and
    values; grown [2,n,E]: their gradients, which grow."""
    heads, of_mixed, of_heads = arrays
    size, rotated = task[SIZE], task[ROTATED] != 0
    positions, cosines, sines = angles_of(task)
    all_logsums = floats(task[LOGSUMS], (task[TOKENS], task[NARROW] * task[SHARE]))
    before, own, sight, wide = span[1] - span[0], span[3] - span[2], known.shape[1], known.shape[2]
    block, square = QUERIES * wide, QUERIES * sight
    scores, slopes = scratch[:square].reshape((sight, QUERIES)), scratch[square : 2 * square].reshape((sight, QUERIES))
    by_query, rest = scratch[2 * square : 3 * square].reshape((QUERIES, sight)), scratch[3 * square :]
    query, above = rest[:block].reshape((QUERIES, wide)), rest[block : 2 * block].reshape((QUERIES, wide))
    of_query, panels = rest[2 * block : 3 * block].reshape((QUERIES, wide)), rest[3 * block : 4 * block]
    logsums, deltas = rest[4 * block : 4 * block + QUERIES], rest[4 * block + QUERIES : 4 * block + 2 * QUERIES]
    columns, scale = slice(head * size, (head + 1) * size), ONE / np.sqrt(np.float32(size))
    for first in range(0, own, QUERIES):
        count = min(QUERIES, own - first)
        logsums[:] = _NONE
        for i in range(count):
            token = span[2] + first + i
            cosine, sine = cosines[positions[token]], sines[positions[token]]
            turn(heads[token, columns], cosine, sine, rotated, scale, query[i])
            copy_wide(of_mixed[token, columns], above[i])
            logsums[i] = all_logsums[token, head]
        seen = before + first + count
        turned_panels(query, count, wide, panels)
        multiply(seen, known[0], panels, wide, wide, scores, QUERIES, False)
        turned_panels(above, count, wide, panels)
        multiply(seen, known[1], panels, wide, wide, slopes, QUERIES, False)
        _slopes(scores, slopes, logsums, deltas, seen, before + first)
        panels_of(above, count, wide, panels)
        multiply(seen, scores, panels, count, count, grown[1], wide, True)
        panels_of(query, count, wide, panels)
        multiply(seen, slopes, panels, count, count, grown[0], wide, True)
        for i in range(count):
            for j in range(seen):
                by_query[i, j] = slopes[j, i]
        multiply(count, by_query, key_panels, sight, seen, of_query, wide, False)
        for i in range(count):
            token = span[2] + first + i
            cosine, sine = cosines[positions[token]], sines[positions[token]]
            turn_back(of_query[i], cosine, sine, rotated, scale, of_heads[token, columns])


@inner
def _backward_span(task: Any, arrays: Any, span: Array, index: int, row: Array, scratch: Array) -> None:
    """One span with the query heads of key-value head `index`. row [4, tokens of the row, E]: turned keys, values, and
    the gradients of both, which grow."""
    wide, before = row.shape[2], span[1] - span[0]
    sight = before + span[3] - span[2]
    size = sight * wide
    known = scratch[: 2 * size].reshape((2, sight, wide))
    grown = scratch[2 * size : 4 * size].reshape((2, sight, wide))
    key_panels, rest = scratch[4 * size : 5 * size], scratch[5 * size :]
    for place in range(sight):
        token = (span[0] if place < before else span[2] - before) + place - span[4]
        for kind in range(2):
            known[kind, place] = row[kind, token]
            grown[kind, place] = ZERO
    panels_of(known[0], sight, wide, key_panels)
    for head in range(index * task[SHARE], (index + 1) * task[SHARE]):
        _backward_head(task, arrays, span, head, known, grown, key_panels, rest)
    for place in range(sight):
        token = (span[0] if place < before else span[2] - before) + place - span[4]
        for kind in range(2):
            total, part = row[2 + kind, token], grown[kind, place]
            for i in range(wide):
                total[i] += part[i]


@inner
def _backward(task: Any, heads: Array, of_mixed: Array, of_heads: Array) -> None:
    narrow_heads, size, longest = task[NARROW], task[SIZE], task[LONGEST]
    rotated = task[ROTATED] != 0
    spans, bounds = words(task[SPANS], (task[SPANS_COUNT], 5)), words(task[BOUNDS], task[ROWS] + 1)
    positions, cosines, sines = angles_of(task)
    wide = (size + PANEL - 1) // PANEL * PANEL
    mine = task[SCRATCH] + next_member(task) * task[SCRATCH_SIZE] * STEP_BYTES
    scratch = floats(mine, task[SCRATCH_SIZE])
    row, rest = scratch[: 4 * longest * wide].reshape((4, longest, wide)), scratch[4 * longest * wide :]
    piece = next_piece(task)
    while piece < task[ROWS] * narrow_heads:
        number, index = piece // narrow_heads, piece % narrow_heads
        start, stop = spans[bounds[number], 4], spans[bounds[number + 1] - 1, 3]
        key_place = (narrow_heads * task[SHARE] + index) * size
        value_place = key_place + narrow_heads * size
        for token in range(start, stop):
            cosine, sine, place = cosines[positions[token]], sines[positions[token]], token - start
            turn(heads[token, key_place : key_place + size], cosine, sine, rotated, ONE, row[0, place])
            copy_wide(heads[token, value_place : value_place + size], row[1, place])
            row[2, place] = ZERO
            row[3, place] = ZERO
        for chosen in range(bounds[number], bounds[number + 1]):
            _backward_span(task, (heads, of_mixed, of_heads), spans[chosen], index, row, rest)
        for token in range(start, stop):
            cosine, sine, place = cosines[positions[token]], sines[positions[token]], token - start
            of_key = of_heads[token, key_place : key_place + size]
            turn_back(row[2, place], cosine, sine, rotated, ONE, of_key)
            of_value, total = of_heads[token, value_place : value_place + size], row[3, place]
            for i in range(size):
                of_value[i] = narrow(total[i], of_value[i])
        piece = next_piece(task)


def _backward_fp32(pointer: Any) -> None:
    task = task_of(pointer)
    width = task[NARROW] * task[SHARE] * task[SIZE]
    full = (task[TOKENS], width + 2 * task[NARROW] * task[SIZE])
    of_mixed = floats(task[OF_MIXED], (task[TOKENS], width))
    _backward(task, floats(task[HEADS], full), of_mixed, floats(task[OF_HEADS], full))


def _backward_bf16(pointer: Any) -> None:
    task = task_of(pointer)
    width = task[NARROW] * task[SHARE] * task[SIZE]
    full = (task[TOKENS], width + 2 * task[NARROW] * task[SIZE])
    of_mixed = halves(task[OF_MIXED], (task[TOKENS], width))
    _backward(task, halves(task[HEADS], full), of_mixed, halves(task[OF_HEADS], full))


@functools.cache
def _address(is_half: bool) -> int:
    return pointed_to(_backward_bf16 if is_half else _backward_fp32)


def attend_backward(heads: Tensor, rows: Rows, how: Heads, logsums: Tensor, of_mixed: Tensor) -> Tensor:
    """Gradient [N,(Q+2K)D] of heads, from that of the mixed values [N,QD]; both in the dtype of heads."""
    assert of_mixed.dtype == heads.dtype
    assert of_mixed.is_contiguous()
    of_heads = torch.empty_like(heads)
    wide, sight = rounded_up(how.size, PANEL), rows.longest_sight
    size = (4 * rows.longest_row + 5 * sight + 4 * QUERIES) * wide + 3 * QUERIES * sight + 2 * QUERIES
    scratch = torch.empty(members(), size)
    share(_address(is_bf16(heads)), [*fields_of(heads, rows, how, logsums, scratch), heads, 0, of_mixed, of_heads])
    return of_heads
