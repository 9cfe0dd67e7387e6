"""Ranking on the label page in a real browser: by keys, by buttons, by dragging; ties, skip, undo, double clicks."""

import re

from playwright.sync_api import Page, Request, expect

from app.db.models.groups import SkipReason
from tests.browser.label_page import LabelPage

SAVED_WORDS = re.compile(r"A, then B, then C, then D was saved\. [\d,]+ more until the reward model learns\.")
FIVE_KEYS = [
    ("b d a Enter", {"B": 1, "D": 2, "A": 3, "C": 4}),
    ("1 3 4 2 Enter", {"A": 1, "C": 2, "D": 3, "B": 4}),
    ("a = c d Enter", {"A": 1, "C": 1, "D": 3, "B": 4}),
    ("a Shift+B c Shift+D Enter", {"A": 1, "B": 1, "C": 3, "D": 3}),
    ("2 Shift+Digit1 3 Enter", {"B": 1, "A": 1, "C": 3, "D": 4}),
]

SENDS = """() => !document.activeElement.dispatchEvent(
  new KeyboardEvent("keydown", { key: "Enter", code: "Enter", bubbles: true, cancelable: true }))"""
"""Presses Enter where the focus is: whether the page took it."""


def test_whole_rankings_in_at_most_five_keystrokes(label_page: LabelPage) -> None:
    label_page.open()
    for keys, expected in FIVE_KEYS:
        group_id = label_page.group_id()
        label_page.press(*keys.split(" "))
        label_page.expect_next_card(group_id)
        ranking = label_page.rankings()[-1]
        assert ranking.group_id == group_id
        assert label_page.by_letter(ranking) == expected
        assert ranking.duration_ms is not None
        assert ranking.duration_ms < 60_000
    assert len(label_page.rankings()) == len(FIVE_KEYS)


def test_the_next_card_gets_the_focus_and_is_announced(label_page: LabelPage) -> None:
    group_id = label_page.open().group_id()
    label_page.press("a", "b", "c", "Enter")
    label_page.expect_next_card(group_id)
    expect(label_page.page.locator("#card-heading")).to_be_focused()
    expect(label_page.page.locator("#announcer")).to_have_text(SAVED_WORDS)
    assert label_page.page.evaluate("performance.getEntriesByType('navigation').length") == 1
    second = label_page.group_id()
    label_page.press("d", "c", "b", "Enter")  # the keys work at once
    label_page.expect_next_card(second)
    assert len(label_page.rankings()) == 2


def test_steps_back_and_clearing(label_page: LabelPage) -> None:
    label_page.open().press("a", "b", "c")
    assert label_page.marks() == {"A": "1st", "B": "2nd", "C": "3rd", "D": "4th"}
    label_page.press("Backspace")
    assert label_page.marks() == {"A": "1st", "B": "2nd", "C": "not ranked", "D": "not ranked"}
    label_page.press("=", "d")
    assert label_page.marks() == {"A": "1st", "B": "tied 2nd", "C": "4th", "D": "tied 2nd"}
    expect(label_page.page.locator("#order")).to_contain_text("A › B = D › C")
    label_page.press("Escape")
    assert set(label_page.marks().values()) == {"not ranked"}
    assert label_page.rankings() == []


def test_ranking_by_buttons_with_ties_and_a_comment(label_page: LabelPage) -> None:
    group_id = label_page.open().group_id()
    for letter, rank in (("A", "2nd"), ("B", "1st"), ("C", "2nd"), ("D", "4th")):
        label_page.choose(letter, rank)
    assert label_page.marks() == {"A": "tied 2nd", "B": "1st", "C": "tied 2nd", "D": "4th"}
    label_page.press("m")
    label_page.page.keyboard.type("A und C sind gleich 好")  # letters are text here, not picks
    label_page.page.get_by_role("button", name="Submit ranking").click()
    label_page.expect_next_card(group_id)
    [ranking] = label_page.rankings()
    assert label_page.by_letter(ranking) == {"B": 1, "A": 2, "C": 2, "D": 4}
    assert ranking.comment == "A und C sind gleich 好"


def test_rank_buttons_that_leave_a_gap_keep_their_order(label_page: LabelPage) -> None:
    group_id = label_page.open().group_id()
    for letter, rank in (("A", "2nd"), ("B", "3rd"), ("C", "4th"), ("D", "4th")):
        label_page.choose(letter, rank)
    label_page.press("Enter")
    label_page.expect_next_card(group_id)
    assert label_page.by_letter(label_page.rankings()[0]) == {"A": 1, "B": 2, "C": 3, "D": 3}


def drag(page: Page, letter: str, onto: str) -> None:
    source = page.locator(f'[data-letter="{letter}"] .handle').bounding_box()
    target = page.locator(f'[data-letter="{onto}"]').bounding_box()
    assert source is not None
    assert target is not None
    page.mouse.move(source["x"] + source["width"] / 2, source["y"] + source["height"] / 2)
    page.mouse.down()
    page.mouse.move(target["x"] + target["width"] / 2, target["y"] + target["height"] / 2, steps=12)
    page.mouse.move(target["x"] + 20, target["y"] + 20, steps=6)
    page.mouse.up()


def test_ranking_by_dragging(label_page: LabelPage) -> None:
    label_page.page.set_viewport_size({"width": 1280, "height": 1400})  # both answers are in sight
    group_id = label_page.open().group_id()
    drag(label_page.page, "C", "A")
    expect(label_page.answer("C").locator("[data-rank-text]")).to_have_text("1st")
    order = label_page.page.locator("#answers > li.is-there").evaluate_all(
        "items => items.map((item) => item.dataset.letter)"
    )
    label_page.press("Enter")
    label_page.expect_next_card(group_id)
    assert order[0] == "C"
    ranks = label_page.by_letter(label_page.rankings()[0])
    assert [ranks[letter] for letter in order] == [1, 2, 3, 4]


