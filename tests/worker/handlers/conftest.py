"""A world for the handlers: the small model installed, four groups ranked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worker.harness import Harness
from tests.worker.world import make_world


@pytest.fixture
def harness(tmp_path: Path, tiny_model_dir: Path) -> Iterator[Harness]:
    made = make_world(tmp_path / "data", tiny_model_dir, ranked=4)
    yield made
    made.close()
