"""The page of prompts as a browser without JavaScript uses it."""

import re

import pytest
from sqlalchemy import func, select

from app.db.base import utc_now
from app.db.models.prompts import Prompt, PromptSource, PromptSplit
from app.db.session import transaction
from app.services.labeling import drawing
from app.services.prompts.curation import MAX_SEARCH_CHARACTERS
from app.services.views import record_window
from tests.live import LiveServer
from tests.web.visitor import Visitor


def prompt_of(server: LiveServer, text: str) -> Prompt:
    with server.runtime.read() as session:
        return session.scalars(select(Prompt).where(Prompt.text == text)).one()


def test_add_archive_take_back_delete(server: LiveServer, visitor: Visitor) -> None:
    added = visitor.send("/data/prompts/new", prompt="Why is <b>bread</b> brown?")
    assert "The prompt was added." in added.text
    stored = prompt_of(server, "Why is <b>bread</b> brown?")
    found = visitor.get("/data/prompts?q=BREAD")
    assert "Why is &lt;b&gt;bread&lt;/b&gt; brown?" in found
    assert "Delete for good" in found
    archived = visitor.send(f"/data/prompts/{stored.id}/archive", show="active", q="bread")
    assert "The prompt was archived." in archived.text
    assert archived.url.params["q"] == "bread"  # where the person was
    assert f'id="prompt-{stored.id}"' not in archived.text
    assert f'id="prompt-{stored.id}"' in visitor.get("/data/prompts?show=archived")
    assert "in use again" in visitor.send(f"/data/prompts/{stored.id}/restore").text
    assert "The prompt was deleted." in visitor.send(f"/data/prompts/{stored.id}/delete").text
    gone = visitor.send(f"/data/prompts/{stored.id}/delete")
    assert (gone.status_code, f"There is no prompt {stored.id}" in gone.text) == (404, True)


def test_what_cannot_be_deleted_says_why(visitor: Visitor) -> None:
    assert "Delete for good" not in visitor.get("/data/prompts")  # all of them ship with Fourfold
    refused = visitor.send("/data/prompts/1/delete")
    assert (refused.status_code, "ships with Fourfold and would come back" in refused.text) == (409, True)


def test_a_bad_prompt_is_told_and_kept(server: LiveServer, visitor: Visitor) -> None:
    for text, says in ((" ", "The prompt is empty"), ("word " * 1_999, "characters; at most"), ("a " * 999, "tokens")):
        server.runtime.engine._engine.context = 500  # type: ignore[attr-defined]
        refused = visitor.send("/data/prompts/new", prompt=text)
        assert (refused.status_code, says in refused.text) == (422, True)
        assert text.strip() in refused.text


def test_held_out(server: LiveServer, visitor: Visitor) -> None:
    assert "held out" in visitor.send("/data/prompts/new", prompt="Only to compare", split="held_out").text
    assert prompt_of(server, "Only to compare").split is PromptSplit.HELD_OUT
    again = visitor.send("/data/prompts/new", prompt="Only to compare")
    assert (again.status_code, "already there, in the other part" in again.text) == (422, True)


def listed(visitor: Visitor, query: str) -> list[int]:
    """All ids, page after page, as somebody without scripts walks through them."""
    found, path = [], f"/data/prompts?{query}"
    while path:
        page = visitor.get(path)
        found += [int(each) for each in re.findall(r'id="prompt-(\d+)"', page)]
        path = "".join(re.findall(r'rel="next" href="([^"]+)"', page)).replace("&amp;", "&")
    return found


