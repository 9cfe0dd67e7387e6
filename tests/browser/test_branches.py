"""Branches of an answer, and rolling by hand, in a real browser: each is what a run at once gives."""

from playwright.sync_api import expect

from tests.browser.dice_page import DicePage


def test_another_token_branches_as_a_fresh_run_does(dice: DicePage) -> None:
    dice.open()
    ids = dice.ids()
    dice.look(4)
    row = next(at for at in range(3) if dice.rows.nth(at).get_attribute("data-id") != str(ids[4]))
    taken = dice.take(row)
    dice.expect_written()
    fresh = dice.generated(continue_from=[*ids[:4], taken])
    assert dice.shown_text() == fresh["text"]
    dice.expect_open(4)
    expect(dice.sentence).to_contain_text("You took it.")
    expect(dice.panel.get_by_role("heading")).to_contain_text(f"Token 5 of {len(fresh['token_ids'])}")
    expect(dice.branches).to_have_count(2)
    expect(dice.branches.nth(1)).to_contain_text("instead of")
    # a branch of the branch
    dice.look(6)
    second = dice.take_another()
    dice.expect_written()
    assert dice.shown_text() == dice.generated(continue_from=[*fresh["token_ids"][:6], second])["text"]
    expect(dice.page.locator(".branch-tree ul ul [data-branch]")).to_have_count(1)
    text = dice.shown_text()

    dice.page.reload()
    dice.show()
    expect(dice.branches).to_have_count(3)
    assert dice.shown_text() == text
    dice.branches.first.click()
    assert dice.shown_text() == dice.generated()["text"]
    expect(dice.branches.first).to_have_attribute("aria-current", "true")
    dice.branches.nth(1).click()
    dice.page.get_by_role("button", name="Remove this branch").first.click()
    expect(dice.page.locator(".branches")).to_be_hidden()
    assert dice.shown_text() == dice.generated()["text"]


def test_the_tree_is_walked_by_arrow_keys(dice: DicePage) -> None:
    dice.open()
    dice.look(2)
    dice.take_another()
    dice.expect_written()
    dice.branches.first.focus()
    dice.page.keyboard.press("ArrowDown")
    expect(dice.branches.nth(1)).to_be_focused()
    dice.page.keyboard.press("Home")
    dice.page.keyboard.press("Enter")
    expect(dice.branches.first).to_have_attribute("aria-current", "true")
    expect(dice.branches.first).to_be_focused()


def test_rolled_by_hand_it_is_the_same_text(dice: DicePage) -> None:
    dice.open()
    whole = dice.generated()
    dice.page.get_by_role("button", name="Roll by hand").click()
    expect(dice.panel.get_by_role("heading")).to_contain_text("not rolled yet")
    expect(dice.rows.first).to_be_visible()
    assert dice.panel.locator(".dice-mark").count() == 0
    roll = dice.page.get_by_role("button", name="Roll", exact=True)
    expect(roll).to_be_focused()
    for index in range(3):
        dice.page.keyboard.press("Enter")
        dice.expect_open(index)
        expect(roll).not_to_have_attribute("aria-disabled", "true")
        expect(dice.tokens).to_have_count(index + 1)
        expect(dice.panel.locator(".die")).to_have_text(f"{int(whole['uniforms'][index] * 1e4) / 1e4:.4f}")
    expect(roll).to_be_focused()
    dice.page.get_by_role("button", name="Let the rest be rolled").click()
    dice.expect_written()
    expect(dice.tokens).to_have_count(len(whole["token_ids"]))
    assert dice.shown_text() == whole["text"]
    expect(roll).to_be_hidden()


def test_rolled_to_the_end_by_hand_it_ends_where_the_answer_did(dice: DicePage) -> None:
    dice.open(max_tokens=3)
    dice.look(1)
    dice.page.get_by_role("button", name="Roll by hand from here").click()
    roll = dice.page.get_by_role("button", name="Roll", exact=True)
    for _ in range(2):
        expect(roll).not_to_have_attribute("aria-disabled", "true")
        roll.click()
    expect(dice.tokens).to_have_count(3)
    expect(roll).to_be_hidden()
    assert dice.shown_text() == dice.generated()["text"]


def test_the_dice_tumble_unless_the_reader_wants_rest(dice: DicePage) -> None:
    dice.open()
    dice.page.emulate_media(reduced_motion="no-preference")
    dice.page.get_by_role("button", name="Roll by hand").click()
    dice.page.evaluate("""() => {
        window.tumbled = false;
        new MutationObserver(() => (window.tumbled ||= document.querySelector(".tumbling") !== null))
            .observe(document.body, { childList: true, subtree: true });
    }""")
    dice.page.get_by_role("button", name="Roll", exact=True).click()
    dice.expect_open(0)
    assert dice.page.evaluate("window.tumbled")
    expect(dice.panel.locator(".die")).to_have_text(f"{int(dice.uniform(0) * 1e4) / 1e4:.4f}")


def test_another_token_can_be_taken_while_a_branch_is_written(dice: DicePage) -> None:
    dice.open()
    ids = dice.ids()
    dice.look(3)
    dice.page.route("**/api/v1/generate", lambda _route: None)  # it is never answered
    dice.take(9 if dice.rows.nth(9).locator("button").count() else 10)
    expect(dice.page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    dice.branches.first.click()
    dice.page.unroute("**/api/v1/generate")
    dice.look(3)
    taken = dice.take_another()
    dice.expect_written()
    assert dice.shown_text() == dice.generated(continue_from=[*ids[:3], taken])["text"]
    # the one that was left can be written still
    dice.branches.nth(1).click()
    dice.page.get_by_role("button", name="Let the rest be rolled").click()
    dice.expect_written()
    expect(dice.tokens).to_have_count(12)
