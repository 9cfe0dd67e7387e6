"""The dice on the playground itself: its sliders move the bars, and branches are there again after a reload."""

from playwright.sync_api import expect

from tests.browser.dice_page import DicePage


def test_a_branch_survives_the_reload_of_its_address(dice: DicePage) -> None:
    page = dice.page
    page.goto(dice.server.url + "/playground")
    page.locator("#prompt").fill("Why is the sky blue?")
    page.locator("#n").fill("2")
    page.locator("[data-write]").click()
    expect(page.locator(".pane-text:not(.writing)")).to_have_count(2)
    answer = page.locator(".pane").nth(1)
    answer.locator("[role=option]").nth(2).click()
    dice.expect_open(2)
    page.locator("#temperature").fill("0.3")
    expect(dice.panel.locator(".dice-stages")).to_contain_text("At temperature 0.3")
    dice.take_another()
    expect(answer.get_by_role("button", name="Stop", exact=True)).to_be_hidden()
    expect(answer.locator("[data-branch]")).to_have_count(2)
    text = answer.locator(".plain").text_content()

    page.reload()
    expect(page.locator(".pane-text:not(.writing)")).to_have_count(2)
    expect(answer.locator("[data-branch]")).to_have_count(2)
    assert answer.locator(".plain").text_content() == text
    expect(page.locator(".pane").first.locator("[data-branch]:visible")).to_have_count(0)
