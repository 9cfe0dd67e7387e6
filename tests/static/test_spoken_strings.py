"""What scripts say comes from the catalogue: a text of two or more words that is shown or announced is wrapped."""

import re
from pathlib import Path

import pytest

from tests.repository import REPOSITORY

SCRIPTS = sorted((REPOSITORY / "static" / "js").glob("*.js"))
SAYS = re.compile(
    r"""(?:textContent\s*=|announce\(|showAlert\(|ariaLabel\s*=|\.title\s*=|label:|setAttribute\("aria-label",)\s*"""
    r"""(?:["'`](?P<said>[^"'`\n]*))"""
)
WORDS = re.compile(r"[A-Za-z]{2,} [A-Za-z]{2,}|^[A-Z][a-z]{2,}$")


def unwrapped(script: str) -> list[str]:
    return [match["said"] for match in SAYS.finditer(script) if WORDS.search(match["said"])]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_what_is_said_is_wrapped(path: Path) -> None:
    assert unwrapped(path.read_text(encoding="utf-8")) == []


def test_the_check_finds_one() -> None:
    assert unwrapped('announce("Last step undone.");') == ["Last step undone."]
    assert unwrapped('box.textContent =\n  "Try again";\nbox.textContent = _("Try again");') == ["Try again"]
    assert unwrapped('showAlert(`No answer from ${name}`, _("Reload."));') == ["No answer from ${name}"]
