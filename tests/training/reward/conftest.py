"""What tests of the reward model share."""

import pytest

from tests.training.reward.reads import reads_counted


@pytest.fixture
def read_anew(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many answers the model read, call by call."""
    return reads_counted(monkeypatch)
