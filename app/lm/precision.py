"""The number format of matrix products: chosen by name, never by timing. Knows nothing of models.

bf16 products are two to four times as fast as fp32 where the processor multiplies bf16 itself (AVX512-BF16 or AMX);
elsewhere they give the same, more slowly. The two formats give different texts for one seed, so an installation chooses
once (app/installation.py) and a job keeps the format that it began in.

The engine that answers may keep a model's weights in 8 bits (its setting `weights`); training never does.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass

import torch

AUTO = "auto"  # what the processor says
PRECISIONS = {"bf16": torch.bfloat16, "fp32": torch.float32}
FULL, INT8 = "full", "int8"  # weights of what is sampled from: as the precision says, or in 8 bits
LARGE_PARAMETERS = 50_000_000  # from here on reading weights is what an answer waits for
_in_use: ContextVar[str] = ContextVar("precision", default=AUTO)


def of_processor() -> str:
    """bf16 where the processor and torch's library of products say that they have it, else fp32."""
    multiplies = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16" if multiplies and torch.ops.mkldnn._is_mkldnn_bf16_supported() else "fp32"


def name_of(setting: str) -> str:
    """bf16 or fp32, of these or `auto`."""
    return of_processor() if setting == AUTO else setting


def dtype_of(setting: str) -> torch.dtype:
    return PRECISIONS[name_of(setting)]


@dataclass(frozen=True)
class Formats:
    """What an engine that answers computes in, by the names of its settings."""

    precision: str = AUTO
    weights: str = FULL

    @property
    def dtype(self) -> torch.dtype:
        return dtype_of(self.precision)

    def weights_of(self, parameters: int) -> torch.dtype:
        """What the weights of a model of this size are kept in: int8, or `dtype`. `auto`: 8 bits for large ones."""
        small = parameters >= LARGE_PARAMETERS if self.weights == AUTO else self.weights == INT8
        return torch.int8 if small else self.dtype


@contextmanager
def using(name: str) -> Iterator[None]:
    """Within it, in this thread, products are computed in this format."""
    token = _in_use.set(name)
    try:
        yield
    finally:
        _in_use.reset(token)


def matmul_dtype() -> torch.dtype:
    """The format in use here: where none was chosen, the processor's."""
    return dtype_of(_in_use.get())


def autocast(dtype: torch.dtype | None = None) -> AbstractContextManager[object]:
    """Matrix products in `dtype` (the one in use if None); norms, softmax and losses stay in fp32."""
    chosen = matmul_dtype() if dtype is None else dtype
    if chosen == torch.float32:
        return nullcontext()
    return torch.autocast("cpu", dtype=chosen)


def products_dtype() -> torch.dtype:
    """What products are computed in here: `autocast`'s format within it, fp32 outside."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else torch.float32
