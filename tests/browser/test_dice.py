"""The dice of an answer's tokens in a real browser: chosen, read and redrawn."""

import base64
import re
from typing import Any

import pytest
import torch
from playwright.sync_api import Locator, Route, expect

from tests.browser.dice_page import DicePage
from tests.browser.test_accessibility import AXE, DUPLICATE_IDS, FADED_IN, RUN_AXE, nameless

EVERY_PART = """(lines) => lines.map((line) => {
    const box = (element) => element?.getBoundingClientRect();
    return [box(line.querySelector(".landing")), box(line.querySelector(".dice-mark"))];
})"""


def shares(row: Locator) -> list[str]:
    return [text.strip() for text in row.locator(".stage .number").all_text_contents()]


def figures(dice: DicePage) -> dict[int, list[float]]:
    """The shares of the table, by token id."""
    table = dice.panel.locator(".dice-table")
    if not table.is_visible():
        dice.panel.get_by_text("The figures as a table").click()
    expect(table.locator("tbody tr").first).to_be_visible()
    read = {}
    for row in table.locator("tbody tr").all():
        cells = [text.strip() for text in row.locator("td, th").all_text_contents()]
        if cells[2]:
            read[int(cells[2])] = [float(each.rstrip("%")) / 100 if "%" in each else 0.0 for each in cells[3:6]]
    return read


def test_by_keyboard_alone(dice: DicePage) -> None:
    page = dice.open().page
    dice.tokens.first.focus()
    page.keyboard.press("End")
    expect(dice.tokens.last).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(dice.tokens.last).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(dice.tokens.nth(1)).to_be_focused()
    assert dice.page.locator(".tokens [tabindex='0']").count() == 1
    page.keyboard.press("Enter")
    dice.expect_open(1)
    expect(dice.tokens.nth(1)).to_have_attribute("aria-selected", "true")
    expect(dice.panel.get_by_role("heading")).to_be_focused()
    expect(page.locator("#announcer")).to_contain_text("The model gave")
    page.keyboard.press("ArrowRight")
    dice.expect_open(2)
    page.keyboard.press("Escape")
    expect(dice.panel).to_have_count(0)
    expect(dice.tokens.nth(2)).to_be_focused()
    expect(dice.tokens.nth(2)).to_have_attribute("aria-selected", "false")


@pytest.mark.parametrize("settings", [{}, {"top_k": 3}, {"temperature": 0.4, "top_p": 0.8, "repetition_penalty": 1.4}])
def test_the_mark_lies_in_the_tokens_part_of_the_line(dice: DicePage, settings: dict[str, Any]) -> None:
    dice.open(**settings)
    for index, token in enumerate(dice.ids()[:6]):
        dice.look(index)
        expect(dice.panel.locator(".die")).to_have_text(f"{int(dice.uniform(index) * 1e4) / 1e4:.4f}")
        lines = dice.panel.locator(".dice-line")
        for part, mark in lines.evaluate_all(EVERY_PART):
            at = mark["x"] + mark["width"] / 2
            assert part["x"] - 1.5 <= at <= part["x"] + part["width"] + 1.5
        landing = dice.panel.locator(".dice-line .landing").last
        expect(landing).to_have_attribute("data-id", str(token))


@pytest.mark.parametrize(
    "settings", [{}, {"temperature": 0.6, "top_k": 12}, {"top_p": 0.5, "min_p": 0.1, "repetition_penalty": 1.3}]
)
def test_the_three_stages_are_those_that_the_api_tells(dice: DicePage, settings: dict[str, Any]) -> None:
    dice.open(**settings)
    dice.look(3)
    told = {each["token_id"]: each for each in dice.next_token(dice.ids()[:3])["tokens"]}
    read = figures(dice)
    assert len(read) >= 20
    for token in told.keys() & read.keys():
        expected = [told[token][stage] for stage in ("probability", "tempered", "filtered")]
        assert read[token] == pytest.approx(expected, abs=1e-4)


