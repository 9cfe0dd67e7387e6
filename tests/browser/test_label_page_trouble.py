"""The label page when things go wrong or little is there: no network, errors, no JavaScript, a narrow screen."""

import re
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import update

from app.db.models.groups import Group, GroupStatus
from app.db.session import transaction
from tests.browser.label_page import HOSTILE, LabelPage, WritingEngine
from tests.live import LiveServer


def test_a_lost_network_keeps_the_ranking(label_page: LabelPage, page_errors: list[str]) -> None:
    label_page.page.route("**/rankings", lambda route: route.abort())
    group_id = label_page.open().group_id()
    label_page.press("b", "a", "d", "Enter")
    expect(label_page.page.locator("#outbox")).to_contain_text("The server does not answer")
    assert label_page.marks() == {"B": "1st", "A": "2nd", "D": "3rd", "C": "4th"}
    page_errors.clear()
    label_page.page.unroute("**/rankings")
    label_page.page.get_by_role("button", name="Try now").click()
    label_page.expect_next_card(group_id)
    expect(label_page.page.locator("#alerts")).to_be_empty()
    assert len(label_page.rankings()) == 1


@pytest.mark.parametrize("body", ["<h1>Bad gateway</h1>", ""])
def test_an_error_page_from_elsewhere_replaces_nothing(
    label_page: LabelPage, page_errors: list[str], body: str
) -> None:
    def answer(route: Route) -> None:
        route.fulfill(status=502, content_type="text/html", body=body)

    label_page.page.route("**/rankings", answer)
    group_id = label_page.open().group_id()
    label_page.press("b", "a", "d", "Enter")
    expect(label_page.page.locator("#outbox")).to_contain_text("The server answered with error 502.")
    assert label_page.group_id() == group_id
    assert label_page.marks()["B"] == "1st"
    page_errors.clear()


def test_a_card_that_was_ranked_in_another_tab(label_page: LabelPage, page_errors: list[str]) -> None:
    group_id = label_page.open().group_id()
    other = LabelPage(label_page.page.context.new_page(), label_page.server, label_page.name).open()
    assert other.group_id() == group_id
    other.press("a", "b", "c", "Enter")
    other.expect_next_card(group_id)
    label_page.press("d", "b", "c", "Enter")
    alert = label_page.page.get_by_role("alert")
    expect(alert).to_contain_text("already ranked")
    page_errors.clear()
    alert.get_by_role("link", name="Next card").click()
    expect(label_page.page.locator("#ranking-form")).to_be_visible()
    assert label_page.group_id() == other.group_id()
    assert len(label_page.rankings()) == 1


def test_an_own_prompt_streams_and_becomes_a_card(label_page: LabelPage, writing_engine: WritingEngine) -> None:
    label_page.open().press("p")
    writing_engine.may_finish.clear()
    label_page.page.keyboard.type("What is a <b>good</b> night?")
    label_page.page.get_by_role("button", name="Write four answers").click()
    pane = label_page.page.locator("[data-pane]", has_text="Here")
    expect(pane).to_contain_text("Here")
    assert "every day" not in pane.inner_text()  # it is still being written
    place = int(pane.get_attribute("data-pane") or "")
    writing_engine.may_finish.set()
    label_page.page.wait_for_selector("#ranking-form")
    expect(label_page.page.locator(".answer").nth(place)).to_contain_text("every day")
    expect(label_page.page.locator("#card-heading")).to_have_text("Your prompt")
    expect(label_page.page.locator("#card-heading")).to_be_focused()
    expect(label_page.page.locator(".turn")).to_have_text("What is a <b>good</b> night?")
    group_id = label_page.group_id()
    label_page.press("a", "b", "c", "Enter")
    label_page.expect_next_card(group_id)
    assert label_page.rankings()[0].group_id == group_id


def test_an_own_prompt_that_takes_long_says_so(label_page: LabelPage, writing_engine: WritingEngine) -> None:
    page = label_page.open().page
    page.locator("#strip").evaluate("strip => strip.remove()")  # a look of its own would run out of time below
    page.clock.install()
    writing_engine.may_answer.clear()
    try:
        label_page.press("p")
        page.keyboard.type("What takes so long?")
        page.get_by_role("button", name="Write four answers").click()
        expect(page.locator("[data-stream]")).to_be_visible()
        status = page.locator("[data-stream-status]")
        page.clock.fast_forward(19_000)
        expect(status).to_contain_text("Four answers are being written.")
        page.clock.fast_forward(2_000)
        for said in (status, page.locator("#announcer")):
            expect(said).to_contain_text("This is taking longer than usual", timeout=10_000)  # the clock goes on
    finally:
        writing_engine.may_answer.set()
    page.clock.resume()
    expect(page.locator("#ranking-form")).to_be_visible()


def test_an_own_prompt_survives_a_reload(label_page: LabelPage, writing_engine: WritingEngine) -> None:
    label_page.open().press("p")
    writing_engine.may_finish.clear()
    label_page.page.keyboard.type("And a good day?")
    label_page.page.get_by_role("button", name="Write four answers").click()
    stream = label_page.page.locator("[data-stream]").get_attribute("data-card-url")
    assert stream is not None
    label_page.page.goto(label_page.server.url + stream)
    writing_engine.may_finish.set()
    label_page.page.wait_for_selector("#ranking-form")
    expect(label_page.page.locator(".answer-text")).to_have_count(4)
    assert HOSTILE in "".join(label_page.page.locator(".answer-text").all_inner_texts())


