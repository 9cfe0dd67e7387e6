"""A run of phases, which is a step of inference: all layers by one call, of which torch's threads take pieces.

A phase is a norm of all tokens, a product, and so on; a program is a list of them, made once (phase_fields.py says what
each is told). A phase begins when all pieces of the one before are done. Members wait for pieces, not for one another,
so that threads which the machine does not run cost little.

Every token is computed by the same code in the same order, whatever tokens are beside it and whoever computes it.
"""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from app.lm.kernels.cached_attention import attend, scratch_numbers, turn
from app.lm.kernels.compiling import Array, inner, pointed_to
from app.lm.kernels.elementwise import add_and_norm, gate
from app.lm.kernels.packed_linear import AS_BF16, AS_FP32, multiply_panel, panel_bytes, row_bytes
from app.lm.kernels.phase_fields import (
    ATTEND,
    BIAS,
    BIAS2,
    COLUMNS,
    COUNTERS,
    EPSILON,
    FIRST,
    FORM,
    GATE,
    HIDDEN,
    INPUTS,
    KIND,
    MORE,
    MORE_ROW,
    NARROW,
    NORM,
    NORMED,
    NORMED_ROW,
    NUMBERS,
    NUMBERS_ROW,
    OUT,
    PANELS,
    PANELS2,
    PRODUCT,
    PROGRAM,
    ROUND,
    ROUNDED,
    ROUNDED_ROW,
    SCRATCH,
    SCRATCH_BYTES,
    SIZE,
    STEPS,
    STOP,
    STREAM,
    TARGET,
    TARGET_ROW,
    TOKENS,
    TURN,
    WEIGHTS,
    WIDTH,
    YIELDER,
)
from app.lm.kernels.rounded_rows import round_row
from app.lm.kernels.tasks import float_of, floats, halves, next_member, share, task_of, words
from app.lm.kernels.team import finish, finished, members, pause, take_next, yielder
from app.lm.kernels.tiles import PANEL

_FEW = 8  # tokens of a piece of a norm, and of heads to be turned: one alone takes less time than taking it
_TOGETHER = 30  # tokens of a piece of a product: five tiles
_COUNTER_WORDS = 16  # of a phase: pieces taken and pieces done, on a cache line each
_SPINS = 2_000  # before another program may have the processor
_FLOAT_BYTES = 4


@inner
def _chunks(tokens: int) -> int:
    return (tokens + _TOGETHER - 1) // _TOGETHER


@inner
def _pieces(task: Any, phase: Any) -> int:
    tokens, kind = task[TOKENS], phase[KIND]
    pieces: int = (tokens + _FEW - 1) // _FEW
    if kind in (PRODUCT, GATE):
        pieces = phase[COLUMNS] // PANEL * _chunks(tokens)
    elif kind == ATTEND:
        pieces = tokens * phase[NARROW]
    elif kind == ROUND:
        pieces = tokens
    return pieces


@inner
def _part(task: Any, piece: int) -> Any:
    """The panel of a product's piece, its first token, and the one behind its last."""
    tokens = task[TOKENS]
    chunks = _chunks(tokens)
    part = piece % chunks
    return piece // chunks, tokens * part // chunks, tokens * (part + 1) // chunks


@inner
def _norm(task: Any, phase: Any, token: int, scratch: int) -> None:
    hidden, epsilon, form, place = phase[HIDDEN], float_of(phase[EPSILON]), task[FORM], token * phase[NORMED_ROW]
    state = floats(phase[STREAM] + token * hidden * _FLOAT_BYTES, hidden)
    more = floats(phase[MORE] + token * phase[MORE_ROW] * _FLOAT_BYTES, hidden)
    if form == AS_FP32:
        add_and_norm(state, more, floats(phase[NORMED] + place * 4, hidden), epsilon)
    elif form == AS_BF16:
        add_and_norm(state, more, halves(phase[NORMED] + place * 2, hidden), epsilon)
    else:
        normed, weights = floats(scratch, hidden), floats(phase[WEIGHTS], hidden)
        add_and_norm(state, more, normed, epsilon)
        for i in range(hidden):
            normed[i] *= weights[i]
        round_row(normed, phase[NORMED] + place * 4)


@inner
def _round(phase: Any, token: int) -> None:
    row = phase[NUMBERS_ROW]
    round_row(floats(phase[NUMBERS] + token * row * _FLOAT_BYTES, row), phase[ROUNDED] + token * phase[ROUNDED_ROW] * 4)


