"""The page of what one's labels did, in Chromium: without a finding of axe and without scrolling sideways, empty and
full, in both languages, at 1280 and 360 pixels, light and dark; its figures open by keyboard."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from app.db.models.rankings import Ranking
from app.db.models.versions import VersionKind, VersionStatus
from app.db.session import transaction
from app.preferences import Influence
from app.services.versions import versions
from app.services.versions.versions import NewVersion
from tests import databases
from tests.browser.conftest import LOOKS, PATIENT_MS
from tests.browser.label_page import WritingEngine
from tests.browser.test_accessibility import AXE, REWARD_METRICS, RUN_AXE
from tests.live import LiveServer, live_server, quick_settings


@pytest.fixture
def server(tiny_model_dir: Path, installed_data: Path, tmp_path: Path) -> Iterator[LiveServer]:
    data = databases.copy_data(installed_data, tmp_path / "data")
    with live_server(quick_settings(data, tiny_model_dir), lambda _settings, _directory: WritingEngine()) as running:
        yield running


def rank_cards(server: LiveServer, name: str, cards: int) -> None:
    who = {"X-Labeler": name}
    for at in range(cards):
        card = server.client.post("/api/v1/groups/next", headers=who).json()
        ranks = {str(answer["id"]): place for place, answer in enumerate(card["answers"], start=1)}
        sent = {"ranks": ranks, "duration_ms": 9_000 - 500 * at}
        assert server.client.post(f"/api/v1/groups/{card['group_id']}/rankings", json=sent, headers=who).is_success


@LOOKS
def test_the_page_in_every_state(browser: Browser, server: LiveServer, locale: str, width: int, scheme: str) -> None:
    context = browser.new_context(
        locale=locale, viewport={"width": width, "height": 800}, color_scheme="dark" if scheme == "dark" else "light"
    )
    context.set_default_timeout(PATIENT_MS)
    context.add_cookies([{"name": "fourfold_labeler", "value": "ada", "url": server.url}])
    page = context.new_page()
    page.add_init_script(path=AXE)
    page.goto(f"{server.url}/train/labels")
    expect(page.locator(".empty")).to_have_count(2)
    assert page.evaluate(RUN_AXE) == []
    rank_cards(server, "ada", 12)
    with transaction(server.runtime.write) as session:
        for count, accuracy in ((24, 0.7), (48, 0.84)):
            metrics = REWARD_METRICS | {"num_rankings": float(count), "held_out_accuracy": accuracy}
            known = [ranking.id for ranking in session.query(Ranking)]
            influences = {number: Influence((number % 5 - 2) / 100, 0.01) for number in known}
            new = NewVersion(
                VersionKind.REWARD, 1, "r", "h", metrics=metrics, ranking_ids=known, influences=influences,
                surprises=dict.fromkeys(known, 1.5),
            )  # fmt: skip
            version = versions.add_version(session, new)
        version.status = VersionStatus.ACTIVE
    page.goto(f"{server.url}/train/labels")
    expect(page.locator(".picture")).to_have_count(4)
    expect(page.locator(".interval")).to_have_count(1)
    expect(page.locator(".telling")).to_have_count(3)
    page.locator(".figures summary").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".figures table").first).to_be_visible()
    assert page.evaluate(RUN_AXE) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    context.close()
