"""The playground in Chromium: by keyboard alone, by touch, in both languages, back and forward, and in trouble."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_accessibility import AXE, FADED_IN, RUN_AXE, check
from tests.live import LiveServer, live_server, quick_settings

SMALL_TARGETS = """() => [...document.querySelectorAll("main button, main select, main summary, main input")]
    .filter((each) => each.type !== "radio")
    .filter((each) => each.checkVisibility() && !each.closest(".visually-hidden") && !each.matches(".visually-hidden"))
    .filter((each) => each.getBoundingClientRect().height < 43.9)
    .map((each) => each.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def playground(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose answers the tiny model really writes."""
    settings = quick_settings(tmp_path_factory.mktemp("playground") / "data", tiny_model_dir)
    with live_server(settings) as running:
        running.client.post("/api/v1/generate", json={"prompt": "Hi", "max_tokens": 1}, timeout=120)  # loads the model
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
    expect(page.locator("#seed")).not_to_have_value(seed)
    expect(page.locator("#announcer")).to_have_text("All 2 answers are complete.")
    assert texts(page) != first
    page.go_back()
    expect(page.locator("#seed")).to_have_value(seed)
    assert texts(page) == first
    page.reload()
    expect(page.locator("#announcer")).to_have_text("All 2 answers are complete.")
    assert texts(page) == first


FETCHES = """
const plain = globalThis.fetch;
globalThis.asked = [];
globalThis.fetch = (address, ...rest) => {
  const panes = document.querySelectorAll(".pane");
  asked.push([address, panes.length, [...panes].some((pane) => pane.querySelector(".token"))]);
  return plain(address, ...rest);
};"""


def test_nothing_comes_before_the_first_word(page: Page, playground: LiveServer) -> None:
    """The question leaves before the page is made ready, and the code below is asked for once there is an answer: the
    server computes that alone."""
    page.add_init_script(FETCHES)
    opened(page, playground, "?prompt=Hi&n=1&seed=1")
    expect(page.locator("#announcer")).to_have_text("1 answer is complete.")
    expect(page.locator("[data-code]")).to_be_attached()
    assert page.evaluate("asked") == [["/api/v1/generate", 0, False], ["/playground/code", 1, True]]


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


def test_by_touch_at_360_in_chinese_in_the_dark(browser: Browser, playground: LiveServer) -> None:
    context = browser.new_context(
        viewport={"width": 360, "height": 800}, has_touch=True, is_mobile=True, locale="zh-CN", color_scheme="dark"
    )
    context.set_default_timeout(30_000)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    opened(page, playground)
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    page.get_by_role("button", name="一段对话").tap()
    page.locator("#turn-1").fill("你好")
    page.get_by_role("button", name="加一轮").tap()
    expect(page.locator("#turn-2")).to_be_focused()
    page.locator("#turn-2").fill("你好！")
    page.get_by_role("button", name="加一轮").tap()
    page.locator("#turn-3").fill("请告诉我怎么泡茶。")
    page.get_by_role("button", name="删除 第 2 轮").tap()
    expect(page.locator("#turns li")).to_have_count(2)
    page.get_by_role("button", name="写回答").tap()
    assert len(texts(page)) == 2
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    small = page.evaluate(SMALL_TARGETS)
    assert small == []
    assert errors == []
    context.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_axe_has_nothing_to_say(page: Page, playground: LiveServer, scheme: str, width: int) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 900})
    page.add_init_script(path=AXE)
    wrong: list[str] = []

    def look(state: str) -> None:
        page.evaluate(FADED_IN)
        wrong.extend(f"{state}: {each}" for each in page.evaluate(RUN_AXE))

    opened(page, playground)
    page.locator("#settings").evaluate("(each) => { each.open = true }")
    for details in page.locator("#settings details").all():
        details.evaluate("(each) => { each.open = true }")
    check(page)
    look("nothing asked")
    page.get_by_role("button", name="A conversation").click()
    check(page)
    look("a conversation")
    page.get_by_role("button", name="One question").click()
    page.locator("#temperature").fill("7")
    page.get_by_role("button", name="Write the answers").click()
    expect(page.locator("#wrong-prompt")).to_be_visible()
    expect(page.locator("#temperature")).to_have_value("2")
    look("told what is wrong")
    page.locator("#prompt").fill("Why?")
    page.get_by_role("button", name="Write the answers").click()
    texts(page)
    page.locator("[data-code] summary").click()
    check(page)
    look("answers and code")
    assert wrong == []


def test_a_full_context_is_told_at_the_prompt_with_the_count(
    page: Page, playground: LiveServer, page_errors: list[str]
) -> None:
    opened(page, playground)
    page.locator("#prompt").fill("water " * 400)
    page.get_by_role("button", name="Write the answers").click()
    expect(page.locator("#wrong-prompt")).to_contain_text("tokens")
    expect(page.locator("#prompt")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#prompt")).to_have_value("water " * 400)
    page_errors.clear()  # the browser logs the refusal


def test_what_is_too_large_to_be_sent_is_told_in_the_page_s_language(
    page: Page, playground: LiveServer, page_errors: list[str]
) -> None:
    page.set_extra_http_headers({"Accept-Language": "zh"})
    opened(page, playground)
    page.locator("#prompt").evaluate("(field) => { field.value = 'water '.repeat(100_000) }")
    page.locator("[data-write]").click()
    expect(page.locator("#alerts")).to_contain_text("内容太大，无法发送。请缩短文字。")
    page_errors.clear()  # the browser logs the refusal


def test_the_server_gone_in_the_middle_is_told_and_the_text_stays(
    page: Page, playground: LiveServer, page_errors: list[str]
) -> None:
    opened(page, playground)
    page.route("**/api/v1/generate", lambda route: route.abort())
    page.locator("#prompt").fill("Why?")
    page.get_by_role("button", name="Write the answers").click()
    expect(page.locator("#alerts")).to_contain_text("The connection to the server is lost")
    page.unroute("**/api/v1/generate")
    page.locator("#alerts").get_by_role("button", name="Write again").click()
    assert len(texts(page)) == 2
    expect(page.locator("#alerts")).to_be_empty()
    page_errors.clear()  # the cut line


def test_what_is_too_long_for_an_address_survives_reload_and_back(
    page: Page, playground: LiveServer, page_errors: list[str]
) -> None:
    opened(page, playground)
    long = "你" * 1_000
    page.locator("#prompt").fill(long)
    page.get_by_role("button", name="Write the answers").click()
    expect(page.locator("#answers .notice")).to_contain_text("too long for an address")
    expect(page.get_by_role("button", name="Share")).to_be_hidden()
    assert len(page.url) < 8_300
    page.reload()
    expect(page.locator("#prompt")).to_have_value(long)
    page.goto(playground.url + "/train")
    with page.expect_console_message(lambda message: "422" in message.text):
        page.go_back()
    expect(page.locator("#prompt")).to_have_value(long)
    page_errors.clear()  # the tiny model has no room for it, which the browser logs


def test_escape_stops_and_the_server_stops_too(page: Page, playground: LiveServer) -> None:
    opened(page, playground, "?n=8&max_tokens=8")
    page.route("**/api/v1/generate", lambda _route: None)  # never answered
    page.locator("#prompt").fill("Why?")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.get_by_role("button", name="Stop").focus()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Write the answers")).to_be_focused()
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    expect(page.locator("#announcer")).to_have_text("Stopped. What was written stays.")
    expect(page.locator(".pane-state").first).to_have_text("Nothing was written")


def test_copied_says_so(page: Page, playground: LiveServer) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened(page, playground, "?prompt=Why%3F&seed=3&n=1")
    texts(page)
    page.get_by_role("button", name="Share").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert "seed=3" in page.evaluate("navigator.clipboard.readText()")