def test_each_order_goes_through_all_of_them(server: LiveServer, visitor: Visitor) -> None:
    with transaction(server.runtime.write) as session:
        for prompt in session.scalars(select(Prompt).where(Prompt.split == PromptSplit.TRAIN)):
            prompt.shown = prompt.id % 3
            prompt.archived_at = utc_now() if prompt.id % 9 == 0 else None
        shown = {prompt.id: prompt.shown for prompt in session.scalars(select(Prompt))}
    oldest = listed(visitor, "q=")
    assert len(oldest) > 60, "several pages"
    assert listed(visitor, "sort=newest") == oldest[::-1]
    assert listed(visitor, "sort=most_shown") == sorted(oldest, key=lambda each: (-shown[each], -each))
    for prompt_list in ("archived", "held_out"):
        assert listed(visitor, f"show={prompt_list}&sort=newest") == listed(visitor, f"show={prompt_list}")[::-1]
        assert "Most often shown" not in visitor.get(f"/data/prompts?show={prompt_list}&sort=most_shown")
    page = visitor.get("/data/prompts?sort=newest")
    assert 'value="newest" selected' in page
    assert 'href="/data/prompts?show=archived&amp;sort=newest"' in page, "another list keeps the order"
    after = visitor.send(f"/data/prompts/{oldest[-1]}/archive", show="active", sort="newest")
    assert after.url.params["sort"] == "newest"