def test_the_drag_handle_has_a_keyboard_way(label_page: LabelPage) -> None:
    label_page.open().answer("D").locator(".handle").focus()
    label_page.press("ArrowUp", "ArrowUp", "ArrowUp")
    expect(label_page.answer("D").locator(".handle")).to_be_focused()
    assert label_page.marks() == {"D": "1st", "A": "2nd", "B": "3rd", "C": "4th"}


def test_arrows_walk_and_space_picks(label_page: LabelPage) -> None:
    label_page.open().press("ArrowLeft", " ", "ArrowLeft", " ")
    assert label_page.marks() == {"D": "1st", "C": "2nd", "A": "not ranked", "B": "not ranked"}


def test_an_untouched_order_is_never_submitted(label_page: LabelPage) -> None:
    group_id = label_page.open().group_id()
    button = label_page.page.get_by_role("button", name="Submit ranking")
    expect(button).to_have_attribute("aria-disabled", "true")
    button.click(force=True)  # it explains itself instead of being dead
    expect(label_page.page.locator("#order")).to_contain_text("Nothing is ranked yet")
    label_page.press("a", "Enter")
    expect(label_page.page.locator("#order")).to_contain_text("Still without a rank: B, C, D")
    assert label_page.rankings() == []
    assert label_page.group_id() == group_id


def test_skip_by_keys_and_by_mouse(label_page: LabelPage) -> None:
    first = label_page.open().group_id()
    label_page.press("s", "2")
    label_page.expect_next_card(first)
    expect(label_page.page.locator("#announcer")).to_have_text("The prompt was skipped.")
    second = label_page.group_id()
    label_page.page.locator("#skip > summary").click()
    label_page.page.get_by_role("button", name="All four are bad").click()
    label_page.expect_next_card(second)
    assert [skip.reason for skip in label_page.skips()] == [SkipReason.UNSAFE, SkipReason.ALL_BAD]
    assert label_page.status_of(first) == "skipped"


def test_a_second_press_of_enter_on_undo_does_not_send_the_ranking_again(label_page: LabelPage) -> None:
    page, first = label_page.page, label_page.open().group_id()
    label_page.press("a", "b", "c", "Enter")
    label_page.expect_next_card(first)
    second = label_page.group_id()
    page.clock.set_fixed_time(1_000)
    page.locator("#undo").focus()
    page.keyboard.press("Enter")
    label_page.expect_next_card(second)
    expect(page.locator("#card-heading")).to_be_focused()
    assert label_page.group_id() == first
    assert not page.evaluate(SENDS), "it was meant for the button"
    page.clock.set_fixed_time(3_000)
    assert page.evaluate(SENDS)
    label_page.expect_next_card(first)


def test_undo_brings_the_card_back_with_its_ranks(label_page: LabelPage) -> None:
    first = label_page.open().group_id()
    label_page.press("c", "=", "a", "d", "Enter")
    label_page.expect_next_card(first)
    second = label_page.group_id()
    label_page.press("u")
    label_page.expect_next_card(second)
    assert label_page.group_id() == first
    assert label_page.marks() == {"C": "tied 1st", "A": "tied 1st", "D": "3rd", "B": "4th"}
    label_page.page.reload()
    assert label_page.group_id() == first
    assert label_page.marks()["D"] == "3rd"
    label_page.choose("D", "1st")
    label_page.press("Enter")
    label_page.expect_next_card(first)
    assert label_page.group_id() == second  # the card that was open before is not lost
    withdrawn, standing = label_page.rankings()
    assert withdrawn.withdrawn_at is not None
    assert label_page.by_letter(standing) == {"C": 1, "A": 1, "D": 1, "B": 4}


def test_a_double_click_saves_one_ranking(label_page: LabelPage) -> None:
    group_id = label_page.open().group_id()
    label_page.press("a", "b", "c")
    sent: list[Request] = []
    label_page.page.on("request", lambda request: sent.append(request))
    label_page.page.locator("#submit-ranking").dblclick()
    label_page.expect_next_card(group_id)
    posts = [request for request in sent if request.method == "POST"]
    assert posts
    for request in posts:  # the second click's too, had it sent one
        request.response()
    assert len(label_page.rankings()) == 1


def test_the_help_opens_and_switches_the_keys_off(label_page: LabelPage) -> None:
    label_page.open().press("?")
    dialog = label_page.page.get_by_role("dialog", name="Keys")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Single-key shortcuts are on").uncheck()
    dialog.get_by_role("button", name="Close").click()
    label_page.press("a", "b")
    assert set(label_page.marks().values()) == {"not ranked"}
    label_page.page.reload()
    label_page.press("a")
    assert set(label_page.marks().values()) == {"not ranked"}


def test_nothing_tells_which_model_wrote(label_page: LabelPage) -> None:
    html = label_page.open().page.locator("#card").inner_html()
    assert "version" not in html.lower()
    assert "sft" not in html.lower()


def test_hostile_text_stays_text(label_page: LabelPage) -> None:
    label_page.open()
    expect(label_page.page.locator(".answer-text", has_text="<script>document.title")).to_be_visible()
    assert label_page.page.locator(".answer-text script, .answer-text img, .answer-text b").count() == 0
    assert label_page.page.title() == "Label · Fourfold"
    listed = label_page.page.locator(".answer-text", has_text="Here is a list").inner_text()
    assert listed.splitlines()[:3] == ["Here is a list:", "- sleep well", "- drink water"]
