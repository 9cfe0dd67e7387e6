"""The dice on the playground itself: they move no answer, follow its sliders, and are there again after a reload."""

from playwright.sync_api import Locator, expect

from tests.browser.dice_page import DicePage
from tests.browser.test_accessibility import AXE, FADED_IN, RUN_AXE


def places(page_part: Locator) -> list[float]:
    """Where panes begin on the page, however far it is scrolled."""
    ys: list[float] = page_part.evaluate_all(
        "(panes) => panes.flatMap((pane) => [pane.getBoundingClientRect().x, pane.getBoundingClientRect().y + scrollY])"
    )
    return ys


def test_a_branch_survives_the_reload_of_its_address(dice: DicePage) -> None:
    page = dice.page
    page.add_init_script(path=AXE)
    page.goto(dice.server.url + "/playground")
    page.locator("#prompt").fill("Why is the sky blue?")
    page.locator("#n").fill("4")
    page.locator("[data-write]").click()
    expect(page.locator(".pane-text:not(.writing)")).to_have_count(4)
    answer = page.locator(".pane").nth(1)
    before = places(page.locator(".pane"))
    answer.locator("[role=option]").nth(2).click()
    dice.expect_open(2)
    assert places(page.locator(".pane")) == before, "no answer moves"
    token = answer.locator("[role=option]").nth(2).bounding_box()
    sheet = dice.panel.bounding_box()
    assert token is not None
    assert sheet is not None
    assert 0 <= token["y"] <= sheet["y"] - token["height"], "the token is in sight"
    page.locator("#temperature").fill("0.3")
    expect(dice.panel.locator(".dice-stages")).to_contain_text("At temperature 0.3")
    dice.take_another()
    expect(answer.get_by_role("button", name="Stop", exact=True)).to_be_hidden()
    expect(answer.locator("[data-branch]")).to_have_count(2)
    text = answer.locator(".plain").text_content()

    page.evaluate(FADED_IN)
    assert page.evaluate(RUN_AXE) == []
    assert page.url.endswith("#dice=1.2.3")
    page.reload()
    dice.expect_open(2)
    expect(page.locator(".pane-text:not(.writing)")).to_have_count(4)
    expect(answer.locator("[data-branch]")).to_have_count(2)
    assert answer.locator(".plain").text_content() == text
    expect(page.locator(".pane").first.locator("[data-branch]:visible")).to_have_count(0)

    page.locator(".pane").nth(2).locator("[role=option]").nth(1).click()
    dice.expect_open(1)
    expect(page.locator(".dice")).to_have_count(1)
    expect(page.locator("[role=option][aria-selected=true]")).to_have_count(1)
    address = page.url
    assert address.endswith("#dice=1.3.2")
    page.keyboard.press("Escape")
    expect(page.locator(".pane").nth(2).locator("[role=option]").nth(1)).to_be_focused()
    assert "#" not in page.url
    page.goto("about:blank")
    page.goto(address)
    dice.expect_open(1)


HOLD_THE_END = """() => {
    const fetched = window.fetch;
    window.fetch = async (url, options) => {
        const response = await fetched(url, options);
        if (!String(url).endsWith("/api/v1/generate")) return response;
        const text = await response.text();
        const end = text.indexOf("event: end");
        const body = new ReadableStream({
            async start(controller) {
                const encoder = new TextEncoder();
                controller.enqueue(encoder.encode(text.slice(0, end)));
                await new Promise((resolve) => { window.letEnd = resolve; });
                controller.enqueue(encoder.encode(text.slice(end)));
                controller.close();
            },
        });
        return new Response(body, { status: response.status, headers: response.headers });
    };
}"""
ASKED = "/playground?prompt=Why+is+the+sky+blue%3F&version=1&n=2&seed=5&max_tokens=12"


def test_a_link_to_another_token_of_the_page_opens_its_dice_and_back_those_before(dice: DicePage) -> None:
    page = dice.page
    page.goto(dice.server.url + ASKED + "#dice=1.1.2")
    dice.expect_open(1)
    page.evaluate("location.hash = '#dice=1.2.4'")
    dice.expect_open(3)
    assert page.url.endswith("#dice=1.2.4")
    page.go_back()
    dice.expect_open(1)
    expect(page.locator(".pane").first.locator("[role=option]").nth(1)).to_have_attribute("aria-selected", "true")
    page.go_forward()
    dice.expect_open(3)
    page.reload()
    dice.expect_open(3)


def test_whoever_looks_at_another_token_meanwhile_is_not_led_away(dice: DicePage) -> None:
    page = dice.page
    page.add_init_script(f"({HOLD_THE_END})()")
    page.goto(dice.server.url + ASKED + "#dice=1.2.4")
    page.locator(".pane").first.locator("[role=option]").nth(1).click()
    dice.expect_open(1)
    page.evaluate("letEnd()")
    expect(page.locator("#playground-form [data-stop]")).to_be_hidden()
    assert page.url.endswith("#dice=1.1.2")
    dice.expect_open(1)


def test_a_linked_token_is_in_sight_on_a_small_page(dice: DicePage) -> None:
    page = dice.page
    page.set_viewport_size({"width": 360, "height": 640})
    page.goto(dice.server.url + ASKED + "#dice=1.2.4")
    dice.expect_open(3)
    token = page.locator("[role=option][aria-selected=true]").bounding_box()
    sheet = dice.panel.bounding_box()
    assert token is not None
    assert sheet is not None
    assert 0 <= token["y"] <= min(640.0, sheet["y"]) - token["height"]


def test_the_focus_stays_at_the_button_that_writes_again(dice: DicePage) -> None:
    page = dice.page
    page.goto(dice.server.url + ASKED)
    expect(page.locator(".pane-text:not(.writing)")).to_have_count(2)
    for name in ("Again, new seed", "Same again"):
        page.get_by_role("button", name=name).focus()
        page.keyboard.press("Enter")
        expect(page.locator(".pane-text:not(.writing)")).to_have_count(2)
        expect(page.get_by_role("button", name=name)).to_be_focused()
