"""The first view in a real browser: the loop open at the first visit, folded once understood, updated in its place."""

import pytest
from playwright.sync_api import Browser, Locator, Route, expect
from sqlalchemy import delete

from app.db.base import utc_now
from app.db.models.jobs import Job, JobStatus
from app.db.session import transaction
from app.services.jobs import heartbeats
from tests.browser.label_page import LabelPage
from tests.browser.test_accessibility import AXE, FADED_IN, RUN_AXE
from tests.live import LiveServer

SMALL = {"width": 360, "height": 640}


def test_got_it_folds_it_for_good_and_it_opens_again(label_page: LabelPage) -> None:
    page = label_page.open().page
    fold = page.locator("#loop")
    expect(page.get_by_text("you are here")).to_be_visible()
    page.get_by_role("button", name="Got it").focus()
    page.keyboard.press("Enter")
    expect(fold).not_to_have_attribute("open", "")
    expect(fold.locator("summary")).to_be_focused()
    page.wait_for_function("performance.getEntriesByType('resource').some((each) => each.name.includes('understood'))")
    page.reload()
    expect(page.get_by_text("you are here")).to_be_hidden()
    expect(page.get_by_text("How this works")).to_be_visible()
    fold.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("you are here")).to_be_visible()
    with page.expect_response("**/strip"):
        pass
    expect(page.get_by_text("you are here")).to_be_visible()  # a look of the poll folds nothing


def test_a_training_shows_without_moving_the_page(label_page: LabelPage) -> None:
    page, server = label_page.open().page, label_page.server
    page.locator("#loop > summary").click()
    card = page.locator("#card")
    before = card.bounding_box()
    page.locator("#loop > summary").focus()
    now = utc_now()
    with transaction(server.runtime.write) as session:
        heartbeats.beat(session, "w", now)
        session.add(
            Job(
                id="r", kind="train_reward", dedup_key="r", status=JobStatus.RUNNING, step=2, total_steps=8,
                started_at=now, heartbeat_at=now, ends_at=now,
            )
        )  # fmt: skip
    try:
        expect(page.locator(".loop-state")).to_contain_text("The reward model is learning from your rankings.")
        expect(page.locator(".loop-state")).to_contain_text("25%")
        assert "more" not in page.locator(".loop-words").inner_text()
        assert card.bounding_box() == before
        expect(page.locator("#loop > summary")).to_be_focused()
    finally:
        with transaction(server.runtime.write) as session:
            session.execute(delete(Job))


def test_it_counts_a_ranking_together_with_the_card_that_tells_of_it(label_page: LabelPage) -> None:
    """Not at the next poll: "8 more" stood above "7 more" for three seconds."""
    page, server = label_page.page, label_page.server

    def without_poll(route: Route) -> None:
        answer = route.fetch()
        assert "every 3s, " in answer.text()
        route.fulfill(response=answer, body=answer.text().replace("every 3s, ", ""))

    page.route(server.url + "/", without_poll)
    label_page.open().press("a", "b", "c", "Enter")
    expect(page.locator(".saved")).to_contain_text("was saved")
    expect(page.locator(".loop-state")).to_contain_text("1 ranking so far")


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_on_a_small_page_the_first_visit_shows_the_prompt_and_the_loop_in_a_line(
    browser: Browser, label_server: LiveServer, language: str
) -> None:
    context = browser.new_context(viewport=SMALL, has_touch=True, is_mobile=True, locale=language)  # type: ignore[arg-type]
    page = context.new_page()
    page.add_init_script(path=AXE)
    page.goto(label_server.url)
    line = page.locator(".loop-line")
    expect(line).to_be_visible()
    expect(line.locator(".is-here")).to_have_count(1)
    expect(page.locator(".stations")).to_be_hidden()
    assert line.evaluate("(line) => line.scrollWidth <= line.clientWidth")
    bar = top(page.locator(".bar"))
    assert top(page.locator("#card-prompt")) + 27 < bar, "the prompt's first line is seen"
    assert top(page.locator(".answer-text").first) + 27 < bar, "and the first answer's"
    page.evaluate(FADED_IN)
    assert page.evaluate(RUN_AXE) == []
    page.locator("#loop > summary").tap()
    expect(page.locator(".stations")).to_be_visible()
    expect(line).to_be_hidden()
    page.locator(".loop-done button").tap()
    expect(page.locator(".stations")).to_be_hidden()
    expect(line).to_have_count(0)
    context.close()


def top(locator: Locator) -> float:
    box = locator.bounding_box()
    assert box is not None
    return box["y"]


def test_without_scripts(browser: Browser, label_server: LiveServer) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(label_server.url)
    page.locator(".loop-done button").click()
    expect(page.locator(".stations")).to_be_hidden()
    page.locator("#loop > summary").click()
    expect(page.locator(".stations")).to_be_visible()
    context.close()
