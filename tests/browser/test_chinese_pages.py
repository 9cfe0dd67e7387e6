"""The pages as a Chinese browser gets them: 1280 pixels in the light, 360 in the dark, and the switch to English."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PATIENT_MS
from tests.browser.test_accessibility import AXE, FADED_IN, RUN_AXE, training_states
from tests.live import LiveServer

PATHS = (
    "/",
    "/train?said=runs_already&kind=train_policy",
    "/train/runs/succeeded",
    "/train/start?kind=train_policy&preset=shorter",
    "/versions/1",
    "/versions/prune",
    "/data",
    "/data/prompts",
    "/nowhere",
)


@pytest.fixture(params=[("light", 1280), ("dark", 360)], ids=["light", "dark"])
def chinese(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    scheme, width = request.param
    context = browser.new_context(
        locale="zh-CN", color_scheme=scheme, reduced_motion="reduce", viewport={"width": width, "height": 900}
    )
    context.set_default_timeout(PATIENT_MS)
    page = context.new_page()
    page.add_init_script(path=AXE)
    yield page
    context.close()


def test_every_page_is_chinese_and_sound(chinese: Page, label_server: LiveServer) -> None:
    made = training_states(label_server)
    wrong: list[str] = []
    for path in (*PATHS, f"/versions/{made}", f"/versions/{made + 1}"):
        chinese.goto(label_server.url + path)
        expect(chinese.locator("html")).to_have_attribute("lang", "zh")
        expect(chinese.locator(".site-nav")).to_contain_text("训练")
        chinese.evaluate(FADED_IN)
        wrong += [f"{path}: {each}" for each in chinese.evaluate(RUN_AXE)]
        assert chinese.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
    assert wrong == []


def test_the_switch_comes_back_to_the_page_and_is_remembered(chinese: Page, label_server: LiveServer) -> None:
    chinese.goto(label_server.url + "/data/prompts?show=archived")
    chinese.get_by_role("button", name="English").click()
    expect(chinese.locator("html")).to_have_attribute("lang", "en")
    assert chinese.url == label_server.url + "/data/prompts?show=archived"
    chinese.goto(label_server.url + "/train")
    expect(chinese.locator("h1")).to_have_text("Training")