def test_a_slider_redraws_at_once_what_the_server_would_say(dice: DicePage) -> None:
    dice.open()
    dice.look(2)
    asked: list[str] = []
    dice.page.on("request", lambda request: asked.append(request.url))
    drawn = [dice.rows.first.element_handle(), dice.panel.locator(".dice-line").first.element_handle()]
    slider = dice.slider("Temperature")
    slider.focus()
    for _ in range(12):
        dice.page.keyboard.press("ArrowLeft")
    dice.slider("Top-k").focus()
    for _ in range(4):
        dice.page.keyboard.press("ArrowRight")
    expect(dice.panel.locator(".dice-stages")).to_contain_text("At temperature 0.4")
    expect(dice.panel).to_contain_text("In the roll: 4 of")
    expect(dice.sentence).to_contain_text("At these settings the same roll")
    assert dice.panel.locator(".dice-rows .cut").count() >= 16
    told = {each["token_id"]: each for each in dice.next_token(dice.ids()[:2], temperature=0.4, top_k=4)["tokens"]}
    for token, read in figures(dice).items():
        if token in told:
            assert read[1:] == pytest.approx([told[token]["tempered"], told[token]["filtered"]], abs=1e-4)
    assert asked == []
    stays = [each.evaluate("(element) => element.isConnected") for each in drawn]
    assert all(stays), "what is drawn stays, so that a frame is enough"
    dice.panel.get_by_role("button", name="As it was rolled").click()
    expect(dice.sentence).to_contain_text("The dice showed")
    expect(dice.panel.get_by_role("heading")).to_be_focused()


def test_the_pages_own_sliders_move_the_bars_too(dice: DicePage) -> None:
    dice.open()
    dice.look(1)
    dice.page.evaluate("""() => {
        const input = document.createElement("input");
        Object.assign(input, { type: "number", name: "temperature", value: "0.5" });
        document.querySelector("#main").append(input);
        input.dispatchEvent(new Event("input", { bubbles: true }));
    }""")
    expect(dice.panel.locator(".dice-stages")).to_contain_text("At temperature 0.5")


def test_at_temperature_0_nothing_is_rolled(dice: DicePage) -> None:
    dice.open(temperature=0)
    dice.look(2)
    expect(dice.sentence).to_contain_text("Nothing was rolled: at temperature 0 the likeliest token is taken.")
    assert dice.panel.locator(".die, .dice-mark").count() == 0
    expect(dice.panel).to_contain_text("In the roll: 1 of")


def test_a_server_that_is_gone_takes_nothing_away(dice: DicePage, page_errors: list[str]) -> None:
    dice.open()
    text = dice.shown_text()
    dice.page.route("**/api/v1/**", lambda route: route.abort())
    dice.tokens.nth(3).click()
    expect(dice.panel).to_contain_text("The server gave no answer.")
    expect(dice.sentence).to_contain_text("The dice showed")
    assert dice.shown_text() == text
    dice.page.unroute("**/api/v1/**")
    dice.panel.get_by_role("button", name="Try again").click()
    dice.expect_open(3)
    dice.page.route("**/api/v1/generate", lambda route: route.abort())
    dice.take_another()
    trouble = dice.page.locator(".dice-trouble")
    expect(trouble).to_contain_text("The server gave no answer.")
    expect(dice.branches).to_have_count(2)
    dice.page.unroute("**/api/v1/generate")
    trouble.get_by_role("button", name="Try again").click()
    expect(dice.tokens).to_have_count(12)
    expect(trouble).to_be_empty()
    page_errors.clear()  # the browser logs what it could not load


def test_a_version_that_was_removed_is_told_with_the_next_step(dice: DicePage, page_errors: list[str]) -> None:
    dice.open()

    def gone(route: Route) -> None:
        route.fulfill(status=410, json={"title": "Gone", "status": 410, "detail": "Version 1 was removed."})

    dice.page.route("**/api/v1/next-token", gone)
    dice.tokens.nth(1).click()
    expect(dice.panel).to_contain_text("choose another version to ask again")
    assert dice.panel.get_by_role("button", name="Try again").count() == 0
    page_errors.clear()


