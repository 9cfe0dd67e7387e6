"""Kernels that Numba compiled, kept on disk; losing them costs time and nothing else.

Numba's own store raises where a file was cut (by a power cut, or a disk that was full) at every later start, and where
there is no room for a new one. Here the first is compiled anew and written over, the second only compiled. Where two
processes compile at once, Numba's may keep a kernel for some types as the one for others, which is compiled anew, too.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache, NullCache
from numba.core.sigutils import normalize_signature


def _sources() -> str:
    """Which state of this room's files there is. Numba looks at a function's own file when it asks whether what it kept
    is still good; these share code between files."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


SOURCES = _sources()


class _KernelCache(FunctionCache):
    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return super()._index_key(sig, codegen), SOURCES  # type: ignore[no-untyped-call]

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """None where there is none, or none that can be read and is for these types."""
        with suppress(Exception):  # damaged bytes may raise anything while they are unpickled and linked
            found = super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
            if found is None or found.signature.args == normalize_signature(sig)[0]:  # type: ignore[no-untyped-call]
                return found
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
