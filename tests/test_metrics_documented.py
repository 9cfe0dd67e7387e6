"""docs/metrics.md defines each metric that the training code names, and none that it does not know."""

import re

from tests.repository import REPOSITORY

SOURCES = [*(REPOSITORY / "app" / "training").rglob("*.py"), *(REPOSITORY / "app" / "worker").rglob("*.py")]
CODE = "\n".join(path.read_text() for path in SOURCES)
ROWS = [line for line in (REPOSITORY / "docs" / "metrics.md").read_text().splitlines() if line.startswith("- `")]
DEFINED = {name for row in ROWS for name in re.findall(r"`([a-z_]+[0-9]?(?:/[a-z_]+)?)`", row.split(": ")[0])}


def test_every_named_metric_is_defined() -> None:
    named = set(re.findall(r'"((?:loss|objective|policy|val|accuracy|reward)/[a-z_0-9]+)"', CODE))
    assert len(named) > 20
    assert named <= DEFINED


def test_every_definition_is_of_a_metric_in_the_code() -> None:
    assert {name for name in DEFINED if f'"{name}"' not in CODE} == set()
