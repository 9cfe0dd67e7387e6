"""A server with a token, in a browser: signing in, and what happens to a page that is open when the session ends."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from app.db.models.rankings import Ranking
from app.web.access import COOKIE
from tests.browser.label_page import WritingEngine
from tests.live import LiveServer, live_server, quick_settings

TOKEN = "correct-horse-battery"


@pytest.fixture(scope="module")
def guarded(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("guarded") / "data"
    settings = quick_settings(folder, tiny_model_dir, ready_groups=3, token=TOKEN)
    with live_server(settings, lambda _settings, _directory: WritingEngine()) as running:
        yield running


def sign_in(page: Page, token: str = TOKEN) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()


def test_a_session_that_ends_loses_nothing(page: Page, page_errors: list[str], guarded: LiveServer) -> None:
    page.goto(f"{guarded.url}/")
    expect(page).to_have_title("Sign in · Fourfold")
    expect(page.get_by_label("Token")).to_be_focused()
    sign_in(page, "wrong-wrong-wrong-wrong")
    expect(page.get_by_role("alert").filter(has_text="This is not the token")).to_be_visible()
    page_errors.clear()  # the browser notes the 403
    sign_in(page)
    expect(page.locator("#ranking-form")).to_be_visible()
    assert re.fullmatch(rf"{guarded.url}/", page.url)
    page.wait_for_load_state("load")  # who came by a form is seen before the keys work
    for key in "ABCD":
        page.keyboard.press(key)
    page.get_by_label("Comment").fill("typed before the session ended")
    page.context.clear_cookies(name=COOKIE)
    page.get_by_role("button", name="Submit ranking").click()
    alert = page.locator("#alerts").get_by_text("You are signed out")
    expect(alert).to_be_visible()
    expect(page.get_by_label("Comment")).to_have_value("typed before the session ended")
    expect(page.locator("#alerts")).to_contain_text("Sign in in another tab, then continue here.")
    expect(page.locator("#outbox")).to_contain_text("You are signed out: use another tab to sign in. Your ranking is")
    page_errors.clear()  # the browser notes the 401
    with page.context.expect_page() as opened:
        page.locator("#alerts").get_by_role("link", name="Sign in").click()
    sign_in(opened.value)
    expect(opened.value.locator("#ranking-form")).to_be_visible()
    opened.value.close()  # what waits is sent again by itself
    expect(alert).to_have_count(0)
    expect(page.get_by_label("Comment")).to_have_value("")
    with guarded.runtime.read() as session:
        assert session.scalar(select(func.count()).select_from(Ranking)) == 1
    page_errors.clear()  # tries between the two


def test_signing_out(page: Page, guarded: LiveServer) -> None:
    page.goto(f"{guarded.url}/train")
    sign_in(page)
    expect(page).to_have_url(f"{guarded.url}/train")
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_title("Sign in · Fourfold")
    page.goto(f"{guarded.url}/train")
    expect(page).to_have_title("Sign in · Fourfold")
