"""Tasks that torch's threads share: what a task is about, by addresses and sizes, and its pieces, taken one by one.

A task is an array of int64. A kernel makes arrays of the addresses in it again; nothing here checks that they are
right: who starts a task has to keep its tensors alive and to give their sizes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numba import carray, types  # type: ignore[attr-defined]
from numba.extending import intrinsic
from torch import Tensor

from app.lm.kernels.compiling import exact, inner
from app.lm.kernels.team import members, starter, take_next, work

_COUNTER, _MEMBER, _SIZE = 24, 32, 40  # behind the fields: of pieces and of members, each on a cache line of its own


def _pointer(kind: Any) -> Any:
    def pointer(typing: Any, address: Any) -> Any:  # noqa: ARG001 (Numba's signature)
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.intp), code  # type: ignore[no-untyped-call]

    return intrinsic(pointer)


_floats, _halves, _words = _pointer(types.float32), _pointer(types.uint16), _pointer(types.int64)
_shorts = _pointer(types.int16)


@inner
def floats(address: int, shape: Any) -> Any:
    """The fp32 numbers at an address, as an array."""
    return carray(_floats(address), shape)


@inner
def halves(address: int, shape: Any) -> Any:
    """The bf16 numbers at an address, as their bits."""
    return carray(_halves(address), shape)


@inner
def shorts(address: int, shape: Any) -> Any:
    """The int16 at an address."""
    return carray(_shorts(address), shape)


@inner
def words(address: int, shape: Any) -> Any:
    """The int64 at an address."""
    return carray(_words(address), shape)


@inner
def float_of(word: int) -> Any:
    """The fp32 number that `field` made a word of."""
    return np.int32(word).view(np.float32)


@inner
def task_of(pointer: Any) -> Any:
    return carray(pointer, _SIZE)


@inner
def next_piece(task: Any) -> int:
    """The number of the next piece that nobody has taken; it may be beyond the last one."""
    return take_next(task.ctypes.data + 8 * _COUNTER)  # type: ignore[no-any-return]


@inner
def next_member(task: Any) -> int:
    """0, 1, ... for each thread that asks: whose scratch memory is whose."""
    return take_next(task.ctypes.data + 8 * _MEMBER)  # type: ignore[no-any-return]


def field(value: Tensor | float) -> int:
    """A tensor's address, a whole number, or the bits of another one in fp32."""
    if isinstance(value, Tensor):
        return value.data_ptr()
    return value if isinstance(value, int) else int(np.float32(value).view(np.int32))


@exact
def _start(member: int, task: int, start: int, members: int) -> None:
    work(member, task, start, members)


def share(member: int, fields: Sequence[Tensor | float]) -> None:
    """Every thread of torch's calls the function at this address with one task of these fields; returns when all
    have."""
    task = np.zeros(_SIZE, np.int64)
    task[: len(fields)] = [field(value) for value in fields]
    _start(member, task.ctypes.data, starter(), members())


def is_bf16(numbers: Tensor) -> bool:
    assert numbers.is_contiguous(), "a kernel reads rows that follow one another"
    assert numbers.dtype in {torch.float32, torch.bfloat16}, f"kernels know fp32 and bf16, not {numbers.dtype}"
    return numbers.dtype == torch.bfloat16
