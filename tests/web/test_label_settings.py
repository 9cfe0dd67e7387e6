"""The page of the label page's settings, and what comes of it beside the card, as plain forms."""

import re

from app.db.models.versions import VersionKind
from app.db.session import transaction
from app.services.versions import versions
from tests.live import LiveServer
from tests.waiting import wait_for
from tests.web.visitor import Visitor, words_of

PATH = "/train/label-page"


def test_settings_are_chosen_and_refused_with_what_was_typed(server: LiveServer, visitor: Visitor) -> None:
    page = visitor.get(PATH)
    assert f'placeholder="{server.settings.temperature}"' in page
    refused = visitor.send(PATH, temperature="9", top_p="0.5", other_answers="0")
    assert refused.status_code == 422
    assert "Temperature goes from 0 to 2." in refused.text
    assert 'value="0.5"' in refused.text
    for field, value in (
        ("top_p", "x"),
        ("max_tokens", "1.5"),
        ("top_k", "-1"),
        ("version_id", "x"),
        ("other_answers", "4"),
        ("repeat_percent", "51"),
        ("second_percent", "51"),
        ("second_percent", "-1"),
        ("version_id", "99"),
    ):
        assert visitor.send(PATH, fragment=False, **{field: value}).status_code in (404, 422)
    saved = visitor.send(
        PATH,
        temperature="0.5",
        top_k="7",
        top_p="",
        max_tokens="9",
        version_id="",
        other_answers="0",
        repeat_percent="5",
        second_percent="20",
    )
    assert "Saved. It holds from the next card on." in saved.text
    assert 'value="0.5"' in saved.text
    now = server.client.get("/api/v1/label-settings").json()
    assert (now["max_tokens"], now["top_k"], now["top_p"], now["repeat_share"]) == (9, 7, None, 0.05)
    assert now["second_share"] == 0.2
    assert 'name="repeat_percent" type="number" min="0" max="50" value="5"' in saved.text
    assert 'name="second_percent" type="number" min="0" max="50" value="20"' in saved.text
    assert PATH in visitor.get("/train")


def test_versions_that_may_not_answer_people_are_not_offered(server: LiveServer, visitor: Visitor) -> None:
    """A base model answers in the chat alone."""
    with transaction(server.runtime.write) as session:
        new = [versions.NewVersion(kind, 1, f"versions/9-{kind}", "9" * 64) for kind in VersionKind]
        ids = {each.kind: versions.add_version(session, each).id for each in new}
    page = visitor.get(PATH)
    assert {int(each) for each in re.findall(r'<option value="(\d+)"', page)} == {
        1, ids[VersionKind.SFT], ids[VersionKind.POLICY]
    }  # fmt: skip
    refused = visitor.send(PATH, fragment=False, version_id=str(ids[VersionKind.BASE]), other_answers="0")
    assert "does not write answers here. Choose one of the list." in refused.text


def test_guidelines_are_previewed_saved_and_shown_beside_the_card(visitor: Visitor) -> None:
    typed = "**Be kind** <script>alert(1)</script> [x](javascript:alert(1))"
    preview = visitor.send(f"{PATH}/guidelines", text=typed, action="preview").text
    assert "<strong>Be kind</strong> &lt;script&gt;" in preview
    assert "Be kind" not in visitor.get("/")
    visitor.send(f"{PATH}/guidelines", text=typed, action="save")
    page = visitor.get("/")
    assert "<strong>Be kind</strong> &lt;script&gt;alert(1)&lt;/script&gt; [x](javascript:alert(1))" in page
    refused = visitor.send(f"{PATH}/guidelines", text="x" * 20_001, action="save")
    assert (refused.status_code, "at most 20000" in refused.text) == (422, True)
    visitor.send(f"{PATH}/guidelines", text="y", action="reset")
    assert "Does it answer?" in visitor.get("/")


def test_an_own_answer_goes_with_the_form_and_comes_back(server: LiveServer, visitor: Visitor) -> None:
    wait_for(lambda: "ranking-form" in visitor.get("/"), "card")
    page = visitor.get("/")
    [action] = re.findall(r'action="(/groups/\d+)/rankings"', page)
    ranks = dict(zip(sorted(set(re.findall(r'name="(rank-\d+)"', page))), "2345", strict=True))
    given = {**ranks, "own_answer": "a better one"}
    refused = visitor.send(f"{action}/rankings", fragment=False, **given)
    assert "Your own answer has no rank yet." in words_of(refused.text)
    assert ">a better one</textarea>" in refused.text
    assert "is empty" in visitor.send(f"{action}/rankings", fragment=False, **ranks, **{"rank-own": "1"}).text
    visitor.send(f"{action}/rankings", fragment=False, **given, **{"rank-own": "1"})
    [ranking] = server.client.get("/api/v1/rankings").json()["items"]
    assert sorted(ranking["ranks"].values()) == [1, 2, 3, 4, 5]
    wait_for(lambda: "undo-form" in visitor.get("/"), "undo")
    back = visitor.send(f"/rankings/{ranking['ranking_id']}/withdraw").text
    assert ">a better one</textarea>" in back
    assert re.search(r'name="rank-own" value="1" checked', back)


def test_a_skip_is_taken_back_by_the_undo_of_the_page(visitor: Visitor) -> None:
    wait_for(lambda: "ranking-form" in visitor.get("/"), "card")
    [action] = re.findall(r'action="(/groups/\d+)/rankings"', visitor.get("/"))
    after = visitor.send(f"{action}/skip", fragment=True, reason="other").text
    assert f'action="{action}/skip/withdraw"' in after
    back = visitor.send(f"{action}/skip/withdraw", fragment=True).text
    assert f'action="{action}/rankings"' in back
    assert "Skip undone." in back
