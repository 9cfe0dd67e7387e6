from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worker.harness import Harness


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    made = Harness(tmp_path / "data")
    yield made
    made.close()
