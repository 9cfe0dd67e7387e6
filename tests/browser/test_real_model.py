"""The pages over the real engine with a tiny model of random weights: what no scripted engine can promise."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.label_page import LabelPage
from tests.live import LiveServer, live_server, quick_settings


@pytest.fixture(scope="module")
def server(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    data = tmp_path_factory.mktemp("real") / "data"
    with live_server(quick_settings(data, tiny_model_dir, ready_groups=2, max_answer_tokens=24)) as running:
        yield running


def test_sampled_cards_and_own_prompts_are_ranked(page: Page, server: LiveServer) -> None:
    label = LabelPage(page, server, "real").open()
    first = label.group_id()
    label.press("a", "b", "c", "Enter")
    label.expect_next_card(first)
    label.press("p")
    page.keyboard.type("How do I wash my hands?")
    page.get_by_role("button", name="Write four answers").click()
    expect(page.locator(".turn")).to_have_text("How do I wash my hands?")
    page.wait_for_selector("#ranking-form")
    second = label.group_id()
    label.press("d", "=", "c", "b", "Enter")
    label.expect_next_card(second)
    assert [ranking.group_id for ranking in label.rankings()] == [first, second]
