"""Older processors than this one, as far as the environment can make a new process believe in them."""

import os
import subprocess
import sys
from dataclasses import dataclass

from numba.core.codegen import get_host_cpu_features

_AVX2 = "sse sse2 sse3 ssse3 sse4.1 sse4.2 popcnt avx avx2 fma f16c bmi bmi2 lzcnt movbe"
_AVX512 = _AVX2 + " avx512f avx512cd avx512bw avx512dq avx512vl"


@dataclass(frozen=True)
class Processor:
    """What oneDNN, torch and Numba are told that it is: `kernels` are Numba's features, as many of them as there are;
    None is all. A machine without any feature of `beyond` is no more than this itself, and needs not be told."""

    products: str
    torch_itself: str
    kernels: str | None
    beyond: str

    def environment(self) -> dict[str, str]:
        forced = {
            "ONEDNN_MAX_CPU_ISA": self.products,
            "ATEN_CPU_CAPABILITY": self.torch_itself,
            "OMP_WAIT_POLICY": "PASSIVE",
        }
        if self.kernels is not None:
            there = [f"+{name}" for name in self.kernels.split() if name in _features()]
            forced |= {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ",".join(there)}
        return forced


def _features() -> set[str]:
    listed: str = get_host_cpu_features()  # type: ignore[no-untyped-call]
    return {name.removeprefix("+") for name in listed.split(",") if name.startswith("+")}


_ALL = {
    "old": Processor("SSE41", "default", "", "avx"),
    "AVX2": Processor("AVX2", "avx2", _AVX2, "avx512f avxvnni"),
    "AVX-512": Processor("AVX512_CORE", "avx512", _AVX512, "avx512vnni"),
    "AVX512-BF16": Processor("AVX512_CORE_BF16", "avx512", None, "avx512fp16 amx-tile"),
    "AMX": Processor("AVX512_CORE_AMX", "avx512", None, "amx-fp16"),
}
PROCESSORS = {name: each for name, each in _ALL.items() if not _features().isdisjoint(each.beyond.split())}
"""Those that this machine can do more than; none where it is no x86."""


COMPANY = ("tests.lm.inference.company", "shipped", "odd", "normed heads")
"""The program that looks whether company changes a bit, and the shapes that meet each way through the kernels."""


def run_as(processor: str, module: str, *arguments: str, **environment: str) -> str:
    """What a program prints in a process of its own: each of the three looks at the processor once."""
    forced = PROCESSORS[processor].environment() if processor in PROCESSORS else {}
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=os.environ | forced | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
