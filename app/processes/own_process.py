"""Starts a process of this program; run as a file, it is the beginning of that process.

`python -m app` takes the first `app` on the path: that of the folder one stands in, or of PYTHONPATH. Such a folder may
hold an `app/`, a `torch.py` or a `json.py` of its own, which none of our processes may run. So the interpreter is told
to leave the current folder out (`-P`), and the package is found by its place, whatever the path says.
"""

import importlib.util
import os
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def command(module: str, *arguments: str) -> list[str]:
    """What runs `module` of this package, as `python -m` would, with this process's interpreter and its options on
    where modules come from."""
    options = ["-P"]
    if sys.flags.ignore_environment:
        options.append("-E")
    if sys.flags.no_user_site:
        options.append("-s")
    return [sys.executable, *options, __file__, module, *arguments]


def environment(outer: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`outer` without the empty entries of PYTHONPATH, which stand for the current folder and mostly come from
    `PYTHONPATH=$PYTHONPATH:/more`. What a person named there stays: their libraries may lie in it."""
    named = [entry for entry in outer.get("PYTHONPATH", "").split(os.pathsep) if entry]
    kept = {name: value for name, value in outer.items() if name != "PYTHONPATH"}
    return kept | ({"PYTHONPATH": os.pathsep.join(named)} if named else {})


def library_folders() -> list[str]:
    """Where this process finds modules, for one that is told to look nowhere by itself (`-I`)."""
    return [entry for entry in sys.path if Path(entry).is_absolute()]


def load_package() -> None:
    """Makes `app` this folder for the rest of the process."""
    spec = importlib.util.spec_from_file_location(
        "app", PACKAGE / "__init__.py", submodule_search_locations=[str(PACKAGE)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules["app"] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    load_package()
    runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
