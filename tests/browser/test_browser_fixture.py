"""The safety net under every page test: errors in a page must reach the test."""

import pytest
from playwright.sync_api import Page

from tests.waiting import wait_for

VIOLATION = (
    "<meta http-equiv='Content-Security-Policy' content=\"script-src 'none'\"><title>x</title><script>1</script>"
)


def test_clean_page_has_no_errors(page: Page, page_errors: list[str]) -> None:
    page.set_content("<title>Fourfold</title><h1>四个回答</h1>")
    assert page.title() == "Fourfold"
    assert page.inner_text("h1") == "四个回答"
    assert page_errors == []


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<script>throw new Error('broken script')</script>", "broken script"),
        ("<script>console.error('told on the console')</script>", "told on the console"),
        (VIOLATION, "Content Security Policy"),
    ],
)
def test_errors_are_caught(page: Page, page_errors: list[str], html: str, expected: str) -> None:
    page.set_content(html)

    def caught() -> bool:
        page.evaluate("1")  # what the page told meanwhile comes in first
        return any(expected in error for error in page_errors)

    wait_for(caught, f"{expected!r} among the page's errors")
    page_errors.clear()
