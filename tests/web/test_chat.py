"""The chat as a browser without JavaScript has it: forms in, answers out, and every refusal with what was typed."""

import json
import re

import pytest

from app.chat import SampledAnswer, StreamEvent
from app.db.base import utc_now
from app.db.models.conversations import Turn, TurnStatus
from app.db.models.versions import Version, VersionKind
from app.db.session import transaction
from app.errors import UnavailableError
from app.services.versions import versions
from tests.live import LiveServer, ScriptedEngine
from tests.services.chat.slow_engine import SlowEngine
from tests.web.visitor import Visitor, words_of

HOSTILE = "[x](javascript:alert(1)) <img src=x onerror=alert(1)> ![b](http://evil.example/b.png) " + "> " * 10_000


def begun(visitor: Visitor, content: str = "Why?", **form: str) -> tuple[str, str]:
    """A conversation's address and its page."""
    response = visitor.send("/chat", **{"fragment": False, "content": content, **form})  # type: ignore[arg-type]
    assert response.status_code == 200, response.text
    return response.url.path, response.text


def field(html: str, name: str) -> str:
    found = re.search(f'name="{name}" value="([^"]*)"', html)
    assert found is not None
    return found.group(1)


def turn_ids(html: str) -> list[int]:
    return [int(number) for number in re.findall(r'id="turn-(\d+)"', html)]


@pytest.fixture
def policy(server: LiveServer) -> int:
    with transaction(server.runtime.write) as session:
        new = versions.NewVersion(VersionKind.POLICY, versions.sft_version(session).id, "versions/9", "9" * 64)
        return versions.add_version(session, new).id


def test_a_conversation_of_three_turns(visitor: Visitor) -> None:
    address, page = begun(visitor)
    assert "an answer" in words_of(page)
    for question in ("And?", "Really?"):
        page = visitor.send(f"{address}/turns", content=question, after=field(page, "after")).text
    assert words_of(page).count("an answer") == 6  # rendered and raw
    assert "12 of 2,000 tokens" not in page
    assert "9 of 2,000 tokens" in words_of(page)
    assert "Why?" in words_of(visitor.get("/chat"))  # in the list


def test_an_edit_a_retry_and_the_way_back(visitor: Visitor) -> None:
    address, page = begun(visitor)
    question, answer = turn_ids(page)
    page = visitor.send(f"{address}/turns/{question}/edit", content="Who?", after=str(answer)).text
    assert "2 of 2" in words_of(page)
    page = visitor.send(f"{address}/turns/{turn_ids(page)[1]}/retry", after=field(page, "after")).text
    assert words_of(page).count("2 of 2") == 2
    page = visitor.send(f"{address}/turns/{question}/show").text
    assert turn_ids(page) == [question, answer]


def test_a_tab_that_is_behind_keeps_what_was_typed(visitor: Visitor) -> None:
    address, page = begun(visitor)
    visitor.send(f"{address}/turns", content="And?", after=field(page, "after"))
    late = visitor.send(f"{address}/turns", content="Late <b>?", after=field(page, "after"))
    assert late.status_code == 409
    assert "has gone on in another tab" in words_of(late.text)
    assert "Late &lt;b&gt;?</textarea>" in late.text
    aimed = visitor.send(f"{address}/turns", fragment=True, content="Late?", after=field(page, "after"))
    assert (aimed.status_code, aimed.headers["HX-Retarget"]) == (409, "#said")
    assert "Show what is new" in aimed.text
    assert "<html" not in aimed.text


def test_the_same_message_sent_twice_is_one(visitor: Visitor) -> None:
    address, page = begun(visitor)
    for _ in range(2):
        page = visitor.send(f"{address}/turns", content="And?", key="k").text
    assert len(turn_ids(page)) == 4


def test_empty_and_huge_messages_say_what_to_do(visitor: Visitor, engine: ScriptedEngine) -> None:
    empty = visitor.send("/chat", content="\u200b", system="Be brief.")
    assert empty.status_code == 422
    assert "The message is empty: write what you want answered." in words_of(empty.text)
    assert "Be brief.</textarea>" in empty.text
    engine.context = 40
    huge = visitor.send("/chat", content="word " * 60)
    assert huge.status_code == 422
    assert "60 tokens" in words_of(huge.text)
    assert "listed here" in words_of(huge.text)  # nothing was begun
    address, page = begun(visitor, "word " * 20)
    page = visitor.send(f"{address}/turns", content="more " * 20, after=field(page, "after")).text
    assert "Leave out the oldest turns" in page
    assert "more more" in page


