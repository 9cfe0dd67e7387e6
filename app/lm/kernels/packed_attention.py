"""Causal attention of rows that hold a prompt and answers which do not see each other.

Each answer's tokens look at their prompt and at what is before them in the answer: what is hidden is never computed,
nor is padding. Heads are turned by their positions here. Products are those of tiles.py in fp32, whatever the inputs
are stored in; packed_attention_backward.py makes the scores again.

A row and one of its key-value heads are one piece of work, whose sums are taken in one order: no bit depends on the
number of threads, or on other rows.

Shapes: N tokens, Q query heads, K key-value heads, D head size, n tokens that a span looks at; E is D, and P is n,
rounded up to whole panels.
"""

import functools
from typing import Any

import numpy as np
import torch
from torch import Tensor

from app.lm.kernels.attention_blocks import angles_of, copy_wide, multiply, panels_of, turn, turned_panels
from app.lm.kernels.attention_task import (
    BOUNDS,
    HEADS,
    LOGSUMS,
    LONGEST,
    MIXED,
    NARROW,
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


@inner
def _softmax(scores: Array, seen: int, size: int) -> Any:
    """scores [P]: the first `seen` of them become probabilities, the rest of `size` zeros; returns the log of their sum
    of exponentials. Whole panels are computed, since what is left over would be computed one by one."""
    most = scores[0]
    for place in range(size):
        most = max(most, scores[place] if place < seen else most)
    total = ZERO
    for place in range(size):
        weight = exponential(scores[place] - most) if place < seen else ZERO
        scores[place] = weight
        total += weight
    per_total = ONE / total
    for place in range(size):
        scores[place] *= per_total
    return most + np.float32(np.log(total))


@inner
def _attend_head(
    task: Any, heads: Array, mixed: Array, span: Array, head: int, keys: Array, values: Array, scratch: Array
) -> None:
    """One query head of a span, whose turned keys [E,P] and values [n,E] lie in panels."""
    size, rotated = task[SIZE], task[ROTATED] != 0
    positions, cosines, sines = angles_of(task)
    logsums = floats(task[LOGSUMS], (task[TOKENS], task[NARROW] * task[SHARE]))
    before, own = span[1] - span[0], span[3] - span[2]
    sight, wide = before + own, values.size // (before + own)
    padded, block = keys.size // wide, QUERIES * wide
    query, out = scratch[:block].reshape((QUERIES, wide)), scratch[block : 2 * block].reshape((QUERIES, wide))
    scores = scratch[2 * block : 2 * block + QUERIES * padded].reshape((QUERIES, padded))
    columns, scale = slice(head * size, (head + 1) * size), ONE / np.sqrt(np.float32(size))
    for first in range(0, own, QUERIES):
        count = min(QUERIES, own - first)
        for i in range(count):
            token = span[2] + first + i
            cosine, sine = cosines[positions[token]], sines[positions[token]]
            turn(heads[token, columns], cosine, sine, rotated, scale, query[i])
        seen = before + first + count
        whole = (seen + PANEL - 1) // PANEL * PANEL
        multiply(count, query, keys, wide, wide, scores, whole, False)
        for i in range(count):
            logsums[span[2] + first + i, head] = _softmax(scores[i], before + first + i + 1, whole)
        multiply(count, scores, values, sight, seen, out, wide, False)
        for i in range(count):
            line = mixed[span[2] + first + i, columns]
            for j in range(size):
                line[j] = narrow(out[i, j], line[j])


@inner
def _forward_span(task: Any, heads: Array, mixed: Array, span: Array, index: int, keys: Array, scratch: Array) -> None:
    """One span with the query heads of key-value head `index`; keys [tokens of the row,E] are turned."""
    share_, size, wide = task[SHARE], task[SIZE], keys.shape[1]
    before = span[1] - span[0]
    sight = before + span[3] - span[2]
    padded = (sight + PANEL - 1) // PANEL * PANEL
    gathered = scratch[: sight * wide].reshape((sight, wide))
    turned_keys = scratch[sight * wide : (sight + padded) * wide]
    values = scratch[(sight + padded) * wide : (2 * sight + padded) * wide]
    for place in range(sight):
        token = (span[0] if place < before else span[2] - before) + place
        gathered[place] = keys[token - span[4]]
    turned_panels(gathered, sight, wide, turned_keys)
    start = (task[NARROW] * (share_ + 1) + index) * size
    for place in range(sight):
        token = (span[0] if place < before else span[2] - before) + place
        copy_wide(heads[token, start : start + size], gathered[place])
    panels_of(gathered, sight, wide, values)
    rest = scratch[(2 * sight + padded) * wide :]
    for head in range(index * share_, (index + 1) * share_):
        _attend_head(task, heads, mixed, span, head, turned_keys, values, rest)


@inner
def _forward(task: Any, heads: Array, mixed: Array) -> None:
    narrow_heads, size = task[NARROW], task[SIZE]
    spans, bounds = words(task[SPANS], (task[SPANS_COUNT], 5)), words(task[BOUNDS], task[ROWS] + 1)
    positions, cosines, sines = angles_of(task)
    wide = (size + PANEL - 1) // PANEL * PANEL
    mine = task[SCRATCH] + next_member(task) * task[SCRATCH_SIZE] * STEP_BYTES
    scratch = floats(mine, task[SCRATCH_SIZE])
    keys, rest = scratch[: task[LONGEST] * wide].reshape((task[LONGEST], wide)), scratch[task[LONGEST] * wide :]
    piece = next_piece(task)
    while piece < task[ROWS] * narrow_heads:
        row, index = piece // narrow_heads, piece % narrow_heads
        start, stop = spans[bounds[row], 4], spans[bounds[row + 1] - 1, 3]
        place = (narrow_heads * task[SHARE] + index) * size
        for token in range(start, stop):
            cosine, sine = cosines[positions[token]], sines[positions[token]]
            turn(heads[token, place : place + size], cosine, sine, task[ROTATED] != 0, ONE, keys[token - start])
        for number in range(bounds[row], bounds[row + 1]):
            _forward_span(task, heads, mixed, spans[number], index, keys, rest)
        piece = next_piece(task)


def _forward_fp32(pointer: Any) -> None:
    task = task_of(pointer)
    width = task[NARROW] * task[SHARE] * task[SIZE]
    heads = floats(task[HEADS], (task[TOKENS], width + 2 * task[NARROW] * task[SIZE]))
    _forward(task, heads, floats(task[MIXED], (task[TOKENS], width)))


def _forward_bf16(pointer: Any) -> None:
    task = task_of(pointer)
    width = task[NARROW] * task[SHARE] * task[SIZE]
    heads = halves(task[HEADS], (task[TOKENS], width + 2 * task[NARROW] * task[SIZE]))
    _forward(task, heads, halves(task[MIXED], (task[TOKENS], width)))


@functools.cache
def _address(is_half: bool) -> int:
    return pointed_to(_forward_bf16 if is_half else _forward_fp32)


def attend(heads: Tensor, rows: Rows, how: Heads) -> tuple[Tensor, Tensor]:
    """heads [N,(Q+2K)D] fp32 or bf16 -> mixed values [N,QD] of the same dtype (Vaswani et al. 2017, section 3.2.1;
    Ainslie et al. 2023 for fewer keys than queries), and what the backward pass wants: the log of each token's sum of
    exponentials, [N,Q]."""
    mixed, logsums = heads.new_empty(len(heads), how.queries * how.size), torch.empty(len(heads), how.queries)
    wide, sight = rounded_up(how.size, PANEL), rounded_up(rows.longest_sight, PANEL)
    size = (rows.longest_row + 3 * sight + 2 * QUERIES) * wide + QUERIES * sight
    scratch = torch.empty(members(), size)
    share(_address(is_bf16(heads)), [*fields_of(heads, rows, how, logsums, scratch), heads, mixed])
    return mixed, logsums
