"""Versions in Chromium: the tree and the pages of versions, by keyboard, by touch at 360 pixels, in both languages,
without JavaScript; nothing scrolls sideways, and axe finds nothing."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from app.db.models.versions import VersionKind, VersionStatus
from app.db.session import transaction
from app.layout import SFT_MODEL
from app.services.lifecycle import deciding
from app.services.versions import versions
from app.web.training_record import FILE
from tests import databases
from tests.browser.conftest import LOOKS, PATIENT_MS
from tests.browser.label_page import WritingEngine
from tests.browser.test_accessibility import AXE, DUPLICATE_IDS, FADED_IN, REWARD_METRICS, RUN_AXE
from tests.live import LiveServer, live_server, quick_settings
from tests.web.test_decision import EVALUATION, VERDICT, add_candidate
from tests.web.test_version_tree import add


@pytest.fixture
def server(tiny_model_dir: Path, installed_data: Path, tmp_path: Path) -> Iterator[LiveServer]:
    data = databases.copy_data(installed_data, tmp_path / "data")
    with live_server(quick_settings(data, tiny_model_dir), lambda _settings, _directory: WritingEngine()) as running:
        yield running


@pytest.fixture
def made(server: LiveServer) -> dict[str, int]:
    """Versions of each kind and in each state, by what they are."""
    with server.runtime.read() as session:
        folder = server.settings.version_directory(versions.get_version(session, 1).path)
    shutil.copy(SFT_MODEL / FILE, folder / FILE)
    found = {
        "reward": add(server, VersionKind.REWARD, metrics=REWARD_METRICS | {"held_out_accuracy_error": 0.03}),
        "base": add(server, VersionKind.BASE, parent_id=None),
        "imported": add(server, VersionKind.SFT, parent_id=None, metrics={"imported_from": "W" * 80, "parameters": 9}),
        **{name: add_candidate(server, EVALUATION, verdict=VERDICT) for name in ("rolled_back", "discarded", "policy")},
    }
    with transaction(server.runtime.write) as session:
        deciding.discard(session, found["discarded"])
        deciding.rename(session, found["rolled_back"], name="W" * 60, note="w" * 200)
        versions.get_version(session, found["rolled_back"]).status = VersionStatus.RETIRED
    return found


@LOOKS
def test_each_page_fits_and_axe_finds_nothing(
    browser: Browser, server: LiveServer, made: dict[str, int], locale: str, width: int, scheme: str
) -> None:
    context = browser.new_context(
        locale=locale, viewport={"width": width, "height": 740}, reduced_motion="reduce",
        color_scheme="dark" if scheme == "dark" else "light",
    )  # fmt: skip
    context.set_default_timeout(PATIENT_MS)
    page = context.new_page()
    page.add_init_script(path=AXE)
    for path in ("/versions", "/versions/1", *(f"/versions/{number}" for number in made.values())):
        page.goto(server.url + path)
        for details in page.locator("main details").all():
            details.evaluate("(each) => { each.open = true }")
        page.evaluate(FADED_IN)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
        assert page.evaluate(RUN_AXE) == [], path
        assert page.evaluate(DUPLICATE_IDS) == [], path
        heights = page.evaluate("""() => [...document.querySelectorAll("main .button")]
            .filter((each) => each.checkVisibility()).map((each) => each.getBoundingClientRect().height)""")
        assert heights, path
        assert min(heights) >= 44, path
    page.goto("about:blank")
    context.close()


def test_the_first_view_holds_verdict_win_rate_and_buttons(
    browser: Browser, server: LiveServer, made: dict[str, int]
) -> None:
    for width, height in ((1280, 720), (360, 740)):
        context = browser.new_context(viewport={"width": width, "height": height})
        page = context.new_page()
        page.goto(f"{server.url}/versions/{made['policy']}")
        for part in (".decision-verdict", ".interval", f"#activate-{made['policy']}"):
            box = page.locator(part).first.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= height, (width, part)
        page.goto("about:blank")
        context.close()


def test_by_keyboard_a_version_is_named_and_a_taken_name_is_told_beside_its_field(
    page: Page, server: LiveServer, page_errors: list[str]
) -> None:
    number = add_candidate(server, EVALUATION)
    with transaction(server.runtime.write) as session:
        deciding.rename(session, 1, name="Taken")
    page.goto(f"{server.url}/versions/{number}")
    page.locator("#version-name").focus()
    page.keyboard.type("taken")
    page.keyboard.press("Enter")
    expect(page.locator("#version-name-error")).to_contain_text("Version 1 has the name “Taken” already.")
    expect(page.locator("#version-name")).to_have_value("taken")
    expect(page.locator("#version-name")).to_have_attribute("aria-invalid", "true")
    page_errors.clear()  # the browser logs the refusal
    page.locator("#version-name").fill("Brief")
    page.locator("#version-note").fill("Tried on one evening.")
    page.locator("#save-name").press("Enter")
    expect(page.locator("#version-notice")).to_have_text(f"Saved: name and note of Policy {number} “Brief”.")
    expect(page.locator("h1")).to_have_text(f"Policy {number} “Brief”")
    expect(page.locator("#version-name-error")).to_have_count(0)
    page.reload()
    expect(page.locator(".version-head .version-note")).to_have_text("Tried on one evening.")
    page.goto("about:blank")


def test_by_keyboard_a_version_is_discarded_on_its_page_and_taken_back(page: Page, server: LiveServer) -> None:
    number = add_candidate(server, EVALUATION)
    page.goto(f"{server.url}/versions/{number}")
    page.locator(f"#discard-{number}").press("Enter")
    expect(page.locator("#version-notice")).to_contain_text(f"Policy {number} was discarded.")
    expect(page.locator("#summary")).to_be_focused()  # not the button that takes it back
    page.locator(f"#take-back-{number}").press("Enter")
    expect(page.locator("#version-notice")).to_contain_text("waits for a decision again")
    expect(page.locator(f"#discard-{number}")).to_be_visible()
    page.goto("about:blank")


def test_what_somebody_else_decided_meanwhile_is_told_on_the_page(
    page: Page, server: LiveServer, page_errors: list[str]
) -> None:
    number = add_candidate(server, EVALUATION)
    page.goto(f"{server.url}/versions/{number}")
    server.client.post(f"/api/v1/versions/{number}/activate")
    page.locator(f"#discard-{number}").click()
    expect(page.locator("#alerts")).to_contain_text(f"Version {number} answers now. What is in use cannot be discarded")
    page_errors.clear()  # the browser logs the refusal
    page.goto("about:blank")


def test_by_touch_without_a_script(browser: Browser, server: LiveServer, made: dict[str, int]) -> None:
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True, java_script_enabled=False,
        accept_downloads=True,
    )  # fmt: skip
    context.set_default_timeout(PATIENT_MS)
    page = context.new_page()
    page.goto(f"{server.url}/versions")
    page.locator(f"#version-{made['policy']} a").first.tap()
    expect(page.locator("h1")).to_have_text(f"Policy {made['policy']}")
    page.locator("#version-name").fill("W" * 60)
    page.locator("#save-name").tap()
    expect(page.locator("#version-name-error")).to_contain_text("already")
    page.locator("#version-name").fill("Short")
    page.locator("#save-name").tap()
    expect(page.locator("#version-notice")).to_contain_text("Saved: name and note")
    with page.expect_download() as begun:
        page.locator("#download").tap()
    assert begun.value.suggested_filename == f"fourfold-policy-{made['policy']}.zip"
    page.locator("#figures summary").first.tap()
    expect(page.locator("#figures dl").first).to_contain_text("as the judge finds; ties count half.")
    page.locator(f"#discard-{made['policy']}").tap()
    expect(page.locator("#version-notice")).to_contain_text("was discarded")
    page.goto(f"{server.url}/versions")
    page.locator(f"#activate-{made['policy']}").tap()
    expect(page.locator(f"#version-{made['policy']}")).to_contain_text("answers now")
    expect(page.get_by_role("status").first).to_contain_text("answers now")
    context.close()
