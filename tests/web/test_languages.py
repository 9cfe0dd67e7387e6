"""Who reads only English is shown nothing in Chinese: by the browser's own languages, or by what was chosen."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from html import unescape

import pytest
from sqlalchemy import select, update

from app.corpus.prompts import load_prompts
from app.db.models.labelers import Labeler
from app.db.models.versions import Version
from app.db.session import transaction
from app.formats.languages import ANY, Asked
from app.layout import EVERYDAY_PROMPTS
from app.model_info.prompt_sets import EVERYDAY
from app.services.prompts.prompts import install_shipped_prompts
from tests.live import LiveServer
from tests.web.visitor import Visitor, words_of

NewVisitor = Callable[[str], Visitor]
HAN = re.compile("[\u4e00-\u9fff]")


@pytest.fixture
def server(server: LiveServer) -> LiveServer:
    """A model for English and Chinese, with two cards in each, the Chinese ones first."""
    say(server, ["en", "zh"])
    for code in ("zh", "zh", "en", "en"):
        server.runtime.group_sampling.sample_ready(Asked(frozenset([code]), chosen=True))
    return server


def say(server: LiveServer, languages: list[str]) -> None:
    with transaction(server.runtime.write) as session:
        session.execute(update(Version).values(metrics={"imported_from": "x", "languages": languages}))


@pytest.fixture
def visit(server: LiveServer) -> Iterator[NewVisitor]:
    """A browser that sends this Accept-Language."""
    with ExitStack() as browsers:

        def new(accept_language: str) -> Visitor:
            visitor = Visitor(server)
            browsers.enter_context(closing(visitor.client))
            visitor.client.headers["accept-language"] = accept_language
            return visitor

        yield new


def card(visitor: Visitor) -> str:
    """The prompt alone: what stands around it is in the page's language."""
    visitor.get("/")
    html = visitor.client.get("/card", headers={"hx-request": "true", "sec-fetch-site": "same-origin"}).text
    [prompt] = re.findall(r'id="card-prompt"[^>]*>([^<]+)<', html)
    return str(prompt)


def test_the_api_takes_languages(server: LiveServer) -> None:
    def ask(name: str, *languages: str) -> str:
        params = {"languages": list(languages)}
        answer = server.client.post("/api/v1/groups/next", params=params, headers={"X-Labeler": name})
        return str(answer.json()["prompt"]["text"] if answer.status_code == 200 else answer.json()["detail"])

    assert HAN.search(ask("one", "zh-CN"))
    assert not HAN.search(ask("two", "en"))
    assert HAN.search(ask("three"))  # the oldest
    assert ask("four", "fr").startswith("You read Français; the active version is for English and 中文.")
    assert server.client.post("/api/v1/groups/next", params={"languages": "???"}).status_code == 422


def test_a_card_that_nobody_has_ready_is_sampled_in_the_language(server: LiveServer) -> None:
    for name in ("one", "two", "three"):
        answer = server.client.post("/api/v1/groups/next", params={"languages": "en"}, headers={"X-Labeler": name})
        assert not HAN.search(answer.json()["prompt"]["text"])


def test_a_browsers_languages_are_its_persons(visit: NewVisitor) -> None:
    english, chinese, german = visit("en-US,en;q=0.9"), visit("zh-CN"), visit("de")
    assert not HAN.search(card(english))
    assert HAN.search(card(chinese))
    assert not HAN.search(card(german))  # none of theirs is here: as the page
    assert "Prompts in English Languages" in words_of(english.get("/"))
    assert "The model that answers is at home in English and 中文." in words_of(english.get("/"))
    assert "So far they follow your browser and the language of this page." in words_of(german.get("/"))
    assert "提示语言： 中文" in words_of(chinese.get("/"))
    both = visit("zh-CN,en;q=0.5")
    assert "English 和中文" in words_of(both.get("/"))


