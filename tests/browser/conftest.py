"""The pages in a real headless Chromium. Any JavaScript error or content-security violation fails the test."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests import databases
from tests.browser.dice_page import DicePage
from tests.browser.label_page import LabelPage, WritingEngine
from tests.live import LiveServer, live_server, quick_settings

PATIENT_MS = 30_000  # a machine that trains at the same time is slow; a test that passes never waits this long
SHELL = "chromium-headless-shell"
WHOLE = ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""As bin/browser has them."""
# The second group keeps Chromium from calling home, which a machine without a way out answers with noise.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Else a process is begun for a page that may come next: a fifth of what a test costs.
    "--renderer-process-limit=1",
]


def chromium_path(*, whole: bool = False) -> str:
    """`whole`: of the browser itself, not of its headless shell, which knows no person's settings."""
    named = os.environ.get("FOURFOLD_CHROMIUM") or SHELL
    for candidate in WHOLE if whole and SHELL in named else (named, *WHOLE):
        if path := shutil.which(candidate):
            return path
    pytest.fail("No Chromium found: run `make test`, which installs one, or set FOURFOLD_CHROMIUM to its path.")


expect.set_options(timeout=PATIENT_MS)


HERE = Path(__file__).parent
LOOKS = pytest.mark.parametrize(
    ("locale", "width", "scheme"),
    [
        ("en-US", 360, "dark"),
        ("zh-CN", 1280, "light"),
        pytest.param("en-US", 1280, "light", marks=pytest.mark.nightly),
        pytest.param("zh-CN", 360, "dark", marks=pytest.mark.nightly),
    ],
)
"""Each language, width and scheme; English is longer, so it is the one that must fit a phone. At night in all pairs."""
_open: list[Browser] = []
_until_the_last = ExitStack()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all modules in a row; what a module leaves open goes with it."""
    if not _open:
        playwright = _until_the_last.enter_context(sync_playwright())
        launched = playwright.chromium.launch(executable_path=chromium_path(), args=ARGUMENTS)
        _until_the_last.callback(launched.close)
        _open.append(launched)
    yield _open[0]
    for context in _open[0].contexts:
        context.close()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """Playwright goes when the next test is none of these: while it is up, asyncio.run fails in the others."""
    if nextitem is None or not nextitem.path.is_relative_to(HERE):
        _open.clear()
        _until_the_last.close()


@pytest.fixture
def page_errors() -> list[str]:
    """What went wrong in the page so far. A test that means to provoke an error takes it out: `page_errors.clear()`."""
    return []


@pytest.fixture
def page(browser: Browser, page_errors: list[str]) -> Iterator[Page]:
    """A page in a fresh profile, desktop size."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENT_MS)
    page = context.new_page()

    def on_console(message: ConsoleMessage) -> None:
        # Violations of the content security policy and failed loads arrive as console errors as well.
        if message.type == "error":
            page_errors.append(f"console: {message.text} ({message.location.get('url', '')})")

    page.on("console", on_console)
    page.on("pageerror", lambda error: page_errors.append(f"exception: {error}"))
    yield page
    context.close()
    assert not page_errors, "\n".join(page_errors)


@pytest.fixture(scope="module")
def writing_engine() -> WritingEngine:
    return WritingEngine()


@pytest.fixture(scope="module")
def label_server(
    tiny_model_dir: Path,
    installed_data: Path,
    tmp_path_factory: pytest.TempPathFactory,
    writing_engine: WritingEngine,
) -> Iterator[LiveServer]:
    """One server for a module's tests; each test labels under its own name."""
    data = databases.copy_data(installed_data, tmp_path_factory.mktemp("pages") / "data")
    settings = quick_settings(data, tiny_model_dir, ready_groups=6)
    with live_server(settings, lambda _settings, _directory: writing_engine) as running:
        yield running


@pytest.fixture
def label_page(page: Page, label_server: LiveServer, request: pytest.FixtureRequest) -> LabelPage:
    return LabelPage(page, label_server, re.sub(r"\W+", "-", request.node.name)[:60])


@pytest.fixture
def dice(page: Page, real_server: LiveServer) -> DicePage:
    page.emulate_media(reduced_motion="reduce")
    return DicePage(page, real_server)
