"""Virtual environments for the programs that the benchmarks compare with, made in a folder that is not in git.

A peer's own packages are installed there by pip; what Fourfold's environment has already (torch, transformers) is read
from it, so that both sides run on the same torch.
"""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import torch

TRL = "trl==1.16.*"
TRL_WITH_PPO = "trl==1.12.0"  # the last one


def peer_python(folder: Path, requirement: str) -> Path:
    """The Python that has this requirement, installed first where the folder has none. Raises CalledProcessError where
    pip cannot install it."""
    home = folder.resolve() / requirement.replace("==", "-").replace("*", "x")
    python, ready = home / "bin" / "python", home / "ready"
    if ready.exists():
        return python
    venv.create(home, with_pip=True, clear=True)
    own = sysconfig.get_path("purelib")
    asked = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    theirs = Path(subprocess.check_output(asked, text=True).strip())
    (theirs / "fourfold.pth").write_text(f"{own}\n", encoding="utf-8")
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, requirement, f"torch=={torch.__version__}"], check=True, stdout=sys.stderr)
    ready.touch()
    return python