def test_what_does_not_fit_is_left_out_by_choice_or_goes_on_elsewhere(visitor: Visitor, engine: ScriptedEngine) -> None:
    engine.context = 60
    address, page = begun(visitor, "word " * 20)
    page = visitor.send(f"{address}/turns", content="more " * 15, after=field(page, "after")).text
    full = visitor.send(f"{address}/turns", content="last " * 20, after=field(page, "after"))
    assert full.status_code == 422
    page = visitor.send(f"{address}/leave-out", content="last " * 20).text
    assert "The model does not read what stands above this line." in words_of(page)
    assert "last last" in page
    sent = visitor.send(f"{address}/turns", content="last " * 20, after=field(page, "after"))
    assert sent.status_code == 200
    assert "stands above" not in words_of(visitor.send(f"{address}/read-all").text)
    other = visitor.send(f"{address}/go-on", content="A draft")
    assert other.url.path != address
    assert "A draft</textarea>" in other.text
    assert len(turn_ids(other.text)) == 2


def test_side_by_side_nothing_tells_which_is_which_until_it_is_asked(visitor: Visitor, policy: int) -> None:
    address, page = begun(visitor, other_version=str(policy), version="1", blind="1")
    turns = page[page.index('class="turns"') : page.index('id="said"')]
    assert "Answer A" in turns
    assert "Answer B" in turns
    assert not re.search(r"SFT model|Policy", turns)
    assert "Go on with this" in turns
    refused = visitor.send(f"{address}/turns", content="And?")
    assert (refused.status_code, "Choose with which" in words_of(refused.text)) == (409, True)
    _question, _left, right = turn_ids(page)
    page = visitor.send(f"{address}/turns/{right}/choose").text
    assert page.count("✓ chosen") == 1
    page = visitor.send(f"{address}/turns", content="And?", after=str(right)).text
    assert len(turn_ids(page)) == 6
    page = visitor.send(f"{address}/reveal").text
    assert "Answer A" not in page
    assert f"Policy {policy}" in page[page.index('class="turns"') :]


def test_rank_these_leads_to_a_card_of_this_conversation(visitor: Visitor, engine: ScriptedEngine, policy: int) -> None:
    address, page = begun(visitor, other_version=str(policy), version="1", live="")
    engine.texts = []
    card = visitor.send(f"{address}/turns/{turn_ids(page)[1]}/rank")
    assert card.status_code == 200, card.text
    assert card.url.path.startswith("/groups/")
    assert card.text.count('<li class="answer" ') == 4
    again = visitor.send(f"{address}/turns/{turn_ids(page)[2]}/rank")
    assert again.url == card.url