def test_an_order_looks_through_so_many_prompts_at_once(
    server: LiveServer, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction(server.runtime.write) as session:
        session.get_one(Prompt, 1).archived_at = utc_now()
    monkeypatch.setattr(record_window, "LOOKED_THROUGH", 30)
    assert 'id="prompt-1"' in visitor.get("/data/prompts?show=archived&sort=newest"), "found at once: by an index"
    word = "q=zebra-that-is-not-there"
    page = visitor.get(f"/data/prompts?sort=most_shown&{word}")
    assert "None so far." in page
    assert "Keep searching" in page
    assert listed(visitor, f"sort=most_shown&{word}") == []


def test_one_is_opened_and_edited(server: LiveServer, visitor: Visitor) -> None:
    visitor.send("/data/prompts/new", prompt="Wy is bread <brown>?", split="held_out")
    old = prompt_of(server, "Wy is bread <brown>?")
    assert "Wy is bread &lt;brown&gt;?" in visitor.get(f"/data/prompts/{old.id}")
    edited = visitor.send(f"/data/prompts/{old.id}/edit", prompt="Why is bread brown?", language="zh")
    new = prompt_of(server, "Why is bread brown?")
    assert edited.url.path == f"/data/prompts/{new.id}"
    assert "a prompt of their own" in edited.text
    assert (new.split, new.language) == (PromptSplit.HELD_OUT, "zh")
    assert visitor.client.get(f"/data/prompts/{old.id}").status_code == 404, "nothing depended on it"
    same = visitor.send(f"/data/prompts/{new.id}/edit", prompt="Why is bread brown?", language="en")
    assert "The prompt was changed." in same.text
    assert prompt_of(server, "Why is bread brown?").language == "en"
    refused = visitor.send(f"/data/prompts/{new.id}/edit", prompt=" ", language="fr")
    assert (refused.status_code, "The prompt is empty" in refused.text) == (422, True)
    assert '<option value="fr" selected>' in refused.text, "what was chosen is not lost"
    visitor.send(f"/data/prompts/{new.id}/edit", prompt="Why is bread brown?", language="zh")
    visitor.send(f"/data/prompts/{new.id}/edit", prompt="Why is bread brown?")
    assert prompt_of(server, "Why is bread brown?").language == "zh", "it says nothing about the language"


def test_the_words_of_a_shipped_prompt_are_kept_as_they_were_asked(server: LiveServer, visitor: Visitor) -> None:
    with server.runtime.read() as session:
        train = session.scalars(select(Prompt).where(Prompt.split == PromptSplit.TRAIN).limit(1)).one()
        held_out = session.scalars(select(Prompt).where(Prompt.split == PromptSplit.HELD_OUT).limit(1)).one()
    leak = visitor.send(f"/data/prompts/{train.id}/edit", prompt=held_out.text, language="en")
    assert (leak.status_code, "of the other part already" in leak.text) == (422, True)
    assert prompt_of(server, train.text).archived_at is None
    visitor.send(f"/data/prompts/{train.id}/edit", prompt="Quite another thing?", language="en")
    assert prompt_of(server, train.text).archived_at is not None
    assert prompt_of(server, "Quite another thing?").split is PromptSplit.TRAIN


def test_a_refused_prompt_stays_archived_and_its_box_ticked(server: LiveServer, visitor: Visitor) -> None:
    visitor.send("/data/prompts/new", prompt="Put away")
    stored = prompt_of(server, "Put away")
    visitor.send(f"/data/prompts/{stored.id}/archive")
    refused = visitor.send("/data/prompts/new", prompt="Put away", split="held_out")
    assert re.search(r'value="held_out"\s+checked', refused.text)
    assert f'id="prompt-{stored.id}"' in visitor.get("/data/prompts?show=archived")


def test_pages_by_cursor(visitor: Visitor) -> None:
    seen: list[str] = []
    path = "/data/prompts?show=active"
    for _ in range(3):
        page = visitor.get(path)
        seen += re.findall(r'id="prompt-(\d+)"', page)
        [address] = re.findall(r'rel="next" href="([^"]+)"', page)
        path = address.replace("&amp;", "&")
    assert len(seen) == len(set(seen)) == 75
    first = re.findall(r'id="prompt-(\d+)"', visitor.get("/data/prompts?after=nonsense"))
    assert first == seen[:25], "a place that is none is told, and the list begins anew"
    assert visitor.client.get("/data/prompts?show=elsewhere").status_code == 200


def test_a_search_without_end_is_cut(visitor: Visitor) -> None:
    assert f'value="{"x" * MAX_SEARCH_CHARACTERS}"' in visitor.get("/data/prompts?q=" + "x" * 5_000)


def test_a_new_prompt_wakes_the_prefetcher(
    server: LiveServer, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there was none, people wait for it."""
    woken: list[str] = []
    monkeypatch.setattr(server.runtime.prefetcher, "wake", lambda: woken.append("now"))
    visitor.send("/data/prompts/new", prompt="The only one")
    assert woken == ["now"]


def test_the_number_left_out_is_shown(server: LiveServer, visitor: Visitor) -> None:
    visitor.send("/data/prompts/new", prompt="Too long one day")
    with transaction(server.runtime.write) as session:
        chosen = prompt_of(server, "Too long one day").id
        drawing.set_aside(session, chosen, reason="The prompt has 900 tokens.", key="k")
    for path in ("/data/prompts", "/train"):
        assert re.search(
            r"1 prompt is left out: the active version cannot answer it, in most cases because it is too long",
            visitor.get(path),
        )
    assert "The prompt has 900 tokens." in visitor.get("/data/prompts?show=set_aside")


def test_more_than_are_counted_are_so_many_or_more(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "count_set_aside", lambda _session: drawing.COUNTED)
    for path in ("/data/prompts", "/train", "/train/jobs"):
        assert "10,000 or more prompts are left out" in visitor.get(path)


def test_an_own_prompt_that_is_too_long_opens_no_pane(server: LiveServer, visitor: Visitor) -> None:
    """It is refused where it was written, and nothing is stored."""
    server.runtime.engine._engine.context = 500  # type: ignore[attr-defined]
    refused = visitor.send("/prompts", prompt="a " * 999)
    assert (refused.status_code, "999 tokens" in refused.text, "Being written" in refused.text) == (422, True, False)
    with server.runtime.read() as session:
        assert session.scalar(select(func.count()).where(Prompt.source == PromptSource.OWN)) == 0


def test_a_form_sends_the_prompt_that_the_api_sent(server: LiveServer, visitor: Visitor) -> None:
    """Browsers write \\r\\n for every line end of a form (HTML standard, 4.10.21.8)."""
    [stored] = server.client.post("/api/v1/prompts", json={"prompt": "one\ntwo"}).json()["items"]
    assert "The prompt was added." in visitor.send("/data/prompts/new", prompt="one\r\ntwo").text
    line = b'\xef\xbb\xbf{"prompt": "one\\rtwo\\r\\n"}\r\n'
    imported = server.client.post("/api/v1/import/prompts", content=line, headers={"Content-Type": "application/jsonl"})
    assert imported.status_code == 201
    with server.runtime.read() as session:
        assert session.scalars(select(Prompt.id).where(Prompt.text.like("one%two"))).all() == [stored["id"]]
