"""Learn in a real browser: each chapter in both languages, light and dark, at 1280 and 360, without scripts, by keys
and by touch; what a form computes stays in the address."""

import json
import math
import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from app.layout import PROMPT_MAP
from app.lm.inference.engine import LocalEngine
from app.web.learn import CHAPTERS
from tests.browser.conftest import PATIENT_MS
from tests.browser.test_accessibility import AXE, RUN_AXE
from tests.live import LiveServer

PATHS = [line.chapter.path for line in CHAPTERS]
MOST_BYTES = 160_000


@pytest.fixture(params=[("en", "light", 1280), ("zh-CN", "dark", 360)], ids=["english", "chinese"])
def reader(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    locale, scheme, width = request.param
    context = browser.new_context(
        locale=locale, color_scheme=scheme, reduced_motion="reduce", viewport={"width": width, "height": 740}
    )
    context.set_default_timeout(PATIENT_MS)
    page = context.new_page()
    page.add_init_script(path=AXE)
    yield page
    context.close()


def asked(page: Page, name: str) -> str:
    return parse_qs(urlsplit(page.url).query).get(name, [""])[0]


def test_every_chapter_is_sound_and_its_piece_in_the_first_view(reader: Page, real_server: LiveServer) -> None:
    wrong: list[str] = []
    for path in PATHS:
        reader.goto(real_server.url + path)
        wrong += [f"{path}: {each}" for each in reader.evaluate(RUN_AXE)]
        wide = reader.evaluate("document.documentElement.scrollWidth - innerWidth")
        top = reader.locator("#piece").evaluate("piece => piece.getBoundingClientRect().top")
        if wide > 0 or top > 400:
            wrong.append(f"{path}: {wide} pixels too wide, its piece begins at {top}")
    assert wrong == []


def test_a_chapter_is_light(page: Page, real_server: LiveServer) -> None:
    answers = list[Response]()
    page.on("response", lambda answer: answers.append(answer))
    for path in ("/learn/kinds", "/learn/attention"):
        answers.clear()
        page.goto(real_server.url + path, wait_until="load")
        assert sum(answer.request.sizes()["responseBodySize"] for answer in answers) < MOST_BYTES


def test_a_form_computes_in_place_and_the_address_keeps_it(page: Page, real_server: LiveServer) -> None:
    page.goto(real_server.url + "/learn/tokens")
    box = page.get_by_label("Text", exact=True)
    box.fill("wash hands")
    page.get_by_role("button", name="Cut").click()
    expect(page.locator(".token-cuts")).to_contain_text("w")
    expect(page).to_have_url(re.compile("text=wash"))
    expect(page.locator("#announcer")).to_contain_text("tokens")
    expect(box).to_have_value("wash hands")
    page.reload()
    expect(box).to_have_value("wash hands")
    assert asked(page, "text") == "wash hands"


def test_the_slider_shows_all_three_by_keys(page: Page, real_server: LiveServer) -> None:
    page.goto(real_server.url + "/learn/fit")
    slider = page.get_by_role("slider")
    slider.focus()
    page.keyboard.press("Home")
    expect(page.locator(".state")).to_contain_text("Underfit")
    expect(slider).to_be_focused()
    page.keyboard.press("End")
    expect(page.locator(".state")).to_contain_text("Overfit")
    page.goto(real_server.url + "/learn/fit?at=1")
    seen = set[str]()
    slider.focus()
    for _ in range(int(slider.get_attribute("max") or 0)):
        page.keyboard.press("ArrowRight")
        at = slider.input_value()
        expect(page).to_have_url(re.compile(f"at={at}$"))
        seen.add(page.locator(".state").inner_text().split(":")[0])
    assert seen >= {"Underfit", "Best fit", "Overfit"}


def test_a_token_joins_the_text_and_the_roll_is_another(page: Page, real_server: LiveServer) -> None:
    page.goto(real_server.url + "/learn/function?text=wash")
    page.locator("a.bar-token").first.click()
    page.wait_for_load_state()
    assert len(asked(page, "text")) > len("wash")
    page.goto(real_server.url + "/learn/dice")
    page.get_by_role("button", name="Roll", exact=True).click()
    expect(page).to_have_url(re.compile("seed=2"))
    page.get_by_label("Temperature").fill("0")
    expect(page).to_have_url(re.compile("temperature=0"))
    expect(page.locator(".field output").first).to_have_text("0.0")


def test_a_piece_comes_behind_the_page_where_the_model_is_not_open(
    browser: Browser, page: Page, real_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself, in place and told; without scripts behind a link."""
    monkeypatch.setattr(LocalEngine, "is_loaded", lambda *_: False)
    page.goto(real_server.url + "/learn/dice")
    expect(page.locator(".written")).to_be_visible()
    expect(page.locator("#announcer")).not_to_be_empty()
    expect(page.locator("[data-next-seed]")).to_have_attribute("value", "2")
    assert page.url.endswith("/learn/dice")
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(PATIENT_MS)
    plain = context.new_page()
    plain.goto(real_server.url + "/learn/dice?seed=7")
    expect(plain.locator(".written")).to_have_count(0)
    plain.get_by_role("link", name="Show it").click()
    expect(plain.locator(".written")).to_be_visible()
    assert asked(plain, "seed") == "7"
    context.close()


def loneliest_point() -> int:
    """The one furthest from its nearest neighbour, which no finger takes for another."""
    points = [(each["x"], each["y"]) for each in json.loads(PROMPT_MAP.read_text("utf-8"))["points"]]
    apart = [min(math.dist(one, other) for other in points if other is not one) for one in points]
    return apart.index(max(apart))


def test_the_map_is_touched_and_read(browser: Browser, real_server: LiveServer) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    context.set_default_timeout(PATIENT_MS)
    page = context.new_page()
    page.goto(real_server.url + "/learn/kinds")
    lonely = loneliest_point()
    point = page.locator(".point").nth(lonely)
    point.scroll_into_view_if_needed()
    place = point.bounding_box()
    assert place is not None
    page.touchscreen.tap(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    page.wait_for_url(f"**/learn/kinds?point={lonely}")
    expect(page.locator(".chosen")).to_have_count(1)
    page.locator(".neighbours a").first.tap()
    expect(page).not_to_have_url(re.compile(f"point={lonely}$"))
    context.close()


def test_contents_and_the_way_on_at_360(browser: Browser, real_server: LiveServer) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    context.set_default_timeout(PATIENT_MS)
    page = context.new_page()
    page.goto(real_server.url + "/learn")
    page.locator(".chapter-menu summary").tap()
    page.get_by_role("navigation", name="All chapters").get_by_role("link", name="Attention").tap()
    page.wait_for_url("**/learn/attention")
    page.locator(".token-link").first.tap()
    page.wait_for_url("**token=0*")
    expect(page.locator(".reads-table tbody tr")).to_have_count(1)
    page.locator("[rel=next]").tap()
    page.wait_for_url("**/learn/pretraining")
    context.close()


def test_without_scripts(browser: Browser, real_server: LiveServer) -> None:
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(PATIENT_MS)
    page = context.new_page()
    page.goto(real_server.url + "/learn/order")
    page.get_by_label("Place of D").select_option("1")
    page.get_by_role("button", name="Show what it says").click()
    expect(page.locator(".pairs-said")).to_contain_text("A and D are alike")
    page.goto(real_server.url + "/learn/fit")
    page.get_by_role("slider").fill("1")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".state")).to_contain_text("Underfit")
    for path in PATHS:
        page.goto(real_server.url + path)
        expect(page.locator("h1")).to_be_visible()
    context.close()