def test_a_published_model_is_asked_in_what_it_is_at_home_in(server: LiveServer, visit: NewVisitor) -> None:
    """Whatever the page's language, and what was written for it alone."""
    with transaction(server.runtime.write) as session:
        metrics = {"imported_from": "x", "languages": ["en"], "published": {"name": "smollm2"}}
        session.execute(update(Version).values(metrics=metrics))
        install_shipped_prompts(session, [EVERYDAY])
    server.runtime.group_sampling.sample_ready(ANY)
    person = visit("zh-CN")
    assert unescape(card(person)) in {prompt.text for prompt in load_prompts(EVERYDAY_PROMPTS)}
    page = words_of(person.get("/"))
    assert "作答的模型擅长的语言： English 。" in page
    assert "提示语言" not in page, "there is nothing to choose"


def test_what_is_chosen_is_kept_and_the_card_that_was_held_changes(visit: NewVisitor) -> None:
    person = visit("zh-CN")
    person.client.cookies.set("fourfold_page_language", "en")
    assert HAN.search(card(person))
    assert "Prompts in English Languages" in words_of(person.send("/languages", language="en").text)
    assert not HAN.search(card(person))
    assert "English and 中文" in words_of(person.send("/languages").text)  # none ticked


def test_what_was_chosen_goes_with_the_name_to_another_browser(server: LiveServer, visit: NewVisitor) -> None:
    first, second = visit("en"), visit("en")
    assert not HAN.search(card(first))
    first.send("/languages", language="zh")
    for browser in (first, second):
        browser.send("/labeler", name="ada")
    assert HAN.search(card(second))
    assert "Prompts in 中文 Languages" in words_of(second.get("/"))
    answer = server.client.post("/api/v1/groups/next", headers={"X-Labeler": "ada"})
    assert HAN.search(answer.json()["prompt"]["text"])


def test_a_choice_before_the_first_card_becomes_the_new_labelers(server: LiveServer, visit: NewVisitor) -> None:
    person = visit("en")
    person.get("/prompts")
    person.send("/languages", language="zh")
    assert HAN.search(card(person))
    with server.runtime.read() as session:
        assert session.scalars(select(Labeler.languages)).all() == [["zh"]]


def test_who_cannot_read_a_card_is_offered_to_leave_its_language_out(visit: NewVisitor) -> None:
    person = visit("zh-CN,en;q=0.5")
    person.client.cookies.set("fourfold_page_language", "en")
    shown = person.get("/")
    [group] = re.findall(r'action="/groups/(\d+)/rankings"', shown)
    assert HAN.search(words_of(shown))
    after = person.send(f"/groups/{group}/skip", reason="unreadable")
    assert "Show no more prompts in 中文" in words_of(after.text)
    person.send("/languages/leave-out", language="zh")
    page = person.get("/")
    assert "Prompts in English Languages" in words_of(page)
    assert "Show no more prompts" not in page
    [group] = re.findall(r'action="/groups/(\d+)/rankings"', page)
    after = person.send(f"/groups/{group}/skip", fragment=True, reason="unreadable")
    assert "Show no more prompts" not in after.text  # nothing would be left


def test_a_submitted_card_is_followed_by_one_in_the_language(visit: NewVisitor) -> None:
    person = visit("en")
    page = person.get("/")
    [group] = re.findall(r'action="/groups/(\d+)/rankings"', page)
    ranks = dict.fromkeys(re.findall(r'name="(rank-\d+)"', page), "1")
    answer = person.send(f"/groups/{group}/rankings", fragment=True, **ranks)
    assert answer.status_code == 200, answer.text
    assert not HAN.search(words_of(answer.text))


def test_where_nothing_remains_the_page_says_so(server: LiveServer, visit: NewVisitor) -> None:
    say(server, ["en"])
    person = visit("en")
    page = words_of(person.send("/languages", language="zh").text)
    assert "You read 中文; the active version is for English. Choose another language below" in page
    assert "The model is writing" not in page
    assert server.runtime.prefetcher.last_error is None
