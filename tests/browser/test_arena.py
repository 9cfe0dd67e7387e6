"""The arena as a person uses it: by keys, by touch at 360 pixels, in both languages, and without scripts."""

import random
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from app.chat import GenerationRequest, SampledAnswer
from app.db.models.arena import Pair, Verdict, Vote
from app.db.models.versions import VersionKind, VersionStatus
from app.db.session import transaction
from app.services.versions import versions
from tests import databases
from tests.browser.conftest import PATIENT_MS
from tests.browser.test_accessibility import AXE, FADED_IN, RUN_AXE, WIDER_WITH_FOLDS_OPEN
from tests.browser.test_decision import CLICK_AT_ONCE
from tests.live import LiveServer, ScriptedEngine, live_server, quick_settings
from tests.waiting import wait_for

WORDS = ("warm", "the pot", "put in", "leaves", "for each cup", "and wait", "four minutes", "before", "you pour")
HOSTILE = "<img src=x onerror=alert(1)>"


class TwoWriters(ScriptedEngine):
    """Each answer is another one; some are hostile."""

    def generate(self, request: GenerationRequest) -> list[SampledAnswer]:
        super().generate(request)
        rng = random.Random(f"{request.params.seed} {request.version_id}")
        text = " ".join(rng.choices(WORDS, k=rng.randint(3, 40)))
        return [SampledAnswer(f"{text} {HOSTILE}" if rng.random() < 0.2 else text, [5, 6, 4], "stop")]