def test_plain_text_is_one_click_away_and_remembered(dice: DicePage) -> None:
    dice.open()
    text = dice.generated()["text"]
    expect(dice.page.locator(".plain")).to_be_hidden()
    dice.page.get_by_role("radio", name="Plain text").check()
    expect(dice.page.locator(".plain")).to_have_text(text, use_inner_text=False)
    expect(dice.page.locator(".tokens")).to_be_hidden()
    dice.page.reload()
    dice.show()
    expect(dice.page.get_by_role("radio", name="Plain text")).to_be_checked()
    dice.page.get_by_role("radio", name="Tokens").check()
    expect(dice.page.locator(".tokens")).to_be_visible()


HOSTILE = ["<img src=x onerror=alert(1)>", "\u202etxet", "\u0000", "e", "\u0301", "سلام", " ", "\n", "👩\u200d🚀"]


def test_an_answer_is_marked_with_its_language(dice: DicePage) -> None:
    dice.open(prompt="请告诉我怎么泡茶。", temperature=0)
    text = dice.shown_text()
    expected = dice.page.evaluate(
        "async (text) => (await import('/static/js/text_language.js')).languageOf(text)", text
    )
    assert expected in {"zh", "en", ""}
    for part in (".tokens", ".plain"):
        assert (dice.page.locator(part).get_attribute("lang") or "") == expected


def test_hostile_text_is_text(dice: DicePage) -> None:
    dice.open()
    tokens = [
        {"token_id": at, "text": text, "bytes": list(text.encode()), "logprob": -at, "uniform": 0.5}
        for at, text in enumerate(HOSTILE)
    ]
    dice.page.evaluate(
        """(tokens) => window.showTokens(document.querySelector("#answer"),
            { body: { prompt: "x", seed: 1 }, index: 0, version: 1, tokens, finished: "stop" })""",
        tokens,
    )
    expect(dice.tokens).to_have_count(len(HOSTILE))
    assert dice.page.locator("#answer img").count() == 0
    assert dice.shown_text() == "".join(HOSTILE)
    expect(dice.tokens.nth(0)).to_have_text(HOSTILE[0])
    assert "\u202e" not in str(dice.page.locator(".tokens").text_content())
    assert dice.tokens.nth(2).locator(".token-mark").get_attribute("data-mark") == "␀"


VOCABULARY = 151_936


def tell_places_of(dice: DicePage, logits: torch.Tensor) -> None:
    """Whatever place the page asks for from here on has these logits [V]."""
    logprobs = logits.log_softmax(-1)
    ids = logprobs.topk(100).indices.tolist()
    told = {
        "tokens": [{"token_id": each, "text": f" {each}", "bytes": [32]} for each in ids],
        "prompt_token_ids": [5, 9],
        "log_normalizer": float(logits.logsumexp(-1)),
        "all_logprobs": base64.b64encode(logprobs.numpy().astype("<f4").tobytes()).decode(),
    }
    dice.page.route("**/api/v1/next-token", lambda route: route.fulfill(json=told))


def test_what_is_hardly_there_is_folded_to_one_row(dice: DicePage) -> None:
    dice.open(temperature=0)
    logits = torch.zeros(300)
    logits[dice.ids()[2]] = 12.0
    tell_places_of(dice, logits)
    dice.look(2)
    expect(dice.rows).to_have_count(5 + 1 + 1)
    expect(dice.rows.last).to_contain_text("280 other tokens")
    dice.panel.get_by_role("button", name="15 more, each below 0.1%").click()
    expect(dice.rows).to_have_count(20 + 1)
    expect(dice.rows.nth(5).locator("button")).to_be_focused()
    dice.page.get_by_role("button", name="Next token").click()
    dice.expect_open(3)
    assert dice.rows.count() >= 20


