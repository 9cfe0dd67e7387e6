"""Back on the playground: to where nothing was written, to addresses that a person or an example wrote."""

from playwright.sync_api import Page, expect

from tests.browser.test_playground import opened, playground, texts
from tests.live import LiveServer

__all__ = ["playground"]
FIELDS = """() => Object.fromEntries([...document.querySelectorAll("#playground-form :is(.number, select)")]
    .map((field) => [field.id, field.value]))"""


def test_back_to_where_nothing_was_written_gives_the_form_as_it_was(page: Page, playground: LiveServer) -> None:
    opened(page, playground)
    fresh = page.evaluate(FIELDS)
    page.locator("#prompt").fill("Why?")
    page.get_by_role("button", name="Write the answers").click()
    texts(page)
    page.go_back()
    expect(page.locator(".pane")).to_have_count(0)
    assert page.evaluate(FIELDS) == fresh
    expect(page.locator("#prompt")).to_have_value("")
    expect(page.get_by_role("heading", name="Try one of these")).to_be_visible()
    page.go_forward()
    expect(page.locator(".pane")).to_have_count(2)


def test_back_from_a_short_address_leads_to_the_page_before(page: Page, playground: LiveServer) -> None:
    opened(page, playground)
    page.evaluate("location.assign('/playground?prompt=Why%3F&seed=3&n=1')")
    expect(page.locator(".pane")).to_have_count(1)
    texts(page)
    assert "max_tokens=" in page.url
    page.go_back()
    expect(page.locator(".pane")).to_have_count(0)
    assert page.url == f"{playground.url}/playground"


def test_back_to_an_impossible_address_shows_what_stood_in_its_place(page: Page, playground: LiveServer) -> None:
    opened(page, playground, "?prompt=Why%3F&temperature=99")
    fields = page.evaluate(FIELDS)
    page.get_by_role("button", name="Write the answers").click()
    texts(page)
    page.go_back()
    expect(page.locator(".pane")).to_have_count(0)
    assert page.evaluate(FIELDS) == fields


def test_too_many_stop_texts_are_told_and_the_first_stay(page: Page, playground: LiveServer) -> None:
    opened(page, playground)
    page.locator("#prompt").fill("Why?")
    page.locator("#stop").fill("one\n\\n\n\\\\\nfour\nfive")
    page.get_by_role("button", name="Write the answers").click()
    expect(page.locator("#wrong-stop")).to_contain_text("At most 4 texts")
    expect(page.locator("#stop")).to_have_value("one\n\\n\n\\\\\nfour")
    page.get_by_role("button", name="Write the answers").click()
    assert len(texts(page)) == 2
