"""The cards of the tree of versions: what each says, what is folded, and what a fresh installation shows."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from app.db.base import utc_now
from app.db.models.versions import VersionKind, VersionStatus
from app.db.session import transaction
from app.preferences import NOTHING_LEARNED
from app.services.lifecycle import deciding
from app.services.versions import versions
from app.services.versions.versions import NewVersion
from app.translation import speaking
from app.web.version_tree import POLICIES_SHOWN, accuracy_of
from tests.live import LiveServer
from tests.web.loop_states import version
from tests.web.test_decision import EVALUATION, VERDICT, add_candidate
from tests.web.visitor import Visitor, words_of

REWARD = {"held_out_accuracy": 0.84, "held_out_accuracy_error": 0.02}


class Tree(HTMLParser):
    """By the id of each card, the ids of those above it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.above: dict[int, list[int]] = {}
        self._open: list[int | None] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        name = dict(attrs).get("id") or ""
        if tag == "li":
            self._open.append(None)
        elif self._open and (found := re.fullmatch(r"version-(\d+)", name)):
            self.above[int(found[1])] = [each for each in self._open[:-1] if each is not None]
            self._open[-1] = int(found[1])

    def handle_endtag(self, tag: str) -> None:
        if tag == "li" and self._open:
            self._open.pop()


def card(html: str, number: int) -> str:
    return words_of(html[html.index(f'id="version-{number}"') :].partition("</li>")[0].partition("<li>")[0])


def add(server: LiveServer, kind: VersionKind, **more: Any) -> int:
    with transaction(server.runtime.write) as session:
        sft = versions.sft_version(session)
        new = {"parent_id": sft.id, "path": sft.path, "content_hash": sft.content_hash, **more}
        return versions.add_version(session, NewVersion(kind=kind, **new)).id


@pytest.mark.parametrize("path", ["/train", "/versions"])
def test_a_card_says_what_made_the_version_and_how_good_it_is(server: LiveServer, visitor: Visitor, path: str) -> None:
    number = add_candidate(server, EVALUATION | {"reward/mean": 1.25}, verdict=VERDICT)
    reward = add(server, VersionKind.REWARD, metrics=REWARD)
    html = visitor.get(path)
    said = card(html, number)
    for part in ("candidate", "PPO", "Win rate 71% ± 6%", "Reward 1.25", "KL 4.2", "Length 31", "Remembers 80%"):
        assert part in said
    assert "Accuracy 84% ± 4%" in card(html, reward)
    assert Tree(html).above[number] == [1]
    assert Tree(html).above[reward] == [], "reward models stand apart"
    assert "No policy yet." not in words_of(html)


def test_a_fresh_installation_says_what_comes(visitor: Visitor) -> None:
    said = words_of(visitor.get("/versions"))
    assert "No policy yet. Your rankings teach a reward model" in said
    assert "No reward model yet." in said
    assert 'href="/">Rank answers' in visitor.get("/versions")


def test_old_ones_are_folded_unless_they_are_in_use(server: LiveServer, visitor: Visitor) -> None:
    made = [add(server, VersionKind.POLICY) for _ in range(POLICIES_SHOWN + 3)]
    with transaction(server.runtime.write) as session:
        versions.get_version(session, 1).status = VersionStatus.RETIRED
        session.flush()
        versions.get_version(session, made[0]).status = VersionStatus.ACTIVE
    html = visitor.get("/versions")
    folded = html[html.index('<details class="version-older">') :]
    assert "2 older ones" in words_of(folded)
    assert [number for number in made if f'id="version-{number}"' in folded] == made[1:3]
    assert "starting point" not in card(html, 1), "the SFT model that the active policy comes from is the reference"
    assert "reference" in card(html, 1)


def test_what_was_removed_stands_in_a_line(server: LiveServer, visitor: Visitor) -> None:
    number = add(server, VersionKind.POLICY)
    with transaction(server.runtime.write) as session:
        versions.get_version(session, number).removed_at = utc_now()
    html = visitor.get("/train")
    assert f'id="version-{number}"' not in html
    assert f"1 version without files Their files were removed, their records stay: Policy {number}" in words_of(html)


def test_a_button_of_the_page_of_all_versions_comes_back_there(server: LiveServer, visitor: Visitor) -> None:
    number = add(server, VersionKind.POLICY)
    with transaction(server.runtime.write) as session:
        deciding.rename(session, number, name="<b>Brief</b>", note="<i>Tried</i>")
    assert "“<b>Brief</b>”" in card(visitor.get("/versions"), number)
    answered = visitor.send(f"/versions/{number}/activate", back="all", seen="1")
    assert answered.url.path == "/versions"
    assert f"Policy {number} “<b>Brief</b>” answers now." in words_of(answered.text)
    assert "is-active" in answered.text[: answered.text.index(f'id="version-{number}"')].rpartition("<div")[2]
    refused = visitor.send("/versions/1/activate", back="all", seen="99")
    assert refused.status_code == 409


@pytest.mark.parametrize("metrics", [{}, {"held_out_accuracy": 0.5, "verdict": NOTHING_LEARNED}])
def test_what_was_not_measured_has_no_accuracy(metrics: dict[str, Any]) -> None:
    assert accuracy_of(version(3, VersionKind.REWARD, VersionStatus.CANDIDATE, **metrics)) is None


def test_an_accuracy_has_its_error() -> None:
    found = accuracy_of(version(3, VersionKind.REWARD, VersionStatus.CANDIDATE, **REWARD))
    assert found is not None
    with speaking("en"):
        assert found.interval == "95% interval 80% to 88%"


def test_more_versions_than_a_page_lists_are_on_the_next(
    server: LiveServer, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.version_tree.AT_ONCE", 2)
    ids = [add(server, VersionKind.POLICY) for _ in range(4)]
    page = visitor.get("/versions")
    assert f'href="/versions?below={ids[2]}">2 older versions</a>' in page
    assert f'id="version-{ids[1]}"' not in page
    older = visitor.get(f"/versions?below={ids[2]}")
    assert all(f'id="version-{number}"' in older for number in ids[:2])
    assert "older version" not in words_of(older)
