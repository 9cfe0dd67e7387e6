"""The chat in a browser, with the model that ships: several turns, edit, retry, stop, side by side, two tabs, reload in
the middle; by keyboard alone, by touch at 360 pixels, in both languages."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from app.chat import GenerationRequest, StreamEvent
from app.db.models.versions import VersionKind
from app.db.session import transaction
from app.layout import SFT_MODEL
from app.main import VersionDirectory, local_engine
from app.services.sampling.engine import Engine
from app.services.versions import versions
from app.settings.config import Settings
from tests.browser.test_accessibility import AXE, FADED_IN, RUN_AXE
from tests.live import LiveServer, live_server, quick_settings


@dataclass
class Held:
    """Holds answers after their second piece until a test lets them go on."""

    may_finish: threading.Event = field(default_factory=threading.Event)


@pytest.fixture(scope="module")
def held() -> Held:
    made = Held()
    made.may_finish.set()
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, held: Held) -> Iterator[LiveServer]:
    """With the model that ships, and the same files once more as a policy."""
    settings = quick_settings(tmp_path_factory.mktemp("chat") / "data", Path(SFT_MODEL), max_answer_tokens=48)

    def engine(settings: Settings, directory: VersionDirectory) -> Engine:
        real = local_engine(settings, directory)
        stream = real.stream

        def slow(request: GenerationRequest) -> Iterator[StreamEvent]:
            for number, event in enumerate(stream(request)):
                yield event
                while number == 1 and not held.may_finish.wait(0.02):
                    yield StreamEvent(0, "")

        real.stream = slow  # type: ignore[method-assign]
        return real

    with live_server(settings, engine) as running:
        with transaction(running.runtime.write) as session:
            sft = versions.sft_version(session)
            versions.add_version(session, versions.NewVersion(VersionKind.POLICY, sft.id, sft.path, sft.content_hash))
        yield running


@pytest.fixture
def chat(page: Page, server: LiveServer, held: Held) -> Iterator[Page]:
    held.may_finish.set()
    page.goto(server.url + "/chat")
    yield page
    held.may_finish.set()


def answers(page: Page) -> Locator:
    return page.locator("[data-answer]")


def ask(page: Page, text: str, count: int) -> None:
    """By keyboard; waits until so many answers are there."""
    box = page.locator("#chat-text")
    box.fill(text)
    box.press("Enter")
    expect(answers(page)).to_have_count(count)


def test_three_turns_an_edit_and_a_retry_by_keyboard(chat: Page) -> None:
    box = chat.locator("#chat-text")
    expect(box).to_be_focused()
    ask(chat, "How do I boil an egg?", 1)
    ask(chat, "How do I make tea?", 2)
    expect(box).to_have_value("")
    box.press("Shift+Enter")
    expect(box).to_have_value("\n")
    ask(chat, "Thank you!", 3)
    expect(box).to_be_focused()
    expect(chat.locator("#announcer")).to_contain_text("SFT model 1")
    box.press("ArrowUp")
    edit = chat.locator("details.edit[open] textarea")
    expect(edit).to_be_focused()
    edit.fill("Good night!")
    edit.press("Enter")
    expect(chat.locator(".from-user .turn-text").last).to_have_text("Good night!")
    expect(answers(chat)).to_have_count(3)
    expect(chat.locator(".alternatives")).to_contain_text("2 of 2")
    chat.get_by_role("button", name="Try again").last.press("Enter")
    expect(chat.locator(".alternatives")).to_have_count(2)
    expect(answers(chat)).to_have_count(3)
    chat.get_by_role("button", name="The one before").first.click()
    expect(chat.locator(".from-user .turn-text").last).to_have_text("Thank you!")
    expect(chat.locator("#room")).to_contain_text("of 512 tokens")


def test_stop_keeps_what_was_there(chat: Page, held: Held) -> None:
    held.may_finish.clear()
    chat.locator("#chat-text").fill("How do I boil an egg?")
    chat.locator("#chat-text").press("Enter")
    expect(chat.locator("[data-text]")).not_to_be_empty()
    said = chat.locator("[data-text]").inner_text().strip()
    chat.keyboard.press("Escape")
    expect(chat.get_by_text("Stopped here.")).to_be_visible()
    expect(answers(chat)).to_contain_text(said)
    held.may_finish.set()
    ask(chat, "And tea?", 2)


def test_a_reload_in_the_middle_goes_on(chat: Page, held: Held) -> None:
    held.may_finish.clear()
    chat.locator("#chat-text").fill("How do I boil an egg?")
    chat.locator("#chat-text").press("Enter")
    expect(chat.locator("[data-text]")).not_to_be_empty()
    chat.locator("#chat-text").fill("a draft")
    chat.reload()
    expect(chat.locator("[data-text]")).not_to_be_empty()
    expect(chat.locator("#chat-text")).to_have_value("a draft")
    chat.go_back()
    expect(chat.locator("#chat-heading")).to_have_text("Chat")
    chat.go_forward()
    held.may_finish.set()
    expect(answers(chat)).to_have_count(1)
    expect(chat.locator("[data-stream]")).to_have_count(0)


def test_side_by_side_blind_then_told(chat: Page, page_errors: list[str]) -> None:
    chat.locator(".chat-options summary").click()
    chat.get_by_label("Side by side with").select_option(index=1)
    chat.get_by_label("Hide which is which").check()
    ask(chat, "How do I boil an egg?", 2)
    assert "Policy" not in chat.locator("#thread").inner_html()
    assert "SFT model" not in chat.locator("#thread").inner_html()
    box = chat.locator("#chat-text")
    box.fill("And tea?")
    box.press("Enter")
    expect(chat.locator("#said")).to_contain_text("Choose with which")
    expect(box).to_have_value("And tea?")
    chat.get_by_role("button", name="Go on with this").last.click()
    expect(chat.locator(".chosen-mark")).to_have_count(1)
    box.press("Enter")
    expect(answers(chat)).to_have_count(4)
    chat.get_by_role("button", name="Show it").click()
    expect(chat.locator("#thread").get_by_text("Policy 3").first).to_be_visible()
    page_errors.clear()  # the refused message


def test_rank_these_leads_to_a_card_of_this_conversation(chat: Page) -> None:
    chat.locator(".chat-options summary").click()
    chat.get_by_label("Side by side with").select_option(index=1)
    chat.get_by_label("Temperature").fill("1.2")
    ask(chat, "How can I sleep better?", 2)
    chat.get_by_role("button", name="Rank these").click()
    expect(chat.locator("#ranking-form .answer:not(.own)")).to_have_count(4)
    expect(chat.locator("#card-prompt")).to_contain_text("How can I sleep better?")


def test_two_tabs(chat: Page, page_errors: list[str]) -> None:
    ask(chat, "How do I boil an egg?", 1)
    other = chat.context.new_page()
    other.goto(chat.url)
    ask(other, "And tea?", 2)
    box = chat.locator("#chat-text")
    box.fill("And coffee?")
    box.press("Enter")
    expect(chat.locator("#said")).to_contain_text("has gone on in another tab")
    expect(box).to_have_value("And coffee?")
    chat.get_by_role("link", name="Show what is new").click()
    expect(answers(chat)).to_have_count(2)
    expect(box).to_have_value("And coffee?")
    box.press("Enter")
    expect(answers(chat)).to_have_count(3)
    page_errors.clear()  # the refused message


def test_a_reader_above_stays_there_while_an_answer_comes(chat: Page, held: Held) -> None:
    for count in range(1, 4):
        ask(chat, "How do I boil an egg?", count)
    held.may_finish.clear()
    chat.locator("#chat-text").fill("And tea?")
    chat.locator("#chat-text").press("Enter")
    expect(chat.locator("[data-text]")).not_to_be_empty()
    chat.evaluate("scrollTo(0, 0)")
    held.may_finish.set()
    expect(answers(chat)).to_have_count(4)
    assert chat.evaluate("scrollY") == 0
    ask(chat, "Thanks", 5)
    assert chat.evaluate("document.documentElement.scrollHeight - innerHeight - scrollY") < 5


@pytest.mark.parametrize(("scheme", "width", "language"), [("light", 1280, "en"), ("dark", 360, "zh-CN")])
def test_axe_and_width_in_every_state(
    browser: Browser, server: LiveServer, held: Held, scheme: str, width: int, language: str
) -> None:
    narrow = width < 600
    context = browser.new_context(
        viewport={"width": width, "height": 800}, locale=language, has_touch=narrow, is_mobile=narrow,
        color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce",
    )  # fmt: skip
    context.set_default_timeout(30_000)
    context.add_init_script(path=AXE)
    page = context.new_page()
    wrong: list[str] = []

    def look(state: str) -> None:
        page.evaluate(FADED_IN)
        wrong.extend(f"{state}: {each}" for each in page.evaluate(RUN_AXE))
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wrong.append(f"{state}: wider than the screen")

    page.goto(server.url + "/chat")
    look("new")
    page.locator(".chat-options summary").click()
    page.locator("#chat-other").select_option(index=1)
    page.locator("[name=blind]").check()
    look("options")
    held.may_finish.clear()
    page.locator("#chat-text").fill("How do I boil an egg?")
    page.locator("#send").click()
    expect(page.locator("[data-text]").first).not_to_be_empty()
    look("being written")
    held.may_finish.set()
    expect(answers(page)).to_have_count(2)
    look("two answers")
    page.locator(".turn-actions .button.primary").first.click()
    expect(page.locator(".chosen-mark")).to_have_count(1)
    page.locator("#chat-text").fill("x " * 2_000)
    page.locator("#send").click()
    expect(page.locator("#said .notice")).to_be_visible()
    for details in page.locator(".chat details").all():
        details.evaluate("(each) => { each.open = true }")
    look("refused, everything open")
    if narrow:
        page.evaluate("scrollTo(0, 0)")
        page.locator(".chat-open-list").tap()
        expect(page.locator("#chat-list")).to_be_visible()
        look("list")
        page.keyboard.press("Escape")
        expect(page.locator("#chat-list")).to_be_hidden()
    context.close()
    assert wrong == []
