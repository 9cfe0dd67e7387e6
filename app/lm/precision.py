"""Which number format is fast on this processor. Knows nothing of models.

bf16 matrix products are two to four times as fast as fp32 where the processor has AVX512-BF16 or AMX, and slower
where it has not: so this module looks at the processor and never assumes.
"""

import functools
import time
from contextlib import AbstractContextManager, nullcontext

import torch

_SIZE = 256  # the model's hidden size: what is timed is what will be run
_ROWS = 512
_TRIES = 20  # the best of many: a busy machine must not change the choice, and with it what a seed gives


def _seconds(dtype: torch.dtype) -> float:
    """Best time of a product of [_ROWS,_SIZE] with [_SIZE,_SIZE]: what an idle machine would take."""
    left = torch.ones(_ROWS, _SIZE, dtype=dtype)
    right = torch.ones(_SIZE, _SIZE, dtype=dtype)
    best = float("inf")
    for _ in range(_TRIES):
        start = time.perf_counter()
        torch.nn.functional.linear(left, right)
        best = min(best, time.perf_counter() - start)
    return best


def processor_knows_bf16() -> bool:
    """Whether the processor itself says that it multiplies bf16 (oneDNN emulates it elsewhere, slowly)."""
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, check, lambda: False)()) for check in checks)


@functools.cache
def fast_matmul_dtype() -> torch.dtype:
    """bf16 where the processor has it and a short measurement confirms it, else fp32. Decided once a process."""
    if not processor_knows_bf16():
        return torch.float32
    return torch.bfloat16 if _seconds(torch.bfloat16) < 0.8 * _seconds(torch.float32) else torch.float32


def autocast(dtype: torch.dtype | None = None) -> AbstractContextManager[object]:
    """Matrix products in `dtype` (the fast one if None); norms, softmax and losses stay in fp32."""
    chosen = fast_matmul_dtype() if dtype is None else dtype
    if chosen == torch.float32:
        return nullcontext()
    return torch.autocast("cpu", dtype=chosen)