def test_a_vocabulary_of_150_000_is_redrawn_within_moments(dice: DicePage) -> None:
    """As the largest imported models have. On a quiet machine it is a frame or two; this one may be busy."""
    dice.open(top_p=0.9, repetition_penalty=1.1)
    tell_places_of(dice, torch.randn(VOCABULARY, generator=torch.Generator().manual_seed(0)) * 3)
    dice.look(4)
    expect(dice.panel).to_contain_text("151,936 tokens")
    took = dice.page.evaluate("""async () => {
        const slider = document.querySelector(".dice-slider input");
        const times = [];
        for (let turn = 0; turn < 15; turn++) {
            slider.value = 0.5 + turn / 20;
            const began = performance.now();
            slider.dispatchEvent(new Event("input"));
            await new Promise(requestAnimationFrame); // the redrawing was asked for first, so it is done
            await new Promise((done) => requestAnimationFrame(done));
            times.push(performance.now() - began);
        }
        return times.sort((a, b) => a - b)[7];
    }""")
    print(f"\nredraw of {VOCABULARY:,} tokens: {took:.1f} ms to the second frame (median of 15)")
    assert dice.page.locator("#answer *").count() < 1_000
    assert took < 500


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_axe_finds_nothing_in_any_state(dice: DicePage, scheme: Any, width: int) -> None:
    page = dice.page
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 800})
    page.add_init_script(path=AXE)
    dice.open(top_k=40)
    wrong: list[str] = []

    def seen(state: str) -> None:
        page.evaluate(FADED_IN)
        wrong.extend(f"{state}: {each}" for each in page.evaluate(RUN_AXE))
        wrong.extend(f"{state}: {each} without a name" for each in nameless(page))
        wrong.extend(f"{state}: id {each} twice" for each in page.evaluate(DUPLICATE_IDS))
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wrong.append(f"{state}: wider than the page")

    seen("tokens")
    dice.look(3)
    for details in dice.panel.locator("details").all():
        details.evaluate("(each) => { each.open = true }")
    expect(dice.panel.locator(".dice-table tr").first).to_be_visible()
    seen("dice")
    dice.slider("Top-k").focus()
    page.keyboard.press("ArrowLeft")
    dice.slider("Temperature").focus()
    page.keyboard.press("ArrowLeft")
    expect(dice.sentence).to_contain_text("At these settings")
    seen("other settings")
    dice.take_another()
    dice.expect_written()
    seen("branch")
    page.get_by_role("button", name="Roll by hand").click()
    expect(dice.panel.get_by_role("heading")).to_contain_text("not rolled yet")
    seen("by hand")
    page.get_by_role("radio", name="Plain text").check()
    seen("plain")
    assert wrong == []


def test_by_touch_at_360_the_dice_lie_below_the_answer(dice: DicePage) -> None:
    browser = dice.page.context.browser
    assert browser is not None
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, reduced_motion="reduce")
    touched = DicePage(context.new_page(), dice.server).open()
    touched.tokens.nth(4).tap()
    touched.expect_open(4)
    text, panel = (touched.page.locator(each).bounding_box() for each in (".tokens", ".dice"))
    assert text is not None
    assert panel is not None
    assert panel["y"] >= text["y"] + text["height"]
    assert touched.page.evaluate("document.documentElement.scrollWidth") == 360
    small = touched.page.evaluate("""() => [...document.querySelectorAll(
        ".dice button, .dice summary, .dice-actions button, .branches button, .token-view label, .dice input")]
        .filter((each) => each.checkVisibility() && each.getBoundingClientRect().height < 43.9)
        .map((each) => each.outerHTML.slice(0, 80))""")
    assert small == []
    touched.page.get_by_role("button", name="Next token").tap()
    touched.expect_open(5)
    touched.rows.nth(7).locator(".dice-row").tap()
    touched.expect_written()
    expect(touched.branches.first).to_be_visible()
    touched.page.get_by_role("button", name="Close").tap()
    expect(touched.panel).to_have_count(0)
    context.close()


def test_a_token_says_its_probability_and_the_bars_their_shares(dice: DicePage) -> None:
    dice.open()
    expect(dice.tokens.first).to_have_attribute("aria-label", re.compile(r", [<>]?[\d.]+%$"))
    dice.look(0)
    row = dice.rows.filter(has=dice.page.locator("button")).first
    label = str(row.locator("button .visually-hidden").text_content())
    model, tempered, filtered = shares(row)
    assert f"model {model}, at this temperature {tempered}, in the roll {filtered}. Take it instead." in label
    line = dice.panel.get_by_role("group", name=re.compile("^The line from 0 to 1: the roll"))
    expect(line).to_be_visible()
