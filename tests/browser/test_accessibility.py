"""Names, headings, contrast: what a screen reader or a weak eye needs, on every page, light and dark.

axe looks at every state of every page; beside it a few checks of our own, which see what the browser makes of them.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.db.base import utc_now
from app.db.models.jobs import Job, JobStatus
from app.db.models.versions import VersionKind, VersionStatus
from app.db.session import transaction
from app.services.jobs import job_answers
from app.services.jobs.job_answers import AnswersInWords
from app.services.versions import versions
from app.training.stopping import Reason, Validation
from app.training.verdict import verdict_of
from tests.browser.label_page import LabelPage, WritingEngine
from tests.live import LiveServer
from tests.repository import REPOSITORY
from tests.waiting import wait_for

CONTROLS = {
    *("button", "link", "textbox", "radio", "checkbox", "combobox", "searchbox", "progressbar", "dialog", "switch"),
    *("DisclosureTriangle", "region", "navigation", "radiogroup"),
}
DUPLICATE_IDS = """() => {
    const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
    return ids.filter((id, at) => ids.indexOf(id) !== at);
}"""
# What is in a box that closes meanwhile never finishes: Chromium stops it.
FADED_IN = """Promise.race([
    Promise.allSettled(document.getAnimations()
        .filter((each) => Number.isFinite(each.effect.getComputedTiming().endTime))
        .filter((each) => each.effect.target.checkVisibility())
        .map((each) => each.finished)),
    new Promise((done) => setTimeout(done, 2_000)),
]).then(() => null)"""
WIDER_WITH_FOLDS_OPEN = """() => {
    const folds = [...document.querySelectorAll("details")], were = folds.map((fold) => fold.open);
    for (const fold of folds) fold.open = true;
    const wide = document.documentElement.scrollWidth, seen = document.documentElement.clientWidth;
    const ends = (each) => each.getBoundingClientRect().right;
    const outside = [...document.querySelectorAll("main *")].filter((each) => ends(each) > seen + 1);
    const told = outside.slice(0, 5).map((each) => each.outerHTML.slice(0, 80));
    folds.forEach((fold, at) => { fold.open = were[at]; });
    return wide > seen ? [`${wide} px of ${seen}`, ...told] : [];
}"""
"""What makes the page scroll sideways, with every fold open; they are closed again."""
AXE = REPOSITORY / "node_modules" / "axe-core" / "axe.min.js"
RUN_AXE = """async () => {
    const found = await axe.run(document, { resultTypes: ["violations"] });
    const told = (rule, node) => `${rule.id} ${node.html.slice(0, 120)} ${node.failureSummary}`;
    return found.violations.flatMap((rule) => rule.nodes.map((node) => told(rule, node)));
}"""
REWARD_METRICS: dict[str, Any] = {
    "verdict": "good fit",
    "held_out_accuracy": 0.84,
    "judge_rankings": 12.0,
    "ece": 0.02,
    "learning_curve": [[12, 0.7], [24, 0.78], [48, 0.84]],
    "reliability": [[0.55, 0.5, 10], [0.75, 0.7, 14], [0.95, 0.97, 40]],
    "blocks": {
        "length": 0.1,
        "mean 2": 0.4,
        "shape": 0.2,
        "end": 0.1,
        "finish": 0.1,
        "beginning": 0.05,
        "second": 0.05,
    },
}
"""Of a reward model that has learned well."""
WEAK_TEXT = (Path(__file__).parent / "weak_text.js").read_text(encoding="utf-8")


def accessibility_tree(page: Page) -> list[tuple[str, str]]:
    """Role and name of all that a screen reader is told; Chromium builds it a moment after a page is loaded."""
    session = page.context.new_cdp_session(page)

    def look() -> list[tuple[str, str]] | None:
        nodes: list[dict[str, Any]] = session.send("Accessibility.getFullAXTree")["nodes"]
        shown = [node for node in nodes if not node.get("ignored")]
        found = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in shown]
        return found if any(role == "heading" for role, _ in found) else None

    return wait_for(look, "accessibility tree of the page")


def nameless(page: Page) -> list[str]:
    return [role for role, name in accessibility_tree(page) if role in CONTROLS and not name]


def check(page: Page) -> None:
    page.evaluate(FADED_IN)
    assert nameless(page) == []
    assert page.evaluate(DUPLICATE_IDS) == []
    assert page.evaluate(WEAK_TEXT) == []
    assert page.evaluate(WIDER_WITH_FOLDS_OPEN) == []
    assert page.locator("h1").count() == 1
    assert page.locator("main").count() == 1
    assert page.locator("img:not([alt])").count() == 0
    assert page.locator("html[lang]").count() == 1


@pytest.fixture
def seen(request: pytest.FixtureRequest, label_page: LabelPage) -> Iterator[Callable[[str], None]]:
    """Call it with the name of a state: axe looks at the page as it is now."""
    scheme, width = request.param
    page = label_page.page
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    page.add_init_script(path=AXE)
    wrong: list[str] = []

    def look(state: str) -> None:
        page.evaluate(FADED_IN)
        wrong.extend(f"{state}: {each}" for each in page.evaluate(RUN_AXE))

    yield look
    assert wrong == []


BOTH = pytest.mark.parametrize("seen", [("light", 1280), ("dark", 360)], indirect=True, ids=["light", "dark"])


@BOTH
def test_the_label_page_in_every_state(
    label_page: LabelPage, seen: Callable[[str], None], page_errors: list[str], writing_engine: WritingEngine
) -> None:
    page = label_page.open().page
    check(page)
    seen("nothing ranked")
    label_page.press("Enter")
    seen("told what is missing")
    label_page.press("a", "=", "b", "c")
    check(page)
    seen("ready to submit")
    page.locator("#submit-ranking").hover()
    seen("submit under the pointer")
    page.locator("#skip > summary").click()
    seen("skip open")
    label_page.press("Escape", "p")
    page.get_by_role("button", name="Write four answers").click()
    expect(page.locator("#ask-error")).to_be_visible()
    check(page)
    seen("own prompt refused")
    label_page.press("Escape", "?")
    check(page)
    seen("help")
    page.get_by_role("button", name="Close").click()
    page.route("**/rankings", lambda route: route.abort())
    page.locator("#submit-ranking").click()
    expect(page.locator("#outbox")).to_be_visible()
    check(page)
    seen("waiting to be sent")
    page.get_by_role("button", name="Stop trying").click()
    page.unroute("**/rankings")
    writing_engine.may_finish.clear()
    page.locator("#ask-text").fill("Why is the sky blue?")
    page.get_by_role("button", name="Write four answers").click()
    expect(page.locator("[data-stream]")).to_be_visible()
    seen("being written")
    writing_engine.may_finish.set()
    page_errors.clear()  # the refused prompt and the cut line


@pytest.mark.parametrize(
    ("seen", "language"),
    [
        (("dark", 360), "en"),
        (("light", 1280), "zh"),
        pytest.param(("light", 1280), "en", marks=pytest.mark.nightly),
        pytest.param(("dark", 360), "zh", marks=pytest.mark.nightly),
    ],
    indirect=["seen"],
    ids=["dark-en", "light-zh", "light-en", "dark-zh"],
)
def test_the_label_page_with_more_open(label_page: LabelPage, seen: Callable[[str], None], language: str) -> None:
    """An own answer, the guidelines, what was saved, a card that was taken back; in both languages."""
    page = label_page.page
    page.context.set_extra_http_headers({"Accept-Language": language})
    group_id = label_page.open().group_id()
    expect(page.locator("html")).to_have_attribute("lang", re.compile(f"^{language}"))
    label_page.press("w")
    seen("own answer, empty")
    page.keyboard.type("Mine")
    label_page.press("Escape", "e", "a")
    check(page)
    seen("own answer, ranked")
    label_page.press("g")
    check(page)
    seen("guidelines")
    label_page.press("g", "s")
    check(page)
    seen("reasons to skip")
    label_page.press("Escape", "b", "c", "Enter")
    label_page.expect_next_card(group_id)
    expect(page.locator(".saved")).to_be_visible()
    check(page)
    seen("saved")
    label_page.press("?")
    seen("help")
    label_page.press("Escape", "u")
    expect(page.locator("#own-text")).to_have_value("Mine")
    seen("taken back")


@BOTH
def test_the_other_pages_in_every_state(
    label_page: LabelPage, seen: Callable[[str], None], page_errors: list[str]
) -> None:
    page, server = label_page.page, label_page.server
    made = training_states(server)
    page.goto(server.url + "/train?said=runs_already&kind=train_policy")
    for details in page.locator("details").all():
        details.evaluate("(each) => { each.open = true }")
    check(page)
    seen("training")
    for path in (
        f"/versions/{made}",
        f"/versions/{made + 1}",
        "/versions/1",
        "/versions/prune",
        "/data/prompts?done=added",
        "/train/label-page",
        "/train/runs/succeeded",
        "/train/runs/failed",
        "/train/runs/running",
        "/train/compare?job=succeeded&job=failed",
        "/train/start?kind=train_policy&preset=cheat",
        "/train/start?kind=train_policy&preset=longer",
        "/nowhere",
        "/data/prompts/1/delete",
    ):
        page.goto(server.url + path)
        check(page)
        seen(path)
    page.goto(server.url + "/data/prompts")
    page.locator("#add > summary").click()
    page.locator("#add-text").fill(" ")
    page.locator("#add form button").click()
    expect(page.locator("#add-error")).to_be_visible()
    check(page)
    seen("prompt refused")
    page_errors.clear()  # the browser logs the errors


def training_states(server: LiveServer) -> int:
    """Jobs and versions in all their states; the id of a flagged policy with samples, and behind it a reward model."""
    now = utc_now()
    with transaction(server.runtime.write) as session:
        if session.get(Job, "running") is None:
            for status in JobStatus:
                session.add(
                    Job(
                        id=status.value, kind="train_policy", dedup_key=status.value, status=status, step=1,
                        total_steps=9, error="The loss is not a number." if status is JobStatus.FAILED else None,
                        created_at=now, started_at=now, heartbeat_at=now, ends_at=now,
                        cancel_requested=status is JobStatus.QUEUED,
                    )
                )  # fmt: skip
                session.flush()
            looks = [
                AnswersInWords(step, 0.5, [{"prompt_id": 1, "prompt": "Hi?", "answer": f"Answer {step}.", "gain": 0.5}])
                for step in (0, 4)
            ]
            job_answers.add(session, "succeeded", looks)
        sft = versions.sft_version(session)
        said = "62% of its answers only repeat words of the question; of the SFT model's, 3%."
        flags = [{"name": "echo", "sentence": said}]
        found = Validation(64, 1.0, (0.9, 1.0), (0.8, 0.9), {"win_rate": 0.8, "knowledge": 0.4}, (said,))
        history = [Validation(0, 0.0, (0.0,), (0.0,)), found]
        verdict = verdict_of(history, Reason.FORGETTING).as_json() | {"examples": []}
        policy = versions.add_version(
            session,
            versions.NewVersion(
                kind=VersionKind.POLICY,
                parent_id=sft.id,
                path=sft.path,
                content_hash=sft.content_hash,
                metrics={"flags": flags, "verdict": verdict, "evaluations_apart": {"1": {"win_rate": 0.5}}},
            ),
        )
        samples = [
            {
                "prompt_id": 1, "prompt": "Hi?", "before": "Paris.", "after": "The capital of France.",
                "before_scored": {"score": -0.5, "deviation": None}, "after_scored": {"score": 1.5, "deviation": 0.75},
            }
        ]  # fmt: skip
        versions.record_evaluation(session, policy.id, evaluation={"win_rate": 0.994, "kl": 4.2}, samples=samples)
        versions.add_version(
            session,
            versions.NewVersion(
                kind=VersionKind.REWARD, parent_id=sft.id, path="r", content_hash="h", metrics=REWARD_METRICS
            ),
        )
        rolled = versions.add_version(
            session, versions.NewVersion(kind=VersionKind.POLICY, parent_id=sft.id, path="p", content_hash="h")
        )
        rolled.status = VersionStatus.RETIRED
    return policy.id


def test_ranks_are_said_by_number_and_not_by_colour_alone(label_page: LabelPage) -> None:
    label_page.open().press("a", "Shift+B", "c")
    assert label_page.marks() == {"A": "tied 1st", "B": "tied 1st", "C": "3rd", "D": "4th"}
    expect(label_page.page.locator("#announcer")).to_contain_text("The order is A tied with B, then C, then D.")


def test_the_keyboard_reaches_everything(label_page: LabelPage) -> None:
    page = label_page.open().page
    reached: set[str] = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "document.activeElement.id || document.activeElement.className || document.activeElement.tagName"
            )
        )
    assert {"skip-link", "handle", "comment", "submit-ranking"} <= reached
    assert page.locator(".skip-link").get_attribute("href") == "#main"
