"""Eight pages in one calm line: at 360 pixels the first four, the one that one is on, and "More" for the rest."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from app.web.pages import PAGES
from app.web.pages import Page as PageLine
from app.web.templating import ENVIRONMENT
from tests.browser.conftest import PATIENT_MS
from tests.browser.test_accessibility import AXE, RUN_AXE
from tests.live import LiveServer


def eight() -> tuple[PageLine, ...]:
    """The table as it is, filled up to eight with lines of the longest words that are to come."""
    to_come = [PageLine("arena", "/arena", "Arena", "", ()), PageLine("learn", "/learn", "Learn", "", ())]
    names = {page.name for page in PAGES}
    return (*PAGES, *(page for page in to_come if page.name not in names))


@pytest.fixture(autouse=True)
def eight_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENVIRONMENT.globals, "pages", eight())


@pytest.fixture(params=[("en", True), ("zh-CN", True), ("en", False)], ids=["english", "chinese", "no-script"])
def narrow(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    locale, script = request.param
    context = browser.new_context(
        viewport={"width": 360, "height": 740},
        locale=locale,
        has_touch=True,
        is_mobile=True,
        java_script_enabled=script,
    )
    context.set_default_timeout(PATIENT_MS)
    yield context.new_page()
    context.close()


def test_one_line_that_shows_the_current_page_and_opens_the_rest_by_touch(
    narrow: Page, label_server: LiveServer
) -> None:
    for path in ("/", "/tokens", "/train"):
        narrow.goto(label_server.url + path)
        line = narrow.locator(".site-nav > a:visible, .more-pages summary")
        boxes = [box for each in line.all() if (box := each.bounding_box())]
        assert len({box["y"] for box in boxes}) == 1, "one line"
        assert all(box["height"] >= 44 and box["width"] >= 44 for box in boxes)
        assert max(box["x"] + box["width"] for box in boxes) <= 360
        current = narrow.locator(".site-nav > a[aria-current=page]")
        expect(current).to_be_visible()
        expect(current).to_have_attribute("href", path)
        expect(narrow.locator(".more-list")).to_be_hidden()
        narrow.locator(".more-pages summary").tap()
        shown = narrow.locator(".site-nav a:visible").evaluate_all("all => all.map((each) => each.pathname)")
        assert sorted(shown) == sorted(page.path for page in eight()), "every page once"
        inside = narrow.locator(".more-list").bounding_box()
        assert inside is not None
        assert inside["x"] >= 0
        assert inside["x"] + inside["width"] <= 360
    first = narrow.locator(".more-list a").first
    address = first.get_attribute("href")
    first.tap()
    narrow.wait_for_url(f"**{address}")


def test_more_by_keyboard(page: Page, label_server: LiveServer) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(label_server.url + "/data/prompts")
    more = page.locator(".more-pages")
    summary = more.locator("summary")
    summary.focus()
    page.keyboard.press("Enter")
    expect(more.locator("a").first).to_be_visible()
    page.keyboard.press("Tab")
    expect(more.locator("a").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(more.locator("a").first).to_be_hidden()
    expect(summary).to_be_focused()
    page.keyboard.press("Enter")
    expect(more.locator("a").first).to_be_visible()
    page.keyboard.press("Shift+Tab")
    expect(more.locator("a").first).to_be_hidden()
    summary.click()
    expect(more.locator("a").first).to_be_visible()
    page.locator("h1").click()
    expect(more.locator("a").first).to_be_hidden()


def test_a_wide_screen_shows_all_and_no_more(page: Page, label_server: LiveServer) -> None:
    page.goto(label_server.url + "/train")
    expect(page.locator(".site-nav > a:visible")).to_have_count(len(eight()))
    expect(page.locator(".more-pages")).to_be_hidden()
    tops = page.locator(".site-nav > a").evaluate_all("all => all.map((each) => each.getBoundingClientRect().top)")
    assert len(set(tops)) == 1


def test_large_type_keeps_each_link_whole(page: Page, label_server: LiveServer) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(label_server.url + "/train")
    page.evaluate("document.documentElement.style.fontSize = '32px'")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    rights = page.locator(".site-nav > a:visible").evaluate_all(
        "all => all.map((each) => each.getBoundingClientRect().right)"
    )
    assert max(rights) <= 360


def test_axe_with_more_open(page: Page, label_server: LiveServer) -> None:
    page.add_init_script(path=AXE)
    page.set_viewport_size({"width": 360, "height": 740})
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.goto(label_server.url + "/tokens")
        page.locator(".more-pages summary").click()
        assert page.evaluate(RUN_AXE) == []
