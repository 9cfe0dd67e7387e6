"""How kernels are compiled: for this processor when first called (by Numba, without a C compiler), and kept on disk.

Arrays hold fp32, or bf16 as the uint16 of its bits (numpy knows no bf16). A kernel lets go of the interpreter's lock.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit, types
from numba.core.ccallback import CFunc
from numba.core.sigutils import normalize_signature
from numpy.typing import NDArray

from app.lm.kernels.cache import kernel_cache
from app.lm.kernels.linking import KernelCompiler

Array = NDArray[Any]
Function = TypeVar("Function", bound=Callable[..., object])

FAST_MATH = {"nsz", "arcp", "contract", "reassoc"}


# error_model: with Python's, a check for division by zero in each loop would keep it from using vectors
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def inner(function: Function) -> Function:
    """Called by kernels only."""
    compiled: Any = njit(fastmath=FAST_MATH, **_OPTIONS)(function)
    return compiled  # type: ignore[no-any-return]


def exactly(function: Function) -> Function:
    """As `inner`, and every operation is what is written."""
    compiled: Any = njit(**_OPTIONS)(function)
    return compiled  # type: ignore[no-any-return]


def kernel(function: Function) -> Function:
    return _kept(function, fastmath=FAST_MATH)


def exact(function: Function) -> Function:
    """A kernel in which every operation is what is written."""
    return _kept(function)


def pointed_to(function: Callable[[Any], None]) -> int:
    """The address of a function, compiled for C, that takes a pointer to int64; every operation is what is written."""
    signature = types.void(types.CPointer(types.int64))  # type: ignore[no-untyped-call]
    plain = normalize_signature(signature)  # type: ignore[no-untyped-call]
    compiled: Any = CFunc(function, plain, locals={}, options={"error_model": "numpy"}, pipeline_class=KernelCompiler)
    compiled._cache = kernel_cache(function)
    compiled.compile()
    return int(compiled.address)


def _kept(function: Function, **options: Any) -> Function:
    compiled: Any = njit(pipeline_class=KernelCompiler, **options, **_OPTIONS)(function)
    compiled._cache = kernel_cache(function)  # what cache=True does with Numba's own store
    return compiled  # type: ignore[no-any-return]
