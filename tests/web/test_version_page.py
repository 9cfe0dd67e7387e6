"""The page of a version as a whole: what it weighs, and what it does not say twice. Its words: test_versions.py."""

import re
from pathlib import Path

import pytest

from app.db.models.versions import VersionKind
from app.translation import speaking
from app.web.version_page import version_page
from tests.live import LiveServer
from tests.web.test_decision import EVALUATION, VERDICT, add_candidate
from tests.web.test_version_tree import add
from tests.web.visitor import Visitor


def test_it_weighs_what_its_files_weigh_and_nothing_without_them(server: LiveServer) -> None:
    with server.runtime.read() as session, speaking("en"):
        page = version_page(session, server.settings, 1)
        folder = server.settings.version_directory(page.version.path)
        assert page.weighs == sum(path.stat().st_size for path in folder.iterdir())
    number = add(server, VersionKind.POLICY, path="versions/nowhere")
    with server.runtime.read() as session, speaking("en"):
        assert version_page(session, server.settings, number).weighs == 0
    assert Path(folder).exists()


def test_what_is_told_above_is_no_raw_figure(server: LiveServer) -> None:
    flags = [{"name": "echo", "sentence": "It repeats."}]
    number = add_candidate(server, EVALUATION, verdict=VERDICT, flags=flags, validations=[{"episodes": 0}], way=0.85)
    with server.runtime.read() as session, speaking("en"):
        raw = version_page(session, server.settings, number).raw
    assert [group.title for group in raw] == ["Evaluation on held-out prompts", "Training metrics", "Hyper-parameters"]
    assert [each.name for each in raw[1].figures] == ["way"]
    assert all(each.gloss for group in raw for each in group.figures if each.name != "total_episodes")


@pytest.mark.parametrize(
    ("language", "installed", "made"), [("en", "Installed", "Made"), ("zh", "安装时间", "创建时间")]
)
def test_a_model_that_came_with_its_weights_was_not_made_when_it_was_installed(
    server: LiveServer, visitor: Visitor, language: str, installed: str, made: str
) -> None:
    trained = add(server, VersionKind.POLICY)
    brought = add(server, VersionKind.SFT, parent_id=None, metrics={"imported_from": "other"})

    def said(number: int) -> str:
        page = visitor.client.get(f"/versions/{number}", headers={"accept-language": language}).text
        words = re.findall(r"<dt>([^<]+)</dt><dd><time", page.partition('id="origin"')[2])
        return str(words[0])

    assert [said(1), said(brought), said(trained)] == [installed, installed, made]
