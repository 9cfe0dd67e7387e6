"""`make faults`: puts each fault of the lists into a copy of the tree, runs its nearest tests, and says whether one of
them noticed. For the night, not for every change. FAULTS_ARGS picks: words of a name, --file, --list.

The libraries are loaded once; each run is a fork of this process that loads the product from the copy.
"""

import argparse
import importlib
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from tests.faults.fault import Fault
from tests.faults.lists import FAULTS
from tests.repository import REPOSITORY

COPIED = ("app", "bin", "static", "templates", "tests")  # with what lies at the top; other folders are linked
LIBRARIES = (
    "alembic.command", "fastapi", "httpx2", "hypothesis", "numba", "pydantic_settings", "pytest", "sqlalchemy.orm",
    "torch", "torch._dynamo", "transformers", "typer", "uvicorn",
)  # fmt: skip
SECONDS = 180  # for one fault's tests; a fault that makes them hang is told apart from one that they tell
PYTEST = (
    "-x",
    "-q",
    "--no-header",
    "--tb=no",
    "-p",
    "no:cacheprovider",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
)


def main() -> int:
    options = parsed()
    chosen = [fault for fault in FAULTS if picked(fault, options)]
    if not chosen:
        print("No fault has such a name or file. --list shows them all.")
        return 2
    if options.list:
        print(*(f"{fault.file}: {fault.name}" for fault in chosen), sep="\n")
        return 0
    for library in LIBRARIES:
        importlib.import_module(library)
    with tempfile.TemporaryDirectory(prefix="fourfold-faults-") as folder:
        tree = copied_tree(Path(folder))
        if not options.trust and not healthy(tree, chosen):
            return 2
        return run_all(tree, chosen)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="run the faults whose names hold all of these")
    parser.add_argument("--file", default="", help="run the faults of files whose path holds this")
    parser.add_argument("--list", action="store_true", help="show their names and run nothing")
    parser.add_argument("--trust", action="store_true", help="do not first see whether the tests pass without a fault")
    return parser.parse_args()


def picked(fault: Fault, options: argparse.Namespace) -> bool:
    return options.file in fault.file and all(word in fault.name for word in options.words)


def copied_tree(folder: Path) -> Path:
    """Without hidden folders and git; what was compiled comes along, since the first use of a kernel takes long."""
    for entry in REPOSITORY.iterdir():
        if entry.name in COPIED:
            shutil.copytree(entry, folder / entry.name)
        elif entry.is_file() and entry.name != ".git":
            shutil.copyfile(entry, folder / entry.name)
        elif not entry.name.startswith("."):
            (folder / entry.name).symlink_to(entry)
    return folder


def healthy(tree: Path, faults: Sequence[Fault]) -> bool:
    tests = sorted({test for fault in faults for test in fault.tests})
    tests = [test for test in tests if "::" not in test or test.split("::")[0] not in tests]
    print(f"First without a fault: {len(tests)} of the nearest tests' files and names", flush=True)
    code, said = run_tests(tree, tests, seconds=SECONDS * 5)
    if code != 0:
        print("They fail already, so that no fault could be told:", *said[-12:], sep="\n  ")
    return code == 0


def run_all(tree: Path, faults: Sequence[Fault]) -> int:
    missed: list[Fault] = []
    began = time.monotonic()
    for number, fault in enumerate(faults, start=1):
        verdict, why = tried(tree, fault)
        if verdict != "caught":
            missed.append(fault)
        print(f"{number}/{len(faults)} {verdict:6} {fault.file}: {fault.name}\n       {why}", flush=True)
    print(f"{len(faults) - len(missed)} of {len(faults)} faults were caught in {time.monotonic() - began:.0f} s.")
    for fault in missed:
        print(f"  missed: {fault.file}: {fault.name} ({' '.join(fault.tests)})")
    return 1 if missed else 0


def tried(tree: Path, fault: Fault) -> tuple[str, str]:
    """caught, missed or hung, and the test that told it with its words."""
    path = tree / fault.file
    if not path.resolve().is_relative_to(tree.resolve()):
        raise ValueError(f"{fault.file} would be changed in the repository itself: add its folder to COPIED.")
    source = path.read_text(encoding="utf-8")
    path.write_text(fault.applied(source), encoding="utf-8")
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
        compiled.unlink()
    try:
        code, said = run_tests(tree, fault.tests, seconds=SECONDS)
    finally:
        path.write_text(source, encoding="utf-8")
    told = next((line for line in said if line.startswith(("FAILED", "ERROR"))), " ".join(said[-1:]))
    if code is None:
        return "hung", f"not over after {SECONDS} s"
    return ("missed" if code == 0 else "caught"), told[:230]


def run_tests(tree: Path, tests: Sequence[str], *, seconds: float) -> tuple[int | None, list[str]]:
    """pytest's exit status (None: it took too long) and what it said."""
    output = tree / ".said"
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        run_here(tree, tests, output)
    until = time.monotonic() + seconds
    status: int | None = None
    while status is None and time.monotonic() < until:
        done, code = os.waitpid(pid, os.WNOHANG)
        status = os.waitstatus_to_exitcode(code) if done else None
        if not done:
            time.sleep(0.02)
    if status is None:
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return status, [line for line in output.read_text(errors="replace").splitlines() if line.strip()]


def run_here(tree: Path, tests: Sequence[str], output: Path) -> None:
    """In the fork; never returns."""
    code = 99
    try:
        for name in [name for name in sys.modules if name.split(".")[0] in COPIED]:
            del sys.modules[name]
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.chdir(tree)
        sys.path.insert(0, str(tree))
        sys.dont_write_bytecode = True
        os.environ |= {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "300"}
        import pytest

        code = int(pytest.main([*PYTEST, *tests]))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
