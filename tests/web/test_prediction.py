"""What the reward model had predicted: told after a ranking, never before it, and never in the way of the next card."""

import re

import pytest

from app.db.models.rankings import Ranking
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.db.session import transaction
from app.errors import UnavailableError
from app.preferences import Influence
from app.services.versions import versions
from app.services.versions.versions import NewVersion
from tests.api.conftest import check_problem
from tests.live import LiveServer, ScriptedEngine
from tests.waiting import wait_for
from tests.web.test_ranking import action_of, answers_of, card
from tests.web.visitor import Visitor, words_of

__all__ = ["card"]
HTMX = {"hx-request": "true"}


def add_reward(server: LiveServer, *, learned: bool = False, influence: Influence | None = None) -> int:
    """Active; with what it says of itself it predicts by the scores as they are. `influence`: of each ranking that it
    learned from."""
    with transaction(server.runtime.write) as session:
        known = [ranking.id for ranking in session.query(Ranking)] if learned else []
        for former in session.query(Version).filter_by(kind=VersionKind.REWARD):
            former.status = VersionStatus.RETIRED
        session.flush()
        influences = {} if influence is None else dict.fromkeys(known, influence)
        new = NewVersion(
            VersionKind.REWARD, 1, "r", "h", ranking_ids=known, influences=influences, metrics={"score_scale": 0.1}
        )
        version = versions.add_version(session, new)
        version.status = VersionStatus.ACTIVE
        return version.id


def rank(visitor: Visitor, page: str, ranks: str = "1234", *, fragment: bool = True) -> str:
    given = dict(zip(answers_of(page), ranks, strict=True))
    return visitor.send(f"{action_of(page)}/rankings", fragment=fragment, **given).text


def path_of(page: str) -> str | None:
    found = re.search(r'hx-get="(/rankings/\d+/prediction)"', page)
    return None if found is None else found.group(1)


def test_without_a_reward_model_nothing_is_said(visitor: Visitor, card: str) -> None:
    assert "reward model had" not in words_of(card)
    assert path_of(rank(visitor, card)) is None


def test_it_is_told_after_the_ranking_by_another_request(
    server: LiveServer, visitor: Visitor, card: str, engine: ScriptedEngine
) -> None:
    add_reward(server)
    assert path_of(visitor.get("/")) is None, "nothing is told before"
    path = path_of(rank(visitor, card))
    assert path is not None
    assert not [call for call in engine.calls if call[0] == "score"], "the next card does not wait for scores"
    line = visitor.client.get(path, headers=HTMX).text
    words = words_of(line)
    assert re.search(r"The reward model had expected your first choice with \d+%\.", words)
    assert re.search(
        r"Your whole order surprises it by \d+\.\d nats; somebody who guesses would be surprised by 3\.2", words
    )
    assert words.count("± 0.50") == 4
    assert "<h1" not in line


def test_it_is_switched_off(server: LiveServer, visitor: Visitor, card: str) -> None:
    add_reward(server)
    visitor.send(
        "/train/label-page", temperature="", top_p="", top_k="", max_tokens="", version_id="", other_answers="0"
    )
    assert server.client.get("/api/v1/label-settings").json()["shows_prediction"] is False
    assert path_of(rank(visitor, card)) is None
    saved = visitor.send("/train/label-page", shows_prediction="1", version_id="", other_answers="0").text
    assert re.search(r'name="shows_prediction" value="1" checked', saved)


def test_without_javascript_a_link_leads_to_a_page_with_the_answers(
    server: LiveServer, visitor: Visitor, card: str
) -> None:
    add_reward(server)
    page = rank(visitor, card, "1123", fragment=False)
    [path] = re.findall(r'<a href="(/rankings/\d+/prediction)"', page)
    shown = words_of(visitor.get(path))
    assert "No reward model has learned from this ranking yet" in shown
    assert "for one of your first choices" in shown
    assert shown.count("Answer A") >= 1
    newer = add_reward(server, learned=True)
    shown = visitor.get(path)
    assert re.search(
        r"One of your first choices: before it learned from this ranking \d+%, now \d+%\.", words_of(shown)
    )
    assert f'href="/versions/{newer}"' in shown


@pytest.mark.parametrize(
    ("influence", "says"),
    [
        (Influence(-0.0125, 0.002), "moved the held-out loss by −0.013 ± 0.0039 nats: it made the reward model better"),
        (Influence(0.5, 0.1), "moved the held-out loss by +0.5 ± 0.2 nats: it made the reward model worse"),
        (Influence(0.5, 0.3), "no more than chance"),
        (None, ""),
    ],
)
def test_what_it_did_is_told_once_it_was_learned_from(
    server: LiveServer, visitor: Visitor, card: str, influence: Influence | None, says: str
) -> None:
    add_reward(server)
    path = path_of(rank(visitor, card))
    assert path is not None
    assert "held-out loss" not in words_of(visitor.get(path))
    add_reward(server, learned=True, influence=influence)
    shown, told = words_of(visitor.get(path)), server.client.get(f"/api/v1{path}").json()["influence"]
    assert ("held-out loss" in shown) == (influence is not None)
    assert says in shown
    assert told == (None if influence is None else influence._asdict())


def test_a_tie_of_all_is_no_surprise(server: LiveServer, visitor: Visitor, card: str) -> None:
    add_reward(server)
    path = path_of(rank(visitor, card, "1111"))
    assert path is not None
    assert "You tied all answers" in visitor.client.get(path, headers=HTMX).text


def test_a_reward_model_that_cannot_be_asked_is_no_error(
    server: LiveServer, visitor: Visitor, card: str, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_reward(server)
    path = path_of(rank(visitor, card))
    assert path is not None

    def refuse(*_args: object, **_more: object) -> None:
        raise UnavailableError("It is being loaded.")

    monkeypatch.setattr(engine, "score", refuse)
    line = visitor.client.get(path, headers=HTMX)
    assert line.status_code == 200
    assert "cannot be told now" in line.text
    assert "It is being loaded." in visitor.get(path)


def test_a_ranking_that_was_taken_back_is_blind_again(server: LiveServer, visitor: Visitor, card: str) -> None:
    add_reward(server)
    path = path_of(rank(visitor, card))
    assert path is not None
    wait_for(lambda: "undo-form" in visitor.get("/"), "undo")
    [undo] = re.findall(r'action="(/rankings/\d+/withdraw)"', visitor.get("/"))
    visitor.send(undo)
    assert visitor.client.get(path).status_code == 409
    check_problem(server.client.get(f"/api/v1{path}"), 409, "was withdrawn")


def test_it_is_told_to_who_gave_the_ranking(server: LiveServer, visitor: Visitor, card: str) -> None:
    add_reward(server)
    path = path_of(rank(visitor, card))
    assert path is not None
    other = Visitor(server)
    with other.client:
        other.get("/")
        for headers in ({}, HTMX):
            refused = other.client.get(path, headers=headers)
            assert (refused.status_code, "somebody else" in refused.text) == (409, True)


def test_the_api_tells_the_same(server: LiveServer, visitor: Visitor, card: str) -> None:
    check_problem(server.client.get("/api/v1/rankings/1/prediction"), 404, "no ranking 1")
    version = add_reward(server)
    path = path_of(rank(visitor, card))
    told = server.client.get(f"/api/v1{path}").json()
    assert (told["version"], told["learned"]) == (version, False)
    assert {answer["rank"] for answer in told["answers"]} == {1, 2, 3, 4}
    assert 0 < told["first_choice"] < 1
    assert told["guess"] == pytest.approx(3.178, abs=0.001)
    assert told["surprise"] > 0
