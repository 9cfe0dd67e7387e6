"""The playground in Chromium: by keyboard alone, by touch, in both languages, back and forward, and in trouble."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.live import LiveServer, live_server, quick_settings


@pytest.fixture(scope="module")
def playground(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose answers the tiny model really writes."""
    settings = quick_settings(tmp_path_factory.mktemp("playground") / "data", tiny_model_dir)
    with live_server(settings) as running:
        yield running


def opened(page: Page, server: LiveServer, query: str = "") -> Page:
    page.goto(f"{server.url}/playground{query}")
    expect(page.locator("h1")).to_be_visible()
    return page


def texts(page: Page) -> list[str]:
    """Of the answers, once all of them are complete."""
    expect(page.locator(".pane-text.writing")).to_have_count(0)
    return page.locator(".pane-text").all_inner_texts()


def test_by_keyboard_alone(page: Page, playground: LiveServer) -> None:
    opened(page, playground)
    page.keyboard.press("/")
    page.keyboard.type("Why is the sky blue?")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#announcer")).to_have_text("All 2 answers are complete.")
    first = texts(page)
    assert len(first) == 2
    seed = page.locator("#seed").input_value()
    assert f"seed={seed}" in page.url
    page.get_by_role("button", name="Again, new seed").press("Enter")
    expect(page).not_to_have_url(f"seed={seed}")
    expect(page.locator("#announcer")).to_have_text("All 2 answers are complete.")
    assert texts(page) != first
    page.go_back()
    expect(page.locator("#seed")).to_have_value(seed)
    assert texts(page) == first
    page.reload()
    expect(page.locator("#announcer")).to_have_text("All 2 answers are complete.")
    assert texts(page) == first


def test_a_slider_and_its_number_are_equal_and_a_preset_says_it_is_left(page: Page, playground: LiveServer) -> None:
    opened(page, playground)
    page.get_by_role("button", name="Wild").press("Enter")
    slider, number = page.locator("[data-slider=temperature]"), page.locator("#temperature")
    expect(number).to_have_value("1.6")
    expect(slider).to_have_value("1.6")
    slider.press("ArrowRight")
    expect(number).to_have_value("1.65")
    expect(page.locator("[data-preset-state]")).to_have_text("No longer “Wild”. Changed: Temperature")
    number.fill("0.4")
    expect(slider).to_have_value("0.4")
    page.get_by_role("button", name="Wild").press("Enter")
    expect(page.locator("[data-preset-state]")).to_have_text("")


def test_a_shared_link_gives_the_same_answers_to_somebody_else(page: Page, playground: LiveServer) -> None:
    opened(page, playground)
    page.locator("#prompt").fill("请告诉我怎么泡茶。 $(x) \"'`")
    page.get_by_role("button", name="Write the answers").click()
    written, url = texts(page), page.url
    other = page.context.browser.new_context().new_page()  # type: ignore[union-attr]
    other.goto(url)
    expect(other.locator("#prompt")).to_have_value("请告诉我怎么泡茶。 $(x) \"'`")
    assert texts(other) == written
    other.context.close()