@pytest.fixture(scope="module")
def arena(
    tiny_model_dir: object, installed_data: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """A server with a candidate and a reward model that scores both."""
    data = databases.copy_data(installed_data, tmp_path_factory.mktemp("arena") / "data")  # type: ignore[arg-type]
    settings = quick_settings(data, tiny_model_dir)  # type: ignore[arg-type]
    engine = TwoWriters()
    with live_server(settings, lambda _settings, _directory: engine) as running:
        with transaction(running.runtime.write) as session:
            sft = versions.active_answerer(session)
            for kind in (VersionKind.REWARD, VersionKind.POLICY):
                new = versions.NewVersion(kind=kind, parent_id=sft.id, path=sft.path, content_hash=sft.content_hash)
                made = versions.add_version(session, new)
                made.status = VersionStatus.ACTIVE if kind is VersionKind.REWARD else VersionStatus.CANDIDATE
        yield running


def open_pair(page: Page, server: LiveServer, path: str = "/arena?more=1") -> None:
    page.goto(server.url + path)
    expect(page.locator("#vote-form")).to_be_visible()


def vote_of(server: LiveServer, page: Page) -> Verdict:
    """What the pair on the page got."""
    [number] = re.findall(r"/arena/votes/(\d+)/", page.locator("[data-revealed] form").get_attribute("action") or "")
    with server.runtime.read() as session:
        return session.get_one(Vote, int(number)).verdict


def press(page: Page, key: str, code: str) -> None:
    page.evaluate(
        "(options) => document.body.dispatchEvent(new KeyboardEvent('keydown', options))",
        {"key": key, "code": code, "bubbles": True, "cancelable": True},
    )


@pytest.mark.parametrize(
    ("key", "code", "verdict"),
    [
        ("a", "KeyA", Verdict.A),
        ("ArrowRight", "ArrowRight", Verdict.B),
        ("ф", "KeyA", Verdict.A),
        ("é", "Digit2", Verdict.B),
        ("t", "KeyT", Verdict.TIE),
        ("=", "Equal", Verdict.TIE),
        ("x", "KeyX", Verdict.BOTH_BAD),
        ("4", "Digit4", Verdict.BOTH_BAD),
    ],
)
def test_one_key_votes_by_letter_and_by_place(
    page: Page, arena: LiveServer, key: str, code: str, verdict: Verdict
) -> None:
    open_pair(page, arena)
    press(page, key, code)
    expect(page.locator("[data-revealed]")).to_be_visible()
    assert vote_of(arena, page) is verdict


def test_a_vote_by_key_shows_the_names_says_them_and_leads_on(page: Page, arena: LiveServer) -> None:
    open_pair(page, arena)
    assert "Policy" not in page.locator("#card-slot").inner_html()
    before = page.locator("#result").inner_text()
    page.keyboard.press("b")
    heading = page.locator("#card-heading")
    expect(heading).to_contain_text(re.compile(r"You chose B, (Policy 3|SFT model 1)\. A was "))
    expect(heading).to_be_focused()
    expect(page.locator("#announcer")).to_have_text(heading.inner_text())
    expect(page.locator("#result")).not_to_have_text(before, use_inner_text=True)
    first = page.locator(".turn").inner_text()
    page.keyboard.press("Enter")
    expect(page.locator("#vote-form")).to_be_visible()
    assert page.locator(".turn").inner_text() != first
    page.keyboard.press("u")
    expect(page.locator(".saved")).to_contain_text("Your last vote was taken back.")
    with arena.runtime.read() as session:
        vote = session.query(Vote).order_by(Vote.id.desc()).first()
        assert vote is not None
        assert vote.withdrawn_at is not None
        assert (vote.duration_ms or 0) > 0


def test_the_second_half_of_a_double_click_does_not_take_the_vote_back(page: Page, arena: LiveServer) -> None:
    open_pair(page, arena)
    page.evaluate(CLICK_AT_ONCE, "undo")
    page.get_by_role("button", name="Tie").click()
    expect(page.locator("html")).to_have_attribute("data-second", "dropped")
    assert vote_of(arena, page) is Verdict.TIE
    page.locator("#undo").click()
    expect(page.locator(".saved")).to_contain_text("Your last vote was taken back.")


def test_keys_rest_while_somebody_types_and_when_they_are_off(page: Page, arena: LiveServer) -> None:
    open_pair(page, arena)
    page.keyboard.press("p")
    expect(page.locator("#ask-text")).to_be_focused()
    page.keyboard.type("a bat")
    expect(page.locator("#vote-form")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.locator("#keys-on").uncheck()
    page.locator("#help button").click()
    page.keyboard.press("a")
    expect(page.locator("#vote-form")).to_be_visible()
    page.evaluate("localStorage.clear()")


def test_a_vote_that_waits_to_be_sent_shows_which_it_is_and_takes_no_other(
    page: Page, arena: LiveServer, page_errors: list[str]
) -> None:
    open_pair(page, arena)
    page.route("**/votes*", lambda route: route.abort())
    page.keyboard.press("t")
    for _ in ("sent", "after a reload"):
        expect(page.locator("#outbox")).to_be_visible()
        expect(page.locator("#card")).to_have_class(re.compile("is-waiting"))
        expect(page.locator(".vote.is-chosen")).to_have_attribute("value", "tie")
        for button in page.locator(".vote").all():
            expect(button).to_have_css("pointer-events", "none")
        page.keyboard.press("b")
        page.reload()
    expect(page.locator(".vote.is-chosen")).to_have_attribute("value", "tie")
    page.unroute("**/votes*")
    page.locator("#outbox").get_by_role("button", name="Try now").click()
    expect(page.locator("#card-heading")).to_contain_text("A tie between")
    assert vote_of(arena, page) is Verdict.TIE
    page_errors.clear()  # Chromium notes each failure


def test_an_own_prompt_is_answered_and_a_refused_one_stays_in_its_box(
    page: Page, arena: LiveServer, page_errors: list[str]
) -> None:
    open_pair(page, arena)
    page.locator("#ask summary").click()
    page.locator("#ask button").click()
    expect(page.locator("#ask-error")).to_be_visible()
    page_errors.clear()  # Chromium notes the 422
    page.locator("#ask-text").fill(HOSTILE)
    page.locator("#ask button").click()
    expect(page.locator("#card-prompt")).to_have_text(HOSTILE)
    expect(page.locator("#card-kind")).to_have_text("Your prompt")
    page.reload()
    expect(page.locator("#card-prompt")).to_have_text(HOSTILE)
    page.keyboard.press("s")
    expect(page.locator("#card-prompt")).not_to_have_text(HOSTILE)


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True, locale="zh-CN", color_scheme="dark"
    )
    context.set_default_timeout(PATIENT_MS)
    yield context
    context.close()


def test_by_touch_at_360_pixels_in_chinese(phone: BrowserContext, arena: LiveServer) -> None:
    page = phone.new_page()
    open_pair(page, arena)
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    for button in page.locator(".vote-bar .button").all():
        box = button.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44
        assert box["y"] + box["height"] <= 740  # in sight without scrolling
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.get_by_role("button", name="平手").tap()
    expect(page.locator("#card-heading")).to_contain_text("打成平手")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.locator("#next-pair").tap()
    expect(page.locator("#vote-form")).to_be_visible()


def test_without_scripts_one_votes_sees_the_names_and_goes_on(browser: Browser, arena: LiveServer) -> None:
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(PATIENT_MS)
    page = context.new_page()

    def shown() -> bool | None:
        page.goto(arena.url + "/arena?more=1")
        return page.locator("#vote-form").count() == 1 or None

    wait_for(shown, "a pair")
    page.get_by_role("button", name="A is better").click()
    expect(page.locator("#card-heading")).to_contain_text("You chose A")
    assert re.search(r"/arena/pairs/\d+", page.url)
    page.locator("#next-pair").click()
    expect(page.locator("#card-heading")).to_be_visible()
    context.close()


@pytest.mark.parametrize(("scheme", "width", "locale"), [("light", 1280, "zh-CN"), ("dark", 360, "en-US")])
def test_axe_finds_nothing_in_any_state(
    browser: Browser, arena: LiveServer, scheme: str, width: int, locale: str
) -> None:
    context = browser.new_context(
        color_scheme=scheme,  # type: ignore[arg-type]
        locale=locale,
        reduced_motion="reduce",
        viewport={"width": width, "height": 900},
    )
    context.set_default_timeout(PATIENT_MS)
    page = context.new_page()
    page.add_init_script(path=AXE)
    wrong: list[str] = []

    def look(state: str) -> None:
        page.evaluate(FADED_IN)
        wrong.extend(f"{state}: {each}" for each in page.evaluate(RUN_AXE))
        assert page.evaluate(WIDER_WITH_FOLDS_OPEN) == [], state

    open_pair(page, arena)
    page.evaluate("for (const each of document.querySelectorAll('details:not(.site-more)')) each.open = true")
    look("pair")
    page.keyboard.press("a")
    expect(page.locator("[data-revealed]")).to_be_visible()
    look("revealed")
    page.keyboard.press("?")
    look("keys")
    page.goto(arena.url + "/arena/settings")
    look("settings")
    raise_the_alarm(arena)
    page.goto(arena.url + "/arena")
    expect(page.locator("#alarm")).to_be_visible()
    page.locator("#alarm summary").click()
    look("alarm")
    assert wrong == []
    context.close()


def raise_the_alarm(server: LiveServer) -> None:
    """Twenty votes against answers of the candidate that the reward model praises."""
    who = {"X-Labeler": "critic"}
    for _ in range(20):
        pair = server.client.post("/api/v1/arena/pairs/next", headers=who).json()
        with transaction(server.runtime.write) as session:
            stored = session.get_one(Pair, pair["pair_id"])
            its = stored.version_a_id == 3
            stored.score_a, stored.score_b = (900.0, 0.0) if its else (0.0, 900.0)
        body = {"pair_id": pair["pair_id"], "verdict": "b" if its else "a"}
        assert server.client.post("/api/v1/arena/votes", json=body, headers=who).status_code == 201
