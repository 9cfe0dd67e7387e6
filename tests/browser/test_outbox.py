"""What was sent while the server was away: kept, sent again by itself, saved once; and the page says what happens."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from sqlalchemy import select

from app.db.models.groups import Group, GroupStatus
from app.db.models.prompts import Prompt, PromptSource
from app.db.models.versions import VersionKind
from app.db.session import transaction
from app.services.lifecycle import activation
from app.services.versions import versions
from tests.browser.label_page import LabelPage, WritingEngine
from tests.live import live_server, quick_settings

Ranks = dict[str, int]
AWAY = re.compile(r"net::ERR_(CONNECTION_(REFUSED|RESET|CLOSED)|EMPTY_RESPONSE)|htmx:error: Failed to fetch")
"""What the browser and htmx log of requests to a server that is not there."""
ORDER = {"B": 1, "A": 2, "D": 3, "C": 4}


def outbox(page: Page) -> Locator:
    return page.locator("#outbox")


def kept(page: Page) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(page.evaluate("localStorage.getItem('fourfold-outbox')") or "[]")
    return found


class Wire:
    """Cut, no POST of the page arrives; lossy, each arrives and its answer is lost."""

    def __init__(self, page: Page) -> None:
        self.cut, self.lossy, self.tries = False, False, 0
        page.context.route("**/*", self._handle)

    def _handle(self, route: Route) -> None:
        if route.request.method != "POST":
            return route.fallback()
        self.tries += 1
        if self.lossy:
            route.fetch()
        return route.abort() if self.cut or self.lossy else route.fallback()


@pytest.fixture
def wire(label_page: LabelPage) -> Wire:
    return Wire(label_page.page)


def test_the_server_is_stopped_and_started_again(
    page: Page, page_errors: list[str], tiny_model_dir: Path, tmp_path: Path
) -> None:
    settings, engine = quick_settings(tmp_path / "data", tiny_model_dir, ready_groups=3), WritingEngine()
    with live_server(settings, lambda _settings, _directory: engine) as server:
        label = LabelPage(page, server, "stays").open()
        group_id, port = label.group_id(), urlsplit(server.url).port
        label.press("b", "a", "d", "m")
        page.keyboard.type("before it went")
    assert port is not None
    label.press("Control+Enter")
    expect(outbox(page)).to_contain_text("The server does not answer; it may be restarting. Your ranking is kept")
    expect(outbox(page)).to_contain_text("Next try in")
    assert label.marks() == {"B": "1st", "A": "2nd", "D": "3rd", "C": "4th"}
    with live_server(settings, lambda _settings, _directory: engine, port=port) as again:
        label.server = again
        label.expect_next_card(group_id)  # by itself
        expect(outbox(page)).to_be_hidden()
        [ranking] = label.rankings()
        assert (label.by_letter(ranking), ranking.comment) == (ORDER, "before it went")
        assert kept(page) == []
        page.goto("about:blank")  # before the server goes again: the page looks for news every three seconds
    assert [error for error in page_errors if not AWAY.search(error)] == []
    page_errors.clear()


def test_a_page_that_finds_no_server_says_so_once_and_goes_on_by_itself(
    page: Page, page_errors: list[str], tiny_model_dir: Path, tmp_path: Path
) -> None:
    settings, engine = quick_settings(tmp_path / "data", tiny_model_dir, ready_groups=3), WritingEngine()
    with live_server(settings, lambda _settings, _directory: engine) as server:
        label, port = LabelPage(page, server, "waits").open(), urlsplit(server.url).port
        label.press("b")
    assert port is not None
    alert = page.locator("#alerts")
    expect(alert).to_contain_text("No answer from the server. It may be restarting. This page tries again by itself")
    page.wait_for_event("requestfailed", lambda request: request.url.endswith("/strip"))
    expect(alert.locator(".notice")).to_have_count(1)
    assert label.marks()["B"] == "1st"
    with live_server(settings, lambda _settings, _directory: engine, port=port):
        expect(alert).to_be_empty()
        page.goto("about:blank")
    assert [error for error in page_errors if not AWAY.search(error)] == []
    page_errors.clear()


def test_a_ranking_survives_a_reload_and_is_locked_until_it_is_sent(
    label_page: LabelPage, wire: Wire, page_errors: list[str]
) -> None:
    page, group_id = label_page.page, label_page.open().group_id()
    wire.cut = True
    label_page.press("b", "a", "d", "Enter")
    expect(outbox(page)).to_be_visible()
    page.reload()
    expect(outbox(page)).to_contain_text("Your ranking is kept in this browser")
    assert label_page.marks()["B"] == "1st"
    label_page.press("Enter", "Backspace", "Escape")
    assert label_page.marks() == {"B": "1st", "A": "2nd", "D": "3rd", "C": "4th"}
    expect(page.locator("#announcer")).to_contain_text("This card is waiting to be sent")
    wire.cut = False
    page.get_by_role("button", name="Try now").click()
    label_page.expect_next_card(group_id)
    assert [label_page.by_letter(ranking) for ranking in label_page.rankings()] == [ORDER]
    page_errors.clear()


def test_a_tab_that_was_closed_leaves_its_ranking_to_the_next_page(
    label_page: LabelPage, wire: Wire, page_errors: list[str]
) -> None:
    page = label_page.open().page
    wire.cut = True
    label_page.press("b", "a", "d", "Enter")
    expect(outbox(page)).to_be_visible()
    other = page.context.new_page()
    page.close()
    wire.cut = False
    other.goto(label_page.server.url + "/data/prompts")
    expect(other.locator("#announcer")).to_have_text("Your ranking from before was sent.")
    assert [label_page.by_letter(ranking) for ranking in label_page.rankings()] == [ORDER]
    page_errors.clear()


def test_an_answer_that_was_lost_saves_nothing_twice(label_page: LabelPage, wire: Wire, page_errors: list[str]) -> None:
    group_id = label_page.open().group_id()
    wire.lossy = True
    label_page.press("b", "a", "d", "Enter")
    expect(outbox(label_page.page)).to_be_visible()
    assert len(label_page.rankings()) == 1
    wire.lossy = False
    label_page.page.get_by_role("button", name="Try now").click()
    label_page.expect_next_card(group_id)
    assert [label_page.by_letter(ranking) for ranking in label_page.rankings()] == [ORDER]
    page_errors.clear()


def test_skip_undo_and_an_own_prompt_wait_too(label_page: LabelPage, wire: Wire, page_errors: list[str]) -> None:
    page, first = label_page.page, label_page.open().group_id()
    label_page.press("b", "a", "d", "Enter")
    label_page.expect_next_card(first)
    second = label_page.group_id()

    def while_away(what: str, act: Callable[[], None]) -> None:
        wire.cut = True
        act()
        expect(outbox(page)).to_contain_text(f"{what} is kept")
        wire.cut = False
        page.get_by_role("button", name="Try now").click()
        expect(outbox(page)).to_be_hidden()

    while_away("Your undo", lambda: label_page.press("u"))
    label_page.expect_next_card(second)
    assert label_page.group_id() == first
    while_away("Your skip", lambda: label_page.press("s", "2"))
    label_page.expect_next_card(first)
    assert [skip.group_id for skip in label_page.skips()] == [first]

    def ask() -> None:
        label_page.press("p")
        page.keyboard.type("Where do the swans go?")
        page.get_by_role("button", name="Write four answers").click()

    wire.lossy = True
    ask()
    expect(outbox(page)).to_contain_text("Your prompt is kept")
    wire.lossy = False
    page.get_by_role("button", name="Try now").click()
    expect(page.locator(".turn")).to_have_text("Where do the swans go?")
    expect(page.locator("#ranking-form")).to_be_visible()
    with label_page.server.runtime.read() as session:
        own = (
            select(Group)
            .join(Prompt)
            .where(Prompt.source == PromptSource.OWN, Prompt.text.startswith("Where do the s"))
        )
        assert len(session.scalars(own).all()) == 1
    page_errors.clear()


@pytest.mark.parametrize("reload", [False, True])
def test_what_was_done_first_arrives_first(
    label_page: LabelPage, wire: Wire, page_errors: list[str], reload: bool
) -> None:
    """A ranking, then an own prompt: both wait, both survive, and nothing is shown that the other one takes away."""
    page, group_id = label_page.page, label_page.open().group_id()
    wire.cut = True
    label_page.press("b", "a", "d", "Enter")
    expect(outbox(page)).to_contain_text("Your ranking is kept")
    label_page.press("p")
    page.keyboard.type("What do swans eat?")
    label_page.press("Control+Enter")
    expect(outbox(page)).to_contain_text("Your ranking and 1 more")
    if reload:
        page.reload()
        expect(outbox(page)).to_contain_text("Your ranking and 1 more")
    wire.cut = False
    with page.expect_response("**/prompts") as answered:
        page.get_by_role("button", name="Try now").click()
    assert answered.value.ok
    assert [label_page.by_letter(ranking) for ranking in label_page.rankings()] == [ORDER]  # it was there before
    expect(page.locator("#card-prompt")).to_have_text("What do swans eat?")
    expect(page.locator("#ranking-form")).to_be_visible()
    assert label_page.group_id() != group_id
    expect(outbox(page)).to_be_hidden()
    assert kept(page) == []
    label_page.press("p")
    expect(page.locator("#ask-text")).to_have_value("")
    page_errors.clear()


def test_a_prompt_that_the_server_has_no_room_for_holds_up_no_ranking(
    label_page: LabelPage, page_errors: list[str]
) -> None:
    page, group_id = label_page.open().page, label_page.group_id()
    page.route("**/prompts", lambda route: route.fulfill(status=503, headers={"Retry-After": "60"}, body=""))
    label_page.press("p")
    page.keyboard.type("Is there room?")
    label_page.press("Control+Enter")
    expect(outbox(page)).to_contain_text("The server is busy at the moment. Your prompt is kept")
    label_page.press("Escape", "b", "a", "d", "Enter")
    label_page.expect_next_card(group_id)
    assert [label_page.by_letter(ranking) for ranking in label_page.rankings()] == [ORDER]
    expect(outbox(page)).to_contain_text("Your prompt is kept")
    page.get_by_role("button", name="Stop trying").click()
    page_errors.clear()


def test_a_half_made_card_waits_for_nothing(label_page: LabelPage, wire: Wire, page_errors: list[str]) -> None:
    """While an undo waits, the card in sight is locked; given up, it is as it was left."""
    page, first = label_page.page, label_page.open().group_id()
    label_page.press("b", "a", "d", "Enter")
    label_page.expect_next_card(first)
    second = label_page.group_id()
    label_page.press("c")
    wire.cut = True
    label_page.press("u")
    expect(outbox(page)).to_contain_text("Your undo is kept")
    label_page.press("d")
    assert label_page.marks()["D"] == "not ranked"
    wire.cut = False
    page.get_by_role("button", name="Try now").click()
    label_page.expect_next_card(second)
    assert label_page.group_id() == first
    label_page.press("Enter")
    label_page.expect_next_card(first)
    assert label_page.group_id() == second
    expect(page.locator("#order")).to_contain_text("C")
    assert label_page.marks()["C"] == "1st"
    page_errors.clear()


def test_a_server_with_too_much_to_do_is_asked_when_it_says(label_page: LabelPage, page_errors: list[str]) -> None:
    page, group_id = label_page.page, label_page.open().group_id()
    page.route("**/rankings", lambda route: route.fulfill(status=503, headers={"Retry-After": "27"}, body=""), times=1)
    label_page.press("b", "a", "d", "Enter")
    expect(outbox(page)).to_contain_text("The server is busy at the moment. Your ranking is kept")
    expect(outbox(page)).to_contain_text("Next try in 2")
    assert int(outbox(page).locator("[data-outbox-when]").inner_text().split()[3]) > 20
    page.get_by_role("button", name="Try now").click()
    label_page.expect_next_card(group_id)
    assert len(label_page.rankings()) == 1
    page_errors.clear()


def test_a_device_without_a_network_sends_when_it_is_back(label_page: LabelPage, page_errors: list[str]) -> None:
    page, group_id = label_page.page, label_page.open().group_id()
    page.context.set_offline(True)
    label_page.press("b", "a", "d", "Enter")
    expect(outbox(page)).to_contain_text("This device is offline. Your ranking is kept")
    page.context.set_offline(False)
    label_page.expect_next_card(group_id)
    assert len(label_page.rankings()) == 1
    page_errors.clear()


@pytest.mark.parametrize("reload", [False, True])
def test_a_card_that_somebody_else_finished_meanwhile(
    label_page: LabelPage, wire: Wire, page_errors: list[str], reload: bool
) -> None:
    page, group_id = label_page.page, label_page.open().group_id()
    wire.cut = True
    label_page.press("b", "a", "d", "Enter")
    expect(outbox(page)).to_be_visible()
    with transaction(label_page.server.runtime.write) as session:
        session.get_one(Group, group_id).status = GroupStatus.RANKED
    wire.cut = False
    if reload:
        page.reload()
    else:
        page.get_by_role("button", name="Try now").click()
    expect(page.locator("#alerts")).to_contain_text("This card is not yours any more: it has been ranked.")
    expect(outbox(page)).to_be_hidden()
    assert (kept(page), label_page.rankings()) == ([], [])
    page.get_by_role("link", name="Next card").click()
    label_page.expect_next_card(group_id)
    page_errors.clear()


def test_who_stops_trying_has_the_card_back(label_page: LabelPage, wire: Wire, page_errors: list[str]) -> None:
    page, group_id = label_page.page, label_page.open().group_id()
    wire.cut = True
    label_page.press("b", "a", "d", "Enter")
    page.get_by_role("button", name="Stop trying").click()
    expect(outbox(page)).to_be_hidden()
    assert kept(page) == []
    expect(page.locator("#ranking-form")).not_to_have_class("htmx-request")  # the form drops what comes before that
    wire.cut = False
    label_page.press("Backspace", "c", "Enter")
    label_page.expect_next_card(group_id)
    assert label_page.by_letter(label_page.rankings()[0]) == {"B": 1, "A": 2, "C": 3, "D": 4}
    page_errors.clear()


def test_an_activation_waits_for_the_server_while_its_page_is_open(
    label_page: LabelPage, wire: Wire, page_errors: list[str]
) -> None:
    page, runtime = label_page.page, label_page.server.runtime
    with transaction(runtime.write) as session:
        sft = versions.sft_version(session)
        policy = versions.add_version(
            session,
            versions.NewVersion(
                kind=VersionKind.POLICY, parent_id=sft.id, path=sft.path, content_hash=sft.content_hash
            ),
        )
    page.goto(label_page.server.url + "/train")
    wire.cut = True
    page.locator(f"#activate-{policy.id}").click()
    expect(outbox(page)).to_contain_text(
        f"Your choice of Policy {policy.id} will be sent again by itself while this page is"
    )
    assert kept(page) == []  # nothing is activated hours later by another page
    wire.cut = False
    page.get_by_role("button", name="Try now").click()
    expect(page.locator("#train-notice")).to_have_text(f"Policy {policy.id} answers now.")
    with transaction(runtime.write) as session:
        activation.activate(session, sft.id, data_dir=label_page.server.settings.data_dir)
    page_errors.clear()
