"""Kernels that Numba compiled, kept on disk; losing them costs time and nothing else.

Numba's own store raises where a file was cut (by a power cut, or a disk that was full) at every later start, and where
there is no room for a new one. Here the first is compiled anew and written over, the second only compiled.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from numba.core.caching import FunctionCache, NullCache


class _KernelCache(FunctionCache):
    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """None where there is none, or none that can be read."""
        try:
            return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        except Exception:  # damaged bytes may raise anything while they are unpickled and linked
            with suppress(OSError):
                self.flush()  # type: ignore[no-untyped-call]
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(OSError):
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]


def kernel_cache(function: Callable[..., object]) -> Any:
    """The store for a function; one that keeps nothing where there is no folder for it: each process compiles anew
    then, which takes some seconds."""
    try:
        return _KernelCache(function)  # type: ignore[no-untyped-call]
    except RuntimeError:
        return NullCache()
