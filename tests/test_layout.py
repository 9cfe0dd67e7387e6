"""Where the program's own files lie, and where its data goes."""

from pathlib import Path

import pytest

from app.errors import UnavailableError
from app.layout import BASE_MODEL, CHECKOUT, MIGRATIONS, PROMPTS, SFT_MODEL, STATIC, TEMPLATES, data_folder
from app.settings.config import Settings
from tests.repository import REPOSITORY


def test_a_checkout_runs_from_its_own_files() -> None:
    assert CHECKOUT == REPOSITORY
    assert all(path.exists() for path in (BASE_MODEL, MIGRATIONS, PROMPTS, SFT_MODEL, STATIC, TEMPLATES))


def test_a_checkout_keeps_its_data_wherever_it_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings().data_dir == REPOSITORY / "data"


def test_an_installed_program_keeps_it_with_its_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_folder(None) == tmp_path / ".local" / "share" / "fourfold"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "elsewhere"))
    assert data_folder(None) == tmp_path / "elsewhere" / "fourfold"


def test_without_a_home_it_is_said_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_user(_number: int) -> None:
        raise KeyError

    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", no_such_user)
    with pytest.raises(UnavailableError, match="Set FOURFOLD_DATA_DIR"):
        data_folder(None)
