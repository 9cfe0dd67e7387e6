"""An installation to back up."""

from pathlib import Path

import pytest

from app.settings.config import Settings
from tests.live import quick_settings


@pytest.fixture
def installed(tiny_model_dir: Path, data_dir: Path) -> Settings:
    return quick_settings(data_dir, tiny_model_dir)
