"""What a first visit of each page brings over the line: compressed, with all scripts and style sheets."""

import pytest
from playwright.sync_api import Page, Response

from app.web.pages import PAGES
from tests.live import LiveServer

MOST_BYTES = 160_000


@pytest.mark.parametrize("path", [page.path for page in PAGES])
def test_a_page_is_light(page: Page, label_server: LiveServer, path: str) -> None:
    answers = list[Response]()
    page.on("response", lambda answer: answers.append(answer))
    page.goto(label_server.url + path, wait_until="load")
    page.wait_for_function("document.readyState === 'complete'")
    sizes = {answer.url: answer.request.sizes()["responseBodySize"] for answer in answers}
    assert any("htmx" in url for url in sizes)
    assert any("/static/js/say.js" in url for url in sizes), "modules that others import are counted, too"
    assert sum(sizes.values()) < MOST_BYTES, sizes
