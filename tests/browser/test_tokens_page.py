"""The page of tokens in a real browser: cut as one types, one token chosen by click, tap and arrow keys, kept in the
address; by keyboard, by touch at 360, and for axe."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_accessibility import AXE, FADED_IN, RUN_AXE, check
from tests.live import LiveServer

Open = Callable[..., Page]
CHOSEN = '.cut[aria-pressed="true"]'


@pytest.fixture
def tokens(page: Page, real_server: LiveServer) -> Page:
    page.goto(real_server.url + "/tokens")
    return page


def in_address(page: Page, name: str) -> str:
    return parse_qs(urlsplit(page.url).query).get(name, [""])[0]


def test_cuts_follow_what_is_typed(tokens: Page) -> None:
    box = tokens.get_by_label("Text", exact=True)
    box.fill("")
    expect(tokens.locator("#cuts")).to_contain_text("An empty text has no tokens")
    box.press_sequentially("wash")
    expect(tokens.locator(".cut-list")).to_have_text("wash")
    count = tokens.locator(".reading-title").inner_text().split(" tokens")[0]
    expect(tokens.locator("#announcer")).to_have_text(f"{count} tokens")
    expect(box).to_be_focused()
    tokens.wait_for_function("location.search.includes('text=wash')")
    tokens.reload()
    expect(box).to_have_value("wash")
    expect(tokens.locator(".cut-list")).to_have_text("wash")


def test_a_token_is_chosen_by_click_and_by_arrow_keys(tokens: Page) -> None:
    tokens.locator(".cut-list .cut").nth(1).click()
    panel = tokens.locator("#token-panel")
    expect(panel).to_contain_text("Merges that made it")
    expect(tokens.locator(CHOSEN)).to_have_attribute("value", "0-1")
    tokens.keyboard.press("ArrowRight")
    expect(tokens.locator(CHOSEN)).to_have_attribute("value", "0-2")
    expect(tokens.locator(CHOSEN)).to_be_focused()
    expect(panel.locator("dd").nth(1)).to_have_text("3")
    expect(tokens.locator("#announcer")).to_contain_text("Token 3")
    tokens.keyboard.press("Home")
    expect(tokens.locator(CHOSEN)).to_have_attribute("value", "0-0")
    tokens.keyboard.press("ArrowDown")
    expect(tokens.locator(CHOSEN)).not_to_have_attribute("value", "0-0")
    tokens.keyboard.press("End")
    last = tokens.locator(".cut-list .cut").last.get_attribute("value") or ""
    expect(tokens.locator(CHOSEN)).to_have_attribute("value", last)
    assert in_address(tokens, "chosen") == last
    tokens.reload()
    expect(tokens.locator(CHOSEN)).to_have_attribute("value", last)
    expect(panel).to_contain_text("Merges that made it")


def test_the_tokens_are_one_tab_stop(tokens: Page) -> None:
    stops = tokens.locator('.cut-list .cut[tabindex="0"]')
    expect(stops).to_have_count(1)
    stops.focus()
    tokens.keyboard.press("Tab")
    assert not tokens.evaluate("document.activeElement.matches('.cut')")


def test_half_a_character_and_hostile_texts(tokens: Page) -> None:
    """Nothing runs, and nothing turns the page round."""
    tokens.get_by_label("Text", exact=True).fill("\u202e<img src=x onerror='document.title=1'>鸠\u0301")
    expect(tokens.locator(".cut-list")).to_contain_text("E9")
    tokens.locator(".cut-list .cut.half", has_text="E9").last.click()
    expect(tokens.locator("#token-panel")).to_contain_text("bytes of 鸠 (U+9E20)")
    assert tokens.title().startswith("Tokens")
    assert tokens.locator("#cuts img").count() == 0


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_by_touch_and_for_axe(browser: Browser, real_server: LiveServer, scheme: str, width: int) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 740},
        color_scheme="dark" if scheme == "dark" else "light",
        has_touch=True,
        is_mobile=True,
        reduced_motion="reduce",
    )
    context.add_init_script(path=AXE)
    page = context.new_page()
    wrong: list[str] = []
    for asked in (
        "",
        "?chosen=0-1",
        "?below=ids&chat=yes&chosen=0-0",
        "?below=bytes&text=%F0%9F%91%8D+a",
        "?version=9",
    ):
        page.goto(real_server.url + "/tokens" + asked)
        check(page)
        page.evaluate(FADED_IN)
        wrong.extend(f"{asked}: {each}" for each in page.evaluate(RUN_AXE))
        assert page.evaluate("document.documentElement.scrollWidth") == width, asked
    page.goto(real_server.url + "/tokens")
    first = page.locator(".cut-list .cut").first
    box = first.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    assert box["y"] < 740, "cuts are seen without scrolling"
    first.tap()
    expect(page.locator("#token-panel")).to_contain_text("Merges that made it")
    context.close()
    assert wrong == []


def test_without_scripts(browser: Browser, real_server: LiveServer) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(real_server.url + "/tokens")
    page.get_by_label("Text", exact=True).fill("wash hands")
    page.get_by_role("button", name="Cut", exact=True).click()
    expect(page.locator(".cut-list")).to_contain_text("w")
    page.locator(".cut-list .cut").first.click()
    expect(page.locator("#token-panel")).to_contain_text("Merges that made it")
    expect(page.get_by_label("Text", exact=True)).to_have_value("wash hands")
    context.close()
