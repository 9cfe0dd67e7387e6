"""The process that compiles kernels computes what those compute that load them, to the bit."""

import os
import subprocess
import sys
from pathlib import Path


def results(kept: Path, *precisions: str) -> list[str]:
    """Of a process of its own, with this folder for compiled code; sorted, since it computes in the given order."""
    command = [sys.executable, "-m", "tests.lm.inference.kernels.results", *precisions]
    environment = os.environ | {"NUMBA_CACHE_DIR": str(kept)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return sorted(done.stdout.splitlines())


def test_the_process_that_compiles_computes_the_same_bits(tmp_path: Path) -> None:
    compiling = results(tmp_path, "float32", "bfloat16")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb?")}
    assert len(compiling) == 2
    assert len(before) > 10
    assert results(tmp_path, "bfloat16", "float32") == compiling  # which is loaded first makes no difference either
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb?")} == before, "it was compiled anew"
