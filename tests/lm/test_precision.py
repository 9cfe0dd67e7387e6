"""The choice of number format follows the processor."""

import pytest
import torch

from app.lm import precision


def test_without_bf16_in_the_processor_all_stays_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "processor_knows_bf16", lambda: False)
    assert precision.fast_matmul_dtype.__wrapped__() == torch.float32


@pytest.mark.parametrize(("seconds", "expected"), [(0.5, torch.bfloat16), (1.5, torch.float32)])
def test_a_slow_bf16_is_not_used(monkeypatch: pytest.MonkeyPatch, seconds: float, expected: torch.dtype) -> None:
    monkeypatch.setattr(precision, "processor_knows_bf16", lambda: True)
    monkeypatch.setattr(precision, "_seconds", lambda dtype: seconds if dtype == torch.bfloat16 else 1.0)
    assert precision.fast_matmul_dtype.__wrapped__() == expected


def test_autocast_is_off_for_fp32() -> None:
    weight = torch.ones(4, 4)
    with precision.autocast(torch.float32):
        assert torch.nn.functional.linear(weight, weight).dtype == torch.float32
    with precision.autocast(torch.bfloat16):
        assert torch.nn.functional.linear(weight, weight).dtype == torch.bfloat16