@pytest.mark.parametrize(("text", "said"), [("   ", "empty"), ("word " * 500, "at most 2,000")])
def test_a_bad_own_prompt_is_told_and_kept(label_page: LabelPage, page_errors: list[str], text: str, said: str) -> None:
    label_page.open().press("p")
    box = label_page.page.get_by_label("Your prompt")
    box.fill(text)
    label_page.page.get_by_role("button", name="Write four answers").click()
    expect(label_page.page.locator("#ask-error")).to_contain_text(said)
    expect(box).to_have_value(text)
    expect(box).to_be_focused()
    expect(box).to_have_attribute("aria-invalid", "true")
    expect(label_page.page.locator("#ranking-form")).to_be_visible()
    page_errors.clear()  # the browser logs the 422


@pytest.fixture
def plain_page(browser: Browser) -> Iterator[Page]:
    """A browser without JavaScript."""
    context = browser.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


def test_everything_works_without_javascript(plain_page: Page, label_server: LiveServer) -> None:
    label = LabelPage(plain_page, label_server, "plain").open()
    first = label.group_id()
    for letter, rank in (("A", "1st"), ("B", "2nd"), ("C", "2nd"), ("D", "4th")):
        label.choose(letter, rank)
    plain_page.get_by_role("button", name="Submit ranking").click()
    label.expect_next_card(first)
    assert label.by_letter(label.rankings()[0]) == {"A": 1, "B": 2, "C": 2, "D": 4}
    expect(plain_page.locator(".saved")).to_contain_text("A › B = C › D was saved.")

    plain_page.get_by_role("button", name=re.compile("Undo")).click()
    expect(plain_page).to_have_url(f"{label_server.url}/groups/{first}?undone=ranking#card")
    expect(label.answer("D").locator("input[value='4']")).to_be_checked()
    plain_page.get_by_role("button", name="Submit ranking").click()
    label.expect_next_card(first)

    second = label.group_id()
    plain_page.locator("#skip > summary").click()
    plain_page.get_by_role("button", name="Another reason").click()
    label.expect_next_card(second)

    plain_page.locator("#ask > summary").click()
    plain_page.get_by_label("Your prompt").fill("Without script?")
    plain_page.get_by_role("button", name="Write four answers").click()
    expect(plain_page.locator(".turn")).to_have_text("Without script?")
    expect(plain_page.locator("#ranking-form")).to_be_visible()
    assert len(label.rankings()) == 2


def test_a_wait_without_javascript_promises_no_look_by_itself(
    plain_page: Page, page: Page, label_server: LiveServer, writing_engine: WritingEngine
) -> None:
    promise = "This page refreshes by itself."
    writing_engine.may_answer.clear()
    try:
        with transaction(label_server.runtime.write) as session:
            session.execute(update(Group).values(status=GroupStatus.EXPIRED))
        for each in (plain_page, page):
            each.goto(label_server.url + "/")
            expect(each.get_by_role("heading", name="The model is writing")).to_be_visible()
            expect(each.get_by_text(promise)).to_be_visible(visible=each is page)
        expect(plain_page.get_by_role("link", name="Look again")).to_be_visible()
    finally:
        writing_engine.may_answer.set()


def test_the_server_refuses_missing_ranks_and_keeps_the_rest(plain_page: Page, label_server: LiveServer) -> None:
    label = LabelPage(plain_page, label_server, "plain-missing").open()
    plain_page.locator("#ranking-form").evaluate("form => { form.noValidate = true }")
    label.choose("B", "3rd")
    plain_page.get_by_role("button", name="Submit ranking").click()
    expect(plain_page.get_by_role("alert").filter(has_text="3 answers have no rank yet")).to_be_visible()
    expect(label.answer("B").locator("input[value='3']")).to_be_checked()
    assert label.rankings() == []


def test_a_new_name_labels_apart(label_page: LabelPage) -> None:
    label_page.open().page.get_by_text("Ranking as").click()
    label_page.page.get_by_label("Name kept with your rankings").fill("Zoë 张")
    label_page.page.get_by_role("button", name="Change name").click()
    expect(label_page.page.locator(".labeler summary", has_text="Ranking as")).to_have_text("Ranking as Zoë 张")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow_screens_never_scroll_sideways(
    label_page: LabelPage, page_errors: list[str], scheme: Literal["light", "dark"]
) -> None:
    page = label_page.page
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 360, "height": 740})
    for path in ("/", "/train", "/versions/1", "/nowhere"):
        page.goto(label_page.server.url + path)
        if path == "/":
            page.wait_for_selector("#ranking-form")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert [box for box in targets(page) if box["height"] < 24 or box["width"] < 24] == []
    page_errors.clear()  # the browser logs the 404


def test_rank_buttons_are_large_enough_for_a_finger(label_page: LabelPage) -> None:
    label_page.page.set_viewport_size({"width": 360, "height": 740})
    label_page.open()
    boxes = [radio.bounding_box() for radio in label_page.page.locator(".ranks input:visible").all()]
    assert len(boxes) == 16
    assert all(box is not None and box["width"] >= 44 and box["height"] >= 44 for box in boxes)


def targets(page: Page) -> list[dict[str, float]]:
    """Sizes of what can be pressed (links inside sentences are exempt: WCAG 2.5.8)."""
    found: list[dict[str, float]] = page.eval_on_selector_all(
        "button, summary, input:not([type=hidden]), select, textarea, nav a",
        """items => items.filter((item) => item.checkVisibility()).map((item) => {
            const box = item.getBoundingClientRect();
            return {name: item.outerHTML.slice(0, 80), width: box.width, height: box.height};
        })""",
    )
    return found
