"""The process that compiles kernels computes what those compute that load them, to the bit."""

from pathlib import Path

from tests.lm.inference.processors import COMPANY, run_as

PROCESSOR = "AVX2"  # its kernels are compiled here and nowhere else, which takes seconds


def results(kept: Path, *precisions: str) -> list[str]:
    """Of a process of its own, with this folder for compiled code; sorted, since it computes in the given order."""
    done = run_as(PROCESSOR, "tests.lm.kernels.results", *precisions, NUMBA_CACHE_DIR=str(kept))
    return sorted(done.splitlines())


def test_the_process_that_compiles_computes_the_same_bits(tmp_path: Path) -> None:
    compiling = results(tmp_path, "float32", "bfloat16")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb?")}
    assert len(compiling) == 2
    assert len(before) >= 6
    assert results(tmp_path, "bfloat16", "float32") == compiling  # which is loaded first makes no difference either
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb?")} == before, "it was compiled anew"
    run_as(PROCESSOR, *COMPANY, NUMBA_CACHE_DIR=str(tmp_path))  # as test_decoder asks of the other processors
