"""The decoder gives the model's logits, and every row the same bits whatever is computed beside it."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from numba.core.codegen import get_host_cpu_features
from torch import Tensor

from app.lm.files.checkpoint import load_model
from app.lm.inference.decoder import Decoder
from app.lm.inference.kv_cache import KVCache
from tests.lm.files.imported_models import CASES, save_random_model
from tests.lm.inference.company import DTYPES, SHAPES, answers_differ, lively, prefill_differs, prompts, steps_differ


def read_alone(decoder: Decoder, prompt: list[int], slots: int = 0) -> tuple[KVCache, Tensor]:
    """A cache with the prompt in row 0, as short as it may be, and the logits after it."""
    cache = KVCache(decoder.config, decoder.dtype, 1, max(len(prompt), slots))
    ids = torch.tensor(prompt)
    states = decoder.states(ids, torch.zeros_like(ids), torch.arange(len(prompt)), cache)
    return cache, decoder.logits(states[-1:])[0]


@pytest.mark.parametrize("shape", SHAPES)
def test_logits_are_the_models(shape: str) -> None:
    model = lively(SHAPES[shape])
    decoder = Decoder(model, torch.float32)
    with torch.inference_mode():
        for prompt in prompts(4):
            cache, logits = read_alone(decoder, prompt, slots=256)
            torch.testing.assert_close(logits, model(torch.tensor([prompt]))[0, -1], atol=1e-4, rtol=1e-4)
            longer = [*prompt, 9]
            row, length = torch.tensor([0]), torch.tensor([len(prompt)])
            next_logits = decoder.logits(decoder.states(torch.tensor([9]), row, length, cache))[0]
            torch.testing.assert_close(next_logits, model(torch.tensor([longer]))[0, -1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("case", CASES)
@torch.inference_mode()
def test_logits_of_other_families(case: str, tmp_path: Path) -> None:
    """Against transformers' own: a prompt read in two pieces, and ten tokens after it, one by one."""
    theirs = save_random_model(tmp_path, case)
    decoder = Decoder(load_model(tmp_path)[0], torch.float32)
    ids = torch.randint(5, 400, (42,), generator=torch.Generator().manual_seed(1))
    wanted = theirs(ids[None]).logits[0]
    cache, logits = KVCache(decoder.config, decoder.dtype, 1, 42), []
    pieces = [range(16), range(16, 32), *(range(place, place + 1) for place in range(32, 42))]
    for piece in pieces:
        positions = torch.tensor(piece)
        logits.append(decoder.logits(decoder.states(ids[positions], torch.zeros_like(positions), positions, cache)))
    torch.testing.assert_close(torch.cat(logits), wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_token_gets_the_same_bits_in_any_company(shape: str, dtype: torch.dtype) -> None:
    decoder = Decoder(lively(SHAPES[shape]), dtype)
    assert prefill_differs(decoder) == []
    assert steps_differ(decoder) == []
    assert answers_differ(decoder) == []


X86 = platform.machine().lower() in {"x86_64", "amd64"}
AVX2 = "sse sse2 sse3 ssse3 sse4.1 sse4.2 popcnt avx avx2 fma f16c bmi bmi2 lzcnt movbe"
AVX512 = AVX2 + " avx512f avx512cd avx512bw avx512dq avx512vl"
# What oneDNN, torch and Numba are told that the processor is: None is as it is, names are as many of it as there are.
PROCESSORS = {
    "old": ("SSE41", "default", ""),
    "AVX2": ("AVX2", "avx2", AVX2),
    "AVX-512": ("AVX512_CORE", "avx512", AVX512),
    "AVX512-BF16": ("AVX512_CORE_BF16", "avx512", None),
    "AMX": ("AVX512_CORE_AMX", "avx512", None),
}


@pytest.mark.skipif(not X86, reason="instruction sets of x86")
@pytest.mark.parametrize("processor", PROCESSORS)
def test_every_token_gets_the_same_bits_on_other_processors(processor: str) -> None:
    """In a process of its own, since each of the three looks at the processor once."""
    products, torch_itself, kernels = PROCESSORS[processor]
    forced = {"ONEDNN_MAX_CPU_ISA": products, "ATEN_CPU_CAPABILITY": torch_itself, "OMP_WAIT_POLICY": "PASSIVE"}
    if kernels is not None:
        has = get_host_cpu_features().split(",")  # type: ignore[no-untyped-call]
        there = [f"+{name}" for name in kernels.split() if f"+{name}" in has]
        forced |= {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ",".join(there)}
    command = [sys.executable, "-m", "tests.lm.inference.company", "shipped", "odd", "normed heads"]
    done = subprocess.run(command, env=os.environ | forced, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("row", "position"), [(0, 16), (4, 0), (-1, 0), (0, -1)])
def test_a_place_outside_the_cache_is_an_error(row: int, position: int) -> None:
    decoder = Decoder(lively(SHAPES["shipped"]), torch.float32)
    cache = KVCache(decoder.config, torch.float32, 4, 16)
    with pytest.raises(IndexError, match="rows to"):
        decoder.states(torch.tensor([7]), torch.tensor([row]), torch.tensor([position]), cache)


@torch.inference_mode()
def test_in_place_of_the_model() -> None:
    """The same decoder; the layers' weights are not in memory a second time."""
    model, same = lively(SHAPES["shipped"]), lively(SHAPES["shipped"])
    decoder = Decoder(model, torch.float32, in_place_of_model=True)
    assert all(weight.is_meta for weight in model.model.layers.parameters())
    [prompt] = prompts(1)
    assert torch.equal(read_alone(decoder, prompt)[1], read_alone(Decoder(same, torch.float32), prompt)[1])
