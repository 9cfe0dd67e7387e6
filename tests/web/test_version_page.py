"""The page of a version as a whole: what it weighs, and what it does not say twice. Its words: test_versions.py."""

from pathlib import Path

from app.db.models.versions import VersionKind
from app.translation import speaking
from app.web.version_page import version_page
from tests.live import LiveServer
from tests.web.test_decision import EVALUATION, VERDICT, add_candidate
from tests.web.test_version_tree import add
from tests.web.visitor import Visitor, words_of


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


def test_what_was_brought_in_was_not_made_here(server: LiveServer, visitor: Visitor) -> None:
    number = add(server, VersionKind.POLICY)
    facts = {each: words_of(visitor.get(f"/versions/{each}").partition("facts")[2]) for each in (1, number)}
    assert ("Here since" in facts[1], "Made" in facts[1].partition("Here since")[0]) == (True, False)
    assert ("Here since" in facts[number], "Made" in facts[number]) == (False, True)
