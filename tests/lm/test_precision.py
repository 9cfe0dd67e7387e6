"""The number format follows what the processor says, or what was chosen; nothing is timed."""

import os
import subprocess
import sys

import pytest
import torch

from app.lm import precision


@pytest.mark.parametrize(
    ("avx512_bf16", "amx", "library", "expected"),
    [
        (True, False, True, "bf16"),
        (False, True, True, "bf16"),
        (True, True, False, "fp32"),
        (False, False, True, "fp32"),
    ],
)
def test_it_is_the_processors(
    avx512_bf16: bool, amx: bool, library: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: library)
    assert precision.of_processor() == precision.name_of("auto") == expected
    assert precision.matmul_dtype() == precision.PRECISIONS[expected]


@pytest.mark.parametrize("processor", ["bf16", "fp32"])
def test_what_was_chosen_holds_whatever_the_processor_says(processor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "of_processor", lambda: processor)
    for name, dtype in precision.PRECISIONS.items():
        with precision.using(name):
            assert precision.matmul_dtype() == dtype
            with precision.using("auto"):
                assert precision.matmul_dtype() == precision.PRECISIONS[processor]
            assert precision.matmul_dtype() == dtype
    assert precision.matmul_dtype() == precision.PRECISIONS[processor]


def test_autocast_is_off_for_fp32() -> None:
    weight = torch.ones(4, 4)
    for name, dtype in precision.PRECISIONS.items():
        with precision.autocast(dtype):
            assert torch.nn.functional.linear(weight, weight).dtype == dtype
        with precision.using(name), precision.autocast():
            assert torch.nn.functional.linear(weight, weight).dtype == dtype


TRAINS = """
import torch
from app.lm import precision
torch.manual_seed(0)
left, weight = torch.randn(24, 64), torch.randn(32, 64, requires_grad=True)
with precision.using("bf16"), precision.autocast():
    out = torch.nn.functional.linear(left, weight)
assert out.dtype == torch.bfloat16
out.float().square().sum().backward()
exact = left @ weight.detach().T
assert (out.float() - exact).abs().max() < 0.02 * exact.abs().max()
wanted = 2 * exact.T @ left
assert (weight.grad - wanted).abs().max() < 0.02 * wanted.abs().max()
print(precision.of_processor())
"""


def test_bf16_is_right_on_a_processor_without_it() -> None:
    """A job that began in bf16 ends in bf16 on such a machine, slowly."""
    environment = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
    done = subprocess.run([sys.executable, "-c", TRAINS], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "fp32"


@pytest.mark.parametrize(
    ("setting", "parameters", "expected"),
    [
        ("full", 10**9, torch.bfloat16),
        ("int8", 1, torch.int8),
        ("auto", 49_999_999, torch.bfloat16),
        ("auto", 50_000_000, torch.int8),
    ],
)
def test_weights_are_in_8_bits_where_it_is_asked_for_or_the_model_is_large(
    setting: str, parameters: int, expected: torch.dtype
) -> None:
    assert precision.Formats("bf16", setting).weights_of(parameters) == expected
