"""What this machine can do, measured in the run that quotes it: products per second, and bytes read per second."""

import time

import torch

BUFFER_BYTES = 1 << 28  # far beyond what a cache holds


def peak_gflops(dtype: torch.dtype, shapes: tuple[tuple[int, int, int], ...] = ((2048, 2048, 2048),)) -> float:
    """The best of many products [rows, inner] x [inner, columns]."""
    best = 0.0
    for rows, inner, columns in shapes:
        left, right = torch.randn(rows, inner).to(dtype), torch.randn(columns, inner).to(dtype)
        for _ in range(12):
            started = time.perf_counter()
            torch.nn.functional.linear(left, right)
            best = max(best, 2 * rows * inner * columns / (time.perf_counter() - started) / 1e9)
    return best


def read_gigabytes_per_second() -> float:
    """The best of many sums over a large buffer."""
    buffer = torch.ones(BUFFER_BYTES // 4)
    best = 0.0
    for _ in range(10):
        started = time.perf_counter()
        buffer.sum()
        best = max(best, BUFFER_BYTES / (time.perf_counter() - started) / 1e9)
    return best
