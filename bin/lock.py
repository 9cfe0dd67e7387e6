"""Writes requirements.txt and requirements-dev.txt: every package that pyproject.toml's ranges lead to, pinned.

usage: .venv/bin/python bin/lock.py            keep the pins that still fit, add what is missing
       .venv/bin/python bin/lock.py --upgrade  the newest release of everything inside the ranges
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Comes with torch's GPU builds only; a machine with such a build installs them by itself.
GPU_ONLY = re.compile(r"^(nvidia-|cuda-|triton$)")


def resolve(requirements: list[str], pins: dict[str, str]) -> dict[str, str]:
    """Name and version of everything that pip would install for `requirements` in an empty environment."""
    constraints = ROOT / ".venv" / "constraints.txt"
    constraints.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
    command += ["--disable-pip-version-check", "--report", "-", "--constraint", str(constraints), *requirements]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    versions = {}
    for item in report["install"]:
        name = re.sub(r"[-_.]+", "-", item["metadata"]["name"]).lower()
        if not GPU_ONLY.match(name):
            versions[name] = item["metadata"]["version"].partition("+")[0]
    return dict(sorted(versions.items()))


def read_pins(path: Path) -> dict[str, str]:
    lines = path.read_text().splitlines() if path.exists() else []
    return dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))


def write_pins(path: Path, first: str, pins: dict[str, str]) -> None:
    path.write_text(first + "".join(f"{name}=={version}\n" for name, version in pins.items()))


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    run, dev = ROOT / "requirements.txt", ROOT / "requirements-dev.txt"
    old = {} if "--upgrade" in sys.argv[1:] else read_pins(run) | read_pins(dev)
    needed = project["dependencies"] + project["optional-dependencies"]["postgres"]
    run_pins = resolve(needed, old)
    dev_pins = resolve(needed + project["optional-dependencies"]["dev"], old | run_pins)
    write_pins(run, "# Made by `make lock` from pyproject.toml; do not edit.\n", run_pins)
    extra = {name: version for name, version in dev_pins.items() if name not in run_pins}
    write_pins(dev, "# Made by `make lock`; on top of requirements.txt.\n-c requirements.txt\n", extra)


if __name__ == "__main__":
    main()