def test_hostile_markdown_stays_text(visitor: Visitor, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = SampledAnswer(HOSTILE, [5, 4], "stop")
    monkeypatch.setattr(engine, "stream", lambda _request: (each for each in [StreamEvent(0, HOSTILE, answer)]))
    _address, page = begun(visitor, HOSTILE[:200])
    assert 'href="javascript' not in page
    assert "<img src=x" not in page
    assert 'src="http://evil' not in page
    assert "javascript:alert(1)" in page  # shown, as text


def test_a_failed_answer_says_so_and_is_written_again(visitor: Visitor, engine: ScriptedEngine) -> None:
    engine.failure = UnavailableError("The model is away (GET /readyz).", page="The model is away.")
    address, page = begun(visitor)
    assert "The model is away." in words_of(page)
    engine.failure = None
    page = visitor.send(f"{address}/turns/{turn_ids(page)[1]}/retry").text
    assert "an answer" in words_of(page)


def test_a_removed_version_leaves_the_conversation_readable(server: LiveServer, visitor: Visitor, policy: int) -> None:
    address, _page = begun(visitor, version=str(policy))
    with transaction(server.runtime.write) as session:
        version = session.get(Version, policy)
        assert version is not None
        version.removed_at = utc_now()
    page = visitor.get(address)
    assert "an answer" in words_of(page)
    assert "was removed and cannot answer any more" in words_of(page)
    page = visitor.send(f"{address}/versions", version="1", temperature="0,5", max_tokens="7").text
    assert "was removed" not in page
    assert 'value="0.5"' in page
    wrong = visitor.send(f"{address}/versions", version="1", temperature="9")
    assert (wrong.status_code, "Temperature goes from 0 to 2." in words_of(wrong.text)) == (422, True)


def test_turns_and_conversations_are_renamed_exported_and_deleted(visitor: Visitor) -> None:
    address, page = begun(visitor, system="Be brief.")
    visitor.send(f"{address}/rename", title="Eggs & more")
    assert "Eggs &amp; more" in visitor.get("/chat")
    exported = visitor.client.get(f"{address}/export")
    assert "attachment" in exported.headers["content-disposition"]
    assert [each["role"] for each in json.loads(exported.text)["messages"]] == ["system", "user", "assistant"]
    page = visitor.send(f"{address}/turns/{turn_ids(page)[1]}/delete", after=field(page, "after")).text
    assert "Have it answered" in page
    page = visitor.send(f"{address}/turns/{turn_ids(page)[0]}/retry").text
    assert len(turn_ids(page)) == 2
    gone = visitor.send(f"{address}/delete")
    assert "The conversation was deleted." in words_of(gone.text)
    assert visitor.client.get(address).status_code == 404


def test_nobody_else_sees_it(server: LiveServer, visitor: Visitor) -> None:
    address, page = begun(visitor)
    other = Visitor(server)
    other.get("/chat")
    for path in ("", "/export", "/thread", "/answered"):
        refused = other.client.get(address + path)
        assert refused.status_code == 404
        assert "is not yours" in words_of(refused.text)
    for path in ("/turns", f"/turns/{turn_ids(page)[1]}/delete", "/delete", "/go-on", "/leave-out", "/room"):
        assert other.send(address + path, content="x").status_code == 404, path
    other.client.close()


def test_the_page_speaks_chinese(visitor: Visitor) -> None:
    visitor.client.headers["accept-language"] = "zh-CN"
    address, page = begun(visitor, "为什么？")
    assert "发送" in page
    refused = visitor.send(f"{address}/turns", content=" ")
    assert "消息为空，请写下你想问的内容。" in refused.text


def test_a_stream_has_numbered_pieces_and_an_end(visitor: Visitor, engine: ScriptedEngine) -> None:
    engine.may_answer.clear()
    address, page = begun(visitor, live="1")
    [stream] = re.findall(r'data-stream="([^"]+)"', page)
    assert "Show the answer" in page
    engine.may_answer.set()
    text = visitor.client.get(stream).text
    assert re.findall(r"^event: (\w+)", text, re.M)[-1] == "done"
    assert "data-stream" not in visitor.client.get(f"{address}/answered").text
    assert "an answer" in words_of(visitor.get(address))


def test_a_stopped_answer_is_kept(visitor: Visitor, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = SlowEngine()
    slow.may_finish.clear()
    monkeypatch.setattr(engine, "stream", slow.stream)
    address, page = begun(visitor, live="1")
    stopped = visitor.send(f"{address}/turns/{turn_ids(page)[1]}/stop").text
    assert re.search(r"Stopped here\.|Stopped before the first word\.", words_of(stopped))


def test_a_stopped_answer_can_be_continued(visitor: Visitor, server: LiveServer) -> None:
    address, page = begun(visitor)
    answer = turn_ids(page)[1]
    assert "Continue" not in words_of(page)
    with transaction(server.runtime.write) as session:
        session.get_one(Turn, answer).status = TurnStatus.STOPPED
    assert "Continue" in words_of(visitor.get(address))
    page = visitor.send(f"{address}/turns/{answer}/continue", fragment=False).text
    assert ("Stopped here" in words_of(page), "an answer" in words_of(page)) == (False, True)
    page = visitor.send(f"{address}/turns", content="And?", after=field(page, "after")).text
    with transaction(server.runtime.write) as session:
        session.get_one(Turn, answer).status = TurnStatus.STOPPED
    assert "Continue" not in words_of(visitor.get(address))
    refused = visitor.send(f"{address}/turns/{answer}/continue")
    assert refused.status_code == 409
    assert "has gone on behind this answer" in words_of(refused.text)


def test_a_base_model_is_offered_and_said_to_write_on(visitor: Visitor, server: LiveServer) -> None:
    with transaction(server.runtime.write) as session:
        base = versions.add_version(session, versions.NewVersion(VersionKind.BASE, None, "versions/8", "8" * 64)).id
    assert "A base model has never learned to answer" in words_of(visitor.get("/chat"))
    _address, page = begun(visitor, "Once upon a time", version=str(base))
    assert f"Base model {base} has never learned to answer" in words_of(page)
    assert "6 of 2,000 tokens" in words_of(page)
