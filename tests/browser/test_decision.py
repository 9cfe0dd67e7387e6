"""The decision card in Chromium: its buttons in the first view, by keyboard, by touch, in both languages, without
JavaScript; two people deciding at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests import databases
from tests.browser.conftest import LOOKS, PATIENT_MS
from tests.browser.label_page import WritingEngine
from tests.browser.test_accessibility import AXE, FADED_IN, RUN_AXE
from tests.live import LiveServer, live_server, quick_settings
from tests.web.test_decision import EVALUATION, VERDICT, add_candidate

FLAG = {"name": "echo", "sentence": "62% of its answers only repeat words of the question; of the SFT model's, 3%."}
CLICK_AT_ONCE = """id => document.addEventListener("htmx:after:swap", () => {
  const second = new MouseEvent("click", { bubbles: true, cancelable: true, detail: 2 });
  const went = document.getElementById(id)?.dispatchEvent(second);
  if (went !== undefined) document.documentElement.dataset.second = went ? "went" : "dropped";
})"""
"""The button of that id is clicked as soon as a swap has brought it: the second half of a double click. What became of
it stands at the page's root."""


@pytest.fixture
def server(tiny_model_dir: Path, installed_data: Path, tmp_path: Path) -> Iterator[LiveServer]:
    data = databases.copy_data(installed_data, tmp_path / "data")
    with live_server(quick_settings(data, tiny_model_dir), lambda _settings, _directory: WritingEngine()) as running:
        yield running


def buttons(page: Page) -> list[Locator]:
    return [page.locator(f'[id^="{name}-candidate-"]') for name in ("activate", "compare", "discard")]


@LOOKS
def test_the_buttons_lie_within_the_first_view(
    browser: Browser, server: LiveServer, locale: str, width: int, scheme: str
) -> None:
    """With alarms, which take their place, too; and axe finds nothing."""
    height = 720 if width == 1280 else 640
    add_candidate(server, EVALUATION, verdict=VERDICT | {"over_optimized": True}, flags=[FLAG])
    context = browser.new_context(
        locale=locale, viewport={"width": width, "height": height}, reduced_motion="reduce",
        color_scheme="dark" if scheme == "dark" else "light",
    )  # fmt: skip
    page = context.new_page()
    page.add_init_script(path=AXE)
    page.goto(f"{server.url}/train")
    for button in buttons(page):
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 44
        assert box["y"] + box["height"] <= height
        assert box["x"] + box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.evaluate(FADED_IN)
    assert page.evaluate(RUN_AXE) == []
    page.goto("about:blank")
    context.close()


def test_by_keyboard_a_candidate_is_discarded_and_taken_back(page: Page, server: LiveServer) -> None:
    number = add_candidate(server, EVALUATION)
    page.goto(f"{server.url}/train")
    page.locator(f"#discard-candidate-{number}").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#train-notice")).to_have_text(f"Policy {number} was discarded. What answers has not changed.")
    expect(page.locator("#decision")).to_have_count(0)
    expect(page.locator("#decision-place")).to_be_focused()
    expect(page.locator(f"#version-{number}")).to_contain_text("discarded")
    page.locator(f"#take-back-{number}").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#decision")).to_contain_text(f"Policy {number} waits for your decision")
    page.locator(f"#activate-candidate-{number}").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#train-notice")).to_have_text(f"Policy {number} answers now.")
    expect(page.locator("#decision")).to_have_count(0)
    page.goto("about:blank")


def test_a_second_press_does_not_decide_about_the_next_candidate(page: Page, server: LiveServer) -> None:
    """Neither Enter, which would go where the focus is, nor a click, which would go where the button was."""
    first, second, third = (add_candidate(server, EVALUATION) for _ in range(3))
    page.goto(f"{server.url}/train")
    page.locator(f"#discard-candidate-{third}").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#decision-title")).to_have_text(f"Policy {second} waits for your decision")
    expect(page.locator("#decision-title")).to_be_focused()
    page.keyboard.press("Enter")
    page.reload()
    page.evaluate(CLICK_AT_ONCE, f"discard-candidate-{first}")
    page.locator(f"#discard-candidate-{second}").click()
    expect(page.locator("html")).to_have_attribute("data-second", "dropped")
    page.reload()
    expect(page.locator("#decision-title")).to_have_text(f"Policy {first} waits for your decision")
    page.goto("about:blank")


def test_of_two_people_the_second_is_told_and_nothing_is_half_done(
    page: Page, server: LiveServer, page_errors: list[str]
) -> None:
    one, other = add_candidate(server, EVALUATION), add_candidate(server, EVALUATION)
    page.add_init_script("window.setInterval = () => 0")  # nothing is polled: only the refusal brings what is new
    page.goto(f"{server.url}/train")
    server.client.post(f"/api/v1/versions/{one}/activate")
    page.locator(f"#activate-candidate-{other}").click()
    expect(page.locator("#alerts")).to_contain_text(f"somebody else has decided meanwhile. Version {one} answers now.")
    expect(page.locator("#alerts").get_by_role("link", name=f"Look at version {one}")).to_be_visible()
    expect(page.locator("#decision input[name=seen]").first).to_have_value(str(one))  # the card is not old any more
    expect(page.locator(f"#version-{one}")).to_contain_text("answers now")
    assert server.client.get(f"/api/v1/versions/{other}").json()["status"] == "candidate"
    page_errors.clear()  # the browser logs the refusal
    page.locator(f"#activate-candidate-{other}").click()
    expect(page.locator("#train-notice")).to_have_text(f"Policy {other} answers now.")
    page.goto("about:blank")


def test_by_touch_without_a_script(browser: Browser, server: LiveServer) -> None:
    number = add_candidate(server, EVALUATION)
    context = browser.new_context(
        viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True, java_script_enabled=False
    )
    context.set_default_timeout(PATIENT_MS)
    page = context.new_page()
    page.goto(f"{server.url}/train")
    page.locator(f"#discard-candidate-{number}").tap()
    expect(page.locator("#train-notice")).to_contain_text(f"Policy {number} was discarded")
    page.locator(f"#take-back-{number}").tap()
    expect(page.locator("#train-notice")).to_contain_text("waits for a decision again")
    page.locator(f"#activate-candidate-{number}").tap()
    expect(page.locator("#train-notice")).to_contain_text("answers now")
    context.close()
