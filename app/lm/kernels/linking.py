"""A kernel calls its own copies of the functions that it is made of, in the process that compiles it as in one that
loads it, so that its results have the same bits in both.

A copy that is not inlined is optimised together with its kernel, and the compiler may take its sums in another order
than in the function compiled alone, which is called the same. Numba leaves to the linker which of those is called: in
the process that compiles, the one that was compiled first, alone; in others, the one that was kept with the kernel.
"""

from typing import Any

from llvmlite.binding import Linkage
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler


class _OwnCopies(JITCodeLibrary):
    def _finalize_final_module(self) -> None:
        """All is optimised, and only to be translated: what is called is settled here, and no instruction changes."""
        for function in self._final_module.functions:
            if function.linkage == Linkage.linkonce_odr and not function.is_declaration:
                function.linkage = Linkage.internal
        super()._finalize_final_module()  # type: ignore[no-untyped-call]


class KernelCompiler(Compiler):
    def define_pipelines(self) -> Any:
        library = _OwnCopies(self.state.targetctx.codegen(), self.state.func_id.func_qualname)  # type: ignore[no-untyped-call]
        library.enable_object_caching()  # type: ignore[no-untyped-call]
        self.state.library = library
        return super().define_pipelines()  # type: ignore[no-untyped-call]
