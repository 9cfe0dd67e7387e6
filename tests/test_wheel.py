"""The wheel, in an environment of its own and far from the repository: everything is in it, and it runs."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.repository import REPOSITORY
from tests.waiting import PATIENCE_SECONDS, wait_for

HOSTILE = "raise SystemExit('a file of the current folder was run')"
PAGES = ("/", "/train", "/data", "/static/vendor/htmx.min.js", "/static/js/app.js", "/static/css/base.css")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    [found] = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `fourfold` of a fresh environment, which borrows the libraries of this one: they are gigabytes."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install"]
    subprocess.run([*pip, "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
    [site_packages] = folder.glob("lib/python*/site-packages")
    libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site_packages / "borrowed.pth").write_text("\n".join(sorted(libraries)))
    borrow_kernels(site_packages)
    return folder / "bin" / "fourfold"


def borrow_kernels(site_packages: Path) -> None:
    """What was compiled of them here: Numba takes it for the same file of the same time."""
    for source in (REPOSITORY / "app" / "lm" / "kernels").glob("*.py"):
        installed = site_packages / source.relative_to(REPOSITORY)
        shutil.copystat(source, installed)
        for compiled in source.parent.glob(f"__pycache__/{source.stem}.*.nb?"):
            shutil.copy2(compiled, installed.parent / "__pycache__")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder with modules and folders named as ours, and an empty home beside it."""
    folder = tmp_path / "else where"
    for name in ("app/__init__.py", "app/__main__.py", "torch.py", "json.py", "migrations/env.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(HOSTILE)
    for name in ("templates/base.html", "templates/label/index.html", "static/js/app.js", "models/sft/config.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{{ hostile }}")
    (tmp_path / "home").mkdir()
    return folder


def outside(elsewhere: Path, **settings: str) -> dict[str, str]:
    """The environment of a person with an empty home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FOURFOLD_", "XDG_", "PYTHON"))}
    return kept | {"HOME": str(elsewhere.parent / "home")} | settings


def shipped_files() -> Iterator[str]:
    """What the wheel must hold, from what git tracks."""
    listed = subprocess.run(
        ["git", "ls-files", "app", "migrations", "models", "static", "templates", "translations"],
        cwd=REPOSITORY, check=True, capture_output=True, text=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        yield name if name.startswith("app/") else f"app/shipped/{name}"
    for path in (REPOSITORY / "static" / "vendor").iterdir():
        yield f"app/shipped/static/vendor/{path.name}"


def test_it_holds_all_that_runs_and_nothing_beside_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == set(shipped_files())


def test_it_runs_far_from_the_repository(installed: Path, elsewhere: Path, tmp_path: Path) -> None:
    """Pages, static files and the worker, from a folder full of traps; the data lies in the home. It ends with the one
    that started it."""
    output = tmp_path / "output"
    environment = outside(elsewhere, FOURFOLD_PORT="0", FOURFOLD_READY_GROUPS="0", FOURFOLD_FOLLOW_PARENT="1")
    with (
        output.open("wb") as file,
        subprocess.Popen(
            [installed, "run"], cwd=elsewhere, env=environment, stdin=subprocess.PIPE, stdout=file, stderr=file
        ) as running,
    ):
        try:
            wait_for(lambda: "Fourfold is ready: " in output.read_text() or running.poll() is not None, "address")
            said = output.read_text()
            assert "Fourfold is ready: " in said, said
            data = tmp_path / "home" / ".local" / "share" / "fourfold"
            assert said.startswith(f"Data folder: {data}\n")
            assert (data / "fourfold.db").is_file()
            address = said.split("Fourfold is ready: ")[1].split()[0]
            with httpx2.Client(base_url=address, follow_redirects=True) as client:
                assert {path: client.get(path).status_code for path in PAGES} == dict.fromkeys(PAGES, 200)
                assert "hostile" not in client.get("/").text
            wait_for(lambda: "is ready" in output.read_text().split("worker |")[-1], "worker")
            healthy = subprocess.run([installed, "worker-health"], cwd=elsewhere, env=environment, check=False)
            assert healthy.returncode == 0
            assert running.stdin is not None
            running.stdin.close()
            assert running.wait(PATIENCE_SECONDS) == 0
            assert output.read_text().endswith("Fourfold has stopped.\n")
        finally:
            running.terminate()


def test_a_home_that_cannot_be_written_is_told(installed: Path, elsewhere: Path) -> None:
    environment = outside(elsewhere, HOME="/dev/null", FOURFOLD_PORT="0")
    done = subprocess.run(
        [installed, "run"], cwd=elsewhere, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    folder = "/dev/null/.local/share/fourfold"
    assert done.stderr == (
        f"The data folder {folder} cannot be made (Not a directory). Set FOURFOLD_DATA_DIR to another one.\n"
    )


def test_its_version(installed: Path, elsewhere: Path, wheel: Path) -> None:
    shown = subprocess.run(
        [installed, "--version"], cwd=elsewhere, env=outside(elsewhere), check=True, capture_output=True, text=True
    )
    assert shown.stdout == f"fourfold {wheel.name.split('-')[1]}\n"
