"""A short `make fuzz`, always the same calls."""

from pathlib import Path

from tests.fuzz.run import fuzz
from tests.live import LiveServer

EXAMPLES = 2


def test_whatever_the_description_allows_and_forbids(real_server: LiveServer, tmp_path: Path) -> None:
    found = fuzz(real_server, tmp_path, examples=EXAMPLES, seed=3, phases="fuzzing")
    assert not found.failures, found.failures
    assert found.statuses.total() >= 150, found.statuses
    assert not [status for status in found.statuses if status.startswith("5")]
    assert {"200", "201", "202", "204", "404", "409", "422"} <= set(found.statuses)
