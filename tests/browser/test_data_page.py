"""The data page in Chromium: by keyboard, at 360 pixels, in both languages, with and without scripts, seen by axe."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.data_records import give_records, rank_by
from tests.browser.label_page import LabelPage
from tests.browser.test_accessibility import BOTH, check, seen
from tests.live import LiveServer

__all__ = ["seen"]
PARTS = ("/data", "/data/prompts", "/data/votes", "/data/groups", "/data/labelers", "/data/import", "/data/export")
BAD = b'{"prompt": "fine"}\n{"promt": "x"}\n{'
GOOD = json.dumps({"prompt": "Why?", "chosen": "So.", "rejected": "No.", "margin": 1}).encode()


@pytest.fixture(scope="module")
def ranking_id(label_server: LiveServer) -> int:
    return give_records(label_server, "somebody")


@pytest.fixture
def mine(label_page: LabelPage, ranking_id: int) -> Page:
    """The page of whoever gave the ranking."""
    del ranking_id
    page, url = label_page.page, label_page.server.url
    page.context.add_cookies([{"name": "fourfold_labeler", "value": "somebody", "url": url}])
    return page


def choose(page: Page, content: bytes) -> None:
    page.locator("#import-file").set_input_files({"name": "rows.jsonl", "mimeType": "text/plain", "buffer": content})
    page.get_by_role("button", name="Look at it").click()


@BOTH
def test_every_part_in_every_state(
    mine: Page, label_server: LiveServer, ranking_id: int, seen: Callable[[str], None], page_errors: list[str]
) -> None:
    opened = (
        f"/data/rankings/{ranking_id}",
        f"/data/rankings/{ranking_id}/change",
        "/data/votes/1",
        "/data/groups/1",
        "/data?q=zzz",
        "/data?state=all&sort=oldest",
    )
    for path in (*PARTS, *opened):
        mine.goto(label_server.url + path)
        check(mine)
        seen(path)
        wide = mine.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{path} is {wide} pixels too wide"
    for content, title in ((BAD, "2 rows are wrong."), (GOOD, "This file holds 1 ranking.")):
        mine.goto(label_server.url + "/data/import")
        choose(mine, content)
        expect(mine.get_by_text(title)).to_be_visible()
        check(mine)
        seen(title)
    page_errors.clear()  # the refused file's 422


def test_by_keyboard_a_ranking_is_withdrawn_and_put_back(mine: Page, label_server: LiveServer, ranking_id: int) -> None:
    mine.goto(label_server.url + "/data?who=mine")
    link = mine.locator(f"#ranking-{ranking_id} .record-link")
    link.focus()
    mine.keyboard.press("Enter")
    expect(mine.get_by_role("heading", name=f"Ranking {ranking_id}")).to_be_visible()
    mine.get_by_role("button", name="Withdraw it").focus()
    mine.keyboard.press("Enter")
    expect(mine.get_by_role("status").filter(has_text="was withdrawn")).to_be_focused()
    expect(mine).to_have_url(f"{label_server.url}/data/rankings/{ranking_id}")
    mine.reload()
    expect(mine.get_by_role("button", name="Let it count again")).to_be_visible()
    expect(mine.get_by_text("The ranking was withdrawn.")).to_have_count(0)
    mine.get_by_role("button", name="Let it count again").focus()
    mine.keyboard.press("Enter")
    expect(mine.get_by_text("The ranking counts again.")).to_be_visible()


def test_by_keyboard_a_ranking_is_changed(mine: Page, label_server: LiveServer) -> None:
    mine.goto(f"{label_server.url}/data/rankings/{rank_by(label_server, 'somebody')}")
    mine.get_by_role("link", name="Change it").press("Enter")
    expect(mine.locator("#order")).to_contain_text("then D. A letter begins a new order.")
    mine.keyboard.press("Enter")
    expect(mine.get_by_role("status").filter(has_text="Nothing was changed")).to_be_focused()
    mine.get_by_role("link", name="Change it").press("Enter")
    expect(mine.locator("#order")).to_contain_text("A letter begins a new order.")
    mine.keyboard.press("d")
    expect(mine.locator("#order")).to_contain_text("A, B, C left")
    expect(mine.locator("#announcer")).to_contain_text("A new order begins: D 1st.")
    mine.keyboard.press("Backspace")
    expect(mine.locator("#order")).to_contain_text("A letter begins a new order.")
    mine.keyboard.press("d")
    mine.reload()
    expect(mine.locator("#answer-D")).to_have_attribute("data-rank", "1")  # what was begun is there again
    mine.get_by_role("link", name="Leave it as it is").press("Enter")
    expect(mine.get_by_text("withdrawn", exact=True)).to_have_count(0)
    mine.get_by_role("link", name="Change it").press("Enter")
    expect(mine.locator("#order")).to_contain_text("A letter begins a new order.")  # and not where it was left alone
    for key in ("d", "c", "b", "Enter"):
        mine.keyboard.press(key)
    expect(mine.get_by_role("status").filter(has_text="This is the ranking that counts now.")).to_be_focused()
    expect(mine.locator(".record-verdict")).to_contain_text("D › C › B › A")
    mine.get_by_role("link", name="Change it").press("Enter")
    expect(mine.locator("#order")).to_contain_text("D › C › B › A")  # and no draft of before


def test_by_keyboard_a_ranking_is_tagged_and_found_again(mine: Page, label_server: LiveServer, ranking_id: int) -> None:
    mine.set_viewport_size({"width": 360, "height": 740})
    mine.goto(f"{label_server.url}/data/rankings/{ranking_id}")
    mine.get_by_label("A tag of your own").fill("to look at again " * 2)
    mine.keyboard.press("Enter")
    expect(mine.get_by_text("The tag was added.")).to_be_visible()
    mine.goto(f"{label_server.url}/data?sort=oldest")
    mine.get_by_label("Tag", exact=True).select_option(index=1)
    mine.get_by_role("button", name="Show", exact=True).click()
    expect(mine.locator(f"#ranking-{ranking_id} .tag")).to_have_text("to look at again to look at again")
    assert mine.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing lies beside the page"
    mine.goto(f"{label_server.url}/data/rankings/{ranking_id}")
    mine.get_by_role("button", name="Take the tag to look").press("Enter")
    expect(mine.get_by_text("The tag was taken away.")).to_be_visible()


def test_targets_are_as_large_as_a_finger(mine: Page, label_server: LiveServer) -> None:
    mine.set_viewport_size({"width": 360, "height": 780})
    for path in PARTS:
        mine.goto(label_server.url + path)
        small = mine.evaluate(
            """() => [...document.querySelectorAll("main :is(.tabs a, .button, select, input, summary)")]
                .filter((each) => each.checkVisibility() && !["checkbox", "hidden"].includes(each.type))
                .map((each) => [each.outerHTML.slice(0, 80), each.getBoundingClientRect().height])
                .filter(([, height]) => height < 43.5)"""
        )
        assert small == [], path


def test_a_filter_stays_in_the_address_and_on_the_way_back(mine: Page, label_server: LiveServer) -> None:
    mine.goto(label_server.url + "/data")
    mine.get_by_label("Words in the prompt, comment or tags").fill("nobody wrote this")
    mine.get_by_role("button", name="Show", exact=True).click()
    expect(mine.get_by_text("No ranking is like that.")).to_be_visible()
    assert "q=nobody+wrote+this" in mine.url
    mine.reload()
    expect(mine.get_by_label("Words in the prompt, comment or tags")).to_have_value("nobody wrote this")
    mine.get_by_role("link", name="Show all").click()
    expect(mine.locator(".record").first).to_be_visible()
    mine.go_back()
    expect(mine.get_by_text("No ranking is like that.")).to_be_visible()


@pytest.mark.usefixtures("ranking_id")
def test_without_scripts_and_in_chinese_a_file_is_looked_at_and_imported(
    browser: Browser, label_server: LiveServer, tmp_path: Path
) -> None:
    context = browser.new_context(java_script_enabled=False, locale="zh-CN", viewport={"width": 360, "height": 780})
    page = context.new_page()
    page.goto(label_server.url + "/data/import")
    file = tmp_path / "rows.jsonl"
    file.write_bytes(json.dumps({"prompt": "没有脚本也行吗？"}).encode())
    page.locator("#import-file").set_input_files(file)
    page.get_by_role("button", name="查看内容").click()
    expect(page.get_by_text("这个文件包含 1 个提示。")).to_be_visible()
    page.get_by_role("button", name="导入", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="1")).to_be_visible()
    page.get_by_role("link", name="提示").first.click()
    page.locator("#search-words").fill("没有脚本")
    page.get_by_role("button", name="搜索").click()
    expect(page.get_by_text("没有脚本也行吗？")).to_be_visible()
    context.close()


def test_what_was_done_is_told_once(label_page: LabelPage) -> None:
    page, url = label_page.page, label_page.server.url
    page.goto(f"{url}/data/prompts?done=added&q=a")
    expect(page).to_have_url(f"{url}/data/prompts?q=a")
