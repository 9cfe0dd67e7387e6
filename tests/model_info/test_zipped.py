"""A model directory as a zip that is made while it is sent."""

import io
import zipfile
from pathlib import Path

import pytest

from app.model_info import zipped as module
from app.model_info.weights import CheckpointError
from app.model_info.zipped import zipped


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    folder = tmp_path / "7-policy"
    (folder / "deeper").mkdir(parents=True)
    for name, content in (("config.json", b"{}"), ("model.safetensors", b"weights" * 9), (".lock", b"x")):
        (folder / name).write_bytes(content)
    return folder


def test_it_holds_the_files_in_one_folder(directory: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(b"".join(zipped(directory, "fourfold-7")))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["fourfold-7/config.json", "fourfold-7/model.safetensors"]
        assert archive.read("fourfold-7/model.safetensors") == b"weights" * 9


def test_it_comes_in_pieces_that_are_never_large(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE_BYTES", 10)
    (directory / "model.safetensors").write_bytes(b"w" * 1_000)
    pieces = list(zipped(directory, "f"))
    assert len(pieces) > 100
    assert max(map(len, pieces)) < 500


def test_files_that_are_removed_meanwhile_are_sent_to_the_end(directory: Path) -> None:
    pieces = zipped(directory, "f")
    first = next(pieces)
    for name in ("config.json", "model.safetensors"):
        (directory / name).unlink()
    with zipfile.ZipFile(io.BytesIO(first + b"".join(pieces))) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 2


def test_what_is_no_model_is_refused_before_the_first_piece(directory: Path, tmp_path: Path) -> None:
    (directory / "config.json").unlink()
    for folder in (directory, tmp_path / "nowhere"):
        with pytest.raises(CheckpointError, match=r"config.json"):
            zipped(folder, "f")