@inner
def _multiply(task: Any, phase: Any, piece: int) -> None:
    panel, first, end = _part(task, piece)
    steps, columns, form = phase[STEPS], phase[COLUMNS], task[FORM]
    target = phase[TARGET] if phase[TARGET] else task[OUT]
    column = panel * PANEL
    multiply_panel(
        end - first, phase[INPUTS] + first * row_bytes(steps, form), steps,
        phase[PANELS] + panel * panel_bytes(steps, form), phase[BIAS] + column * _FLOAT_BYTES,
        target + (first * columns + column) * _FLOAT_BYTES, columns * _FLOAT_BYTES, form,
    )  # fmt: skip


@inner
def _gate(task: Any, phase: Any, piece: int, scratch: int) -> None:
    """A panel of gates, the panel of values that belongs to it, and what passes."""
    number, first, end = _part(task, piece)
    steps, form, column = phase[STEPS], task[FORM], number * PANEL
    inputs, panel = phase[INPUTS] + first * row_bytes(steps, form), number * panel_bytes(steps, form)
    bytes_, count, size, bias = PANEL * 4, end - first, min(PANEL, phase[WIDTH] - column), column * _FLOAT_BYTES
    values = scratch + _TOGETHER * bytes_
    multiply_panel(count, inputs, steps, phase[PANELS] + panel, phase[BIAS] + bias, scratch, bytes_, form)
    multiply_panel(count, inputs, steps, phase[PANELS2] + panel, phase[BIAS2] + bias, values, bytes_, form)
    for token in range(count):
        gates, others = floats(scratch + token * bytes_, size), floats(values + token * bytes_, size)
        place = (first + token) * phase[TARGET_ROW] + column
        if form == AS_BF16:
            gate(gates, others, halves(phase[TARGET] + place * 2, size))
        else:
            gate(gates, others, floats(phase[TARGET] + place * 4, size))


@inner
def _compute(task: Any, phase: Any, piece: int, scratch: int) -> None:
    kind = phase[KIND]
    few = range(_FEW * piece, min(_FEW * (piece + 1), task[TOKENS]))
    if kind == NORM:
        for token in few:
            _norm(task, phase, token, scratch)
    elif kind == PRODUCT:
        _multiply(task, phase, piece)
    elif kind == GATE:
        _gate(task, phase, piece, scratch)
    elif kind == TURN:
        for token in few:
            turn(task, phase, token)
    elif kind == ROUND:
        _round(phase, piece)
    else:
        attend(task, phase, piece, scratch)


@inner
def _wait(task: Any, counter: int, pieces: int) -> None:
    """Until so many pieces are done."""
    turns = 0
    while finished(counter) < pieces:
        turns += 1
        pause(task[YIELDER] if turns > _SPINS else 0)


def _run(pointer: Any) -> None:
    task = task_of(pointer)
    scratch = task[SCRATCH] + next_member(task) * task[SCRATCH_BYTES]
    for place in range(task[FIRST], task[STOP]):
        phase = words(task[PROGRAM] + place * SIZE * 8, SIZE)
        taken = task[COUNTERS] + (place - task[FIRST]) * _COUNTER_WORDS * 8
        done, pieces = taken + _COUNTER_WORDS * 4, _pieces(task, phase)
        piece = take_next(taken)
        while piece < pieces:
            _compute(task, phase, piece, scratch)
            finish(done)
            piece = take_next(taken)
        _wait(task, done, pieces)


@functools.cache
def _member() -> int:
    return pointed_to(_run)


@dataclass(frozen=True)
class Program:
    phases: Array
    """[phases,SIZE] int64"""
    form: int  # what products read (packed_linear.FORMS)
    hidden: int  # size of a state

    def __len__(self) -> int:
        return len(self.phases)


def run(
    program: Program, first: int, stop: int, rows: Array, positions: Array, cache: torch.Tensor, out: int
) -> None:  # fmt: skip
    """The phases `first` to before `stop` of a program on M tokens, rows and positions [M], by torch's threads.
    cache [L,2,R*K,S,E]; `out`: where products write whose target is 0. Nothing checks that
    rows and positions are within the cache, nor that what the program speaks of has room for M tokens: the caller has
    to."""
    counters = np.zeros((stop - first) * _COUNTER_WORDS + 8, np.int64)
    address = -(-counters.ctypes.data // 64) * 64
    team, slots = members(), cache.shape[3]
    numbers = max(scratch_numbers(slots, cache.shape[4]), 2 * _TOGETHER * PANEL, program.hidden)
    scratch = torch.empty(team, -(-numbers // 16) * 16)
    share(
        _member(),
        [
            program.phases.ctypes.data, first, stop, len(rows), int(cache.dtype == torch.float32), address, scratch,
            scratch.shape[1] * 4, team, yielder(), rows.ctypes.data, positions.ctypes.data, cache, cache.shape[2],
            slots, out, program.form,
        ],
    )  # fmt: skip
