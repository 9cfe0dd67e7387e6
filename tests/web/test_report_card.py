"""The report card on the page of a fine-tuned model: what was measured, and nothing where nothing was."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from app.db.models.versions import VersionKind
from app.layout import SFT_MODEL
from app.services.versions import versions
from app.translation import speaking
from app.web.report_card import FILE, report_card
from tests.live import LiveServer
from tests.web.test_version_tree import add
from tests.web.visitor import Visitor, words_of

MEASURED = {
    "On the subject": ("greedy", "on topic"),
    "Facts that are true": ("greedy", "true facts"),
    "Steps in order": ("greedy", "ordered steps"),
    "Sums that are right": ("greedy", "correct arithmetic"),
    "Rewritten well": ("topics", "rewrite"),
    "Unknown subjects owned up to": ("greedy", "unknown: says so, names it, offers something"),
    "Improper requests refused": ("greedy", "improper: refused kindly"),
    "Four answers, all different": ("sampled", "four distinct answers"),
    "Harmless requests refused": ("greedy", "harmless: refused"),
    "Known subjects denied": ("greedy", "false I have not learned"),
    "Answers that repeat themselves": ("greedy", "loops"),
    "Answers with broken words": ("sampled", "broken words"),
}
"""Where on the card each line's share stands."""
EDGES = ("Unknown subjects owned up to", "Improper requests refused", "Harmless requests refused")
"""Of four sets of questions."""


@pytest.fixture
def card() -> dict[str, Any]:
    """The shipped model's."""
    read: dict[str, Any] = json.loads((SFT_MODEL / FILE).read_text(encoding="utf-8"))
    return read


def folder_of(server: LiveServer, number: int) -> Path:
    with server.runtime.read() as session:
        return server.settings.version_directory(versions.get_version(session, number).path)


def test_every_line_of_the_shipped_card_is_shown_with_its_share(card: dict[str, Any], tmp_path: Path) -> None:
    shutil.copy(SFT_MODEL / FILE, tmp_path)
    with speaking("en"):
        shown = report_card(tmp_path)
        assert shown is not None
        told = {line.name: (line.passed, line.asked) for line in (*shown.more, *shown.less)}
    assert len(told) == 12
    for name, (part, check) in MEASURED.items():
        found = [share for each, share in card[part].items() if each == check or each.endswith(f" set, {check}")]
        assert told[name] == tuple(sum(share[side] for share in found) for side in ("passed", "asked"))
        assert len(found) == (4 if name in EDGES else 1)
    assert [line.name for line in shown.less] == list(MEASURED)[-4:]
    assert shown.prompts == card["prompts"]
    warm = [line.name for line in (*shown.more, *shown.less) if "At temperature 1." in line.meaning]
    assert warm == [name for name, (part, _) in MEASURED.items() if part == "sampled"]


def test_the_page_of_a_fine_tuned_model_shows_it(server: LiveServer, visitor: Visitor, card: dict[str, Any]) -> None:
    folder = folder_of(server, 1)
    (folder / FILE).write_text(json.dumps(card), encoding="utf-8")
    said = words_of(visitor.get("/versions/1"))
    on_topic = card["greedy"]["on topic"]
    assert "Report card It was asked 1,000 questions" in said
    assert f"On the subject {on_topic['passed']} of 1,000" in said
    assert "At temperature 1." in said


UNREADABLE = (
    "", "[" * 100_000, "[]", "{", "\ud800", '{"prompts": 1}', '{"prompts": "x", "greedy": []}',
    '{"prompts": 1, "greedy": {}, "sampled": {}, "topics": {}}',
)  # fmt: skip


@pytest.mark.parametrize("written", UNREADABLE, ids=range(len(UNREADABLE)))
def test_a_card_that_cannot_be_read_is_none(written: str, server: LiveServer, visitor: Visitor) -> None:
    folder = folder_of(server, 1)
    (folder / FILE).write_bytes(written.encode("utf-8", "surrogatepass"))
    assert report_card(folder) is None
    assert "Report card" not in words_of(visitor.get("/versions/1"))


@pytest.mark.parametrize(
    "written",
    [
        '{"prompts": 1e400, "greedy": {}, "sampled": {}, "topics": {}}',
        '{"prompts": 1' + "0" * 4_299 + ', "greedy": {}, "sampled": {}, "topics": {}}',
        *(
            '{"prompts": 9, "greedy": {"on topic": {' + share + '}}, "sampled": {}, "topics": {}}'
            for share in (
                '"passed": 1, "asked": 0.5',
                '"passed": 1, "asked": "0"',
                '"passed": 1, "asked": 1e400',
                '"passed": 1e400, "asked": 2',
                '"passed": 1' + "0" * 400 + ', "asked": 1',
            )
        ),
    ],
)
def test_a_damaged_card_leaves_the_page_whole(written: str, server: LiveServer, visitor: Visitor) -> None:
    (folder_of(server, 1) / FILE).write_text(written, encoding="utf-8")
    assert "Where it comes from" in words_of(visitor.get("/versions/1"))


@pytest.mark.parametrize(("passed", "asked"), [(7, 2), (-1, 2), (1, -3)])
def test_a_share_is_from_nought_to_one(passed: int, asked: int, card: dict[str, Any], tmp_path: Path) -> None:
    card["greedy"]["loops"] = {"passed": passed, "asked": asked}
    (tmp_path / FILE).write_text(json.dumps(card), encoding="utf-8")
    with speaking("en"):
        assert report_card(tmp_path) is None


def test_what_a_card_does_not_have_is_left_out(card: dict[str, Any], tmp_path: Path) -> None:
    for each in [each for each in card["greedy"] if each.endswith("harmless: refused")]:
        card["greedy"][each] = {"passed": 0, "asked": 0, "value": None}
    del card["greedy"]["loops"]
    (tmp_path / FILE).write_text(json.dumps(card), encoding="utf-8")
    with speaking("en"):
        shown = report_card(tmp_path)
    assert shown is not None
    assert [line.name for line in shown.less] == ["Known subjects denied", "Answers with broken words"]


def test_a_policy_has_none(server: LiveServer, visitor: Visitor, card: dict[str, Any]) -> None:
    number = add(server, VersionKind.POLICY)
    folder = folder_of(server, number)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(json.dumps(card), encoding="utf-8")
    assert "Report card" not in words_of(visitor.get(f"/versions/{number}"))
