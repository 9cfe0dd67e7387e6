"""The settings are documented, and a wrong one is refused by name."""

import pytest
from pydantic import ValidationError

from app.config import REPOSITORY, Settings

ROWS = {
    cells[1].strip(" `"): cells[3].strip()
    for line in (REPOSITORY / "docs" / "settings.md").read_text().splitlines()
    if line.startswith("| `FOURFOLD_")
    for cells in [line.split("|")]
}


def test_every_setting_is_documented_and_nothing_else() -> None:
    described = {f"FOURFOLD_{name.upper()}": field.description for name, field in Settings.model_fields.items()}
    assert described == ROWS


def test_the_environment_sets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOURFOLD_PORT", "8123")
    monkeypatch.setenv("FOURFOLD_DATA_DIR", "/elsewhere")
    settings = Settings()
    assert settings.port == 8123
    assert settings.resolved_database_url == "sqlite:////elsewhere/fourfold.db"


def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOURFOLD_PORT", "99999")
    with pytest.raises(ValidationError, match="port"):
        Settings()
