"""Threads for kernels: those of torch itself (GCC's OpenMP, which comes with torch), so that there is one set of them.
Where it is not found, one thread does all.

Members take the pieces of a task one by one from a counter. Which of them computes a piece decides no bit of it. Where
pieces need what others computed, members count what is done and wait for a number of pieces, not for one another: one
that the machine does not run holds nobody up unless it is in a piece.
"""

import ctypes
import functools
import platform
from pathlib import Path
from typing import Any

import torch
from llvmlite import ir
from numba import types
from numba.extending import intrinsic


@functools.cache
def starter() -> int:
    """The address of OpenMP's GOMP_parallel, 0 where there is none."""
    try:
        library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
        return ctypes.cast(library.GOMP_parallel, ctypes.c_void_p).value or 0
    except (OSError, AttributeError):
        return 0


@functools.cache
def yielder() -> int:
    """The address of sched_yield, 0 where there is none."""
    try:
        return ctypes.cast(ctypes.CDLL(None).sched_yield, ctypes.c_void_p).value or 0
    except (OSError, AttributeError, TypeError):
        return 0


def members() -> int:
    """How many threads torch computes with here."""
    return torch.get_num_threads() if starter() else 1


def _take_next(typing: Any, counter: Any) -> Any:  # noqa: ARG001 (Numba's signature)
    """The number at an address, which grows by one; no two members get the same."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        place = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        return builder.atomic_rmw("add", place, ir.IntType(64)(1), "monotonic")

    return types.int64(types.intp), code


take_next: Any = intrinsic(_take_next)


def _finish(typing: Any, counter: Any) -> Any:  # noqa: ARG001
    """The number at an address grows by one, behind all that this member has written."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        place = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        builder.atomic_rmw("add", place, ir.IntType(64)(1), "release")
        return context.get_dummy_value()

    return types.void(types.intp), code


finish: Any = intrinsic(_finish)


def _finished(typing: Any, counter: Any) -> Any:  # noqa: ARG001
    """The number at an address; what was written before it grew can be read from here on."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        place = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        return builder.load_atomic(place, "acquire", 8)

    return types.int64(types.intp), code


finished: Any = intrinsic(_finished)


def _pause(typing: Any, yielder: Any) -> Any:  # noqa: ARG001
    """A moment of waiting: with the address of sched_yield, others may run meanwhile; with 0, some cycles."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        address = arguments[0]
        with builder.if_else(builder.icmp_signed("!=", address, address.type(0))) as (others, nobody):
            with others:
                kind = ir.FunctionType(ir.IntType(32), [])
                builder.call(builder.inttoptr(address, kind.as_pointer()), [])
            with nobody:
                if platform.machine().lower() in {"x86_64", "amd64"}:
                    kind = ir.FunctionType(ir.VoidType(), [])
                    builder.call(builder.module.declare_intrinsic("llvm.x86.sse2.pause", (), kind), [])
        return context.get_dummy_value()

    return types.void(types.intp), code


pause: Any = intrinsic(_pause)


def _work(typing: Any, function: Any, task: Any, start: Any, members: Any) -> Any:  # noqa: ARG001
    """Every member calls the function at an address with the task's address; returns when all have. `start` is what
    `starter` gives; it is not asked for a single member."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        function, task = (builder.inttoptr(argument, byte) for argument in arguments[:2])
        alone = ir.FunctionType(ir.VoidType(), [byte])
        together = ir.FunctionType(ir.VoidType(), [byte, byte, number, number])
        start, members = arguments[2:]
        with builder.if_else(builder.icmp_signed(">", members, members.type(1))) as (many, one):
            with many:
                address = builder.inttoptr(start, together.as_pointer())
                builder.call(address, [function, task, builder.trunc(members, number), number(0)])
            with one:
                builder.call(builder.bitcast(function, alone.as_pointer()), [task])
        return context.get_dummy_value()

    return types.void(*[types.intp] * 4), code


work: Any = intrinsic(_work)
