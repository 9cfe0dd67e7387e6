"""Where the focus goes when what had it is gone, and what a screen reader hears then."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import update

from app.db.base import utc_now
from app.db.models.groups import Group, GroupStatus
from app.db.models.jobs import Job, JobMetric, JobStatus
from app.db.models.versions import Version, VersionKind
from app.db.session import transaction
from app.services.jobs import heartbeats
from app.services.lifecycle import activation
from app.services.prompts import curation
from app.services.versions import versions
from tests.browser.label_page import LabelPage, WritingEngine
from tests.live import LiveServer


def name_of(page: Page, selector: str) -> str:
    """As a screen reader says it."""
    session = page.context.new_cdp_session(page)
    session.send("DOM.enable")
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    node = session.send("DOM.querySelector", {"nodeId": root, "selector": selector})["nodeId"]
    found: list[dict[str, Any]] = session.send(
        "Accessibility.getPartialAXTree", {"nodeId": node, "fetchRelatives": False}
    )["nodes"]
    return str(found[0]["name"]["value"])


@pytest.fixture
def policy(label_server: LiveServer) -> Version:
    with transaction(label_server.runtime.write) as session:
        sft = versions.sft_version(session)
        activation.activate(session, sft.id, data_dir=label_server.settings.data_dir)
        return versions.add_version(
            session,
            versions.NewVersion(
                kind=VersionKind.POLICY, parent_id=sft.id, path=sft.path, content_hash=sft.content_hash
            ),
        )


def running_job(server: LiveServer, name: str) -> None:
    with transaction(server.runtime.write) as session:
        now = utc_now()
        heartbeats.beat(session, "w", now)
        session.add(
            Job(
                id=name, kind="train_policy", dedup_key=name, status=JobStatus.RUNNING, executor_id="w",
                created_at=now, started_at=now, heartbeat_at=now, step=1, total_steps=9,
            )
        )  # fmt: skip


def test_the_next_prompt_is_read_out(label_page: LabelPage) -> None:
    page, group_id = label_page.page, label_page.open().group_id()
    label_page.press("a", "b", "c", "Enter")
    label_page.expect_next_card(group_id)
    prompt = page.locator("#card-prompt").inner_text()
    assert prompt
    expect(page.locator("#card-heading")).to_be_focused()
    assert name_of(page, "#card-heading") == f"Prompt {prompt}"
    expect(page.locator("#announcer")).to_contain_text("A, then B, then C, then D was saved.")


def test_the_focus_stays_with_an_activated_version(label_page: LabelPage, policy: Version) -> None:
    page = label_page.page
    page.goto(label_page.server.url + "/train")
    row = page.locator(f"#version-{policy.id}")
    row.get_by_role("button", name="Activate").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#train-notice")).to_have_text(f"Policy {policy.id} answers now.")
    expect(row.get_by_role("link", name=f"Policy {policy.id}")).to_be_focused()
    page.locator("#activate-1").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#train-notice")).to_have_text("SFT model 1 answers now.")
    expect(page.locator("#version-1").get_by_role("link").first).to_be_focused()


def test_the_focus_stays_with_a_cancelled_job(label_page: LabelPage) -> None:
    page, server = label_page.page, label_page.server
    running_job(server, "stops")
    page.goto(server.url + "/train")
    page.locator("#cancel-stops").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#job-stops")).to_contain_text("stopping")
    expect(page.locator("#job-stops h3 a")).to_be_focused()
    with transaction(server.runtime.write) as session:
        job = session.get_one(Job, "stops")
        job.status, job.finished_at = JobStatus.CANCELLED, utc_now()
    expect(page.locator("#job-stops")).to_have_count(0)
    expect(page.locator("#jobs-title")).to_be_focused()


def test_curves_say_how_their_job_stands(label_page: LabelPage) -> None:
    page, server = label_page.page, label_page.server
    running_job(server, "drawn")
    page.goto(server.url + "/train?job=drawn")
    state = page.locator("[data-job-state]")
    expect(state).to_have_text("running")
    expect(page.locator("[data-placeholder]").first).to_have_text("Waiting for the first points.")

    def change(**values: object) -> None:
        with transaction(server.runtime.write) as session:
            for name, value in values.items():
                setattr(session.get_one(Job, "drawn"), name, value)

    change(status=JobStatus.QUEUED)
    expect(state).to_have_text("queued")
    change(status=JobStatus.RUNNING, cancel_requested=True)
    expect(state).to_have_text("stopping")
    with transaction(server.runtime.write) as session:
        session.add(JobMetric(job_id="drawn", step=1, values={"objective/scores": -0.12}))
    expect(page.locator('[data-plot="reward"] [data-latest]').first).to_have_text("−0.12")
    expect(page.locator('[data-plot="reward"] [data-summary]')).to_contain_text("Score: −0.12 at step 1")
    change(status=JobStatus.CANCELLED, finished_at=utc_now())
    expect(state).to_have_text("cancelled")
    expect(page.locator('[data-plot="kl"] [data-placeholder]')).to_have_text("No points were recorded.")


def test_the_prompts_page_leads_to_what_it_says(label_page: LabelPage) -> None:
    """It works by whole pages: each begins where what was done is told, or, further on in the list, at the list."""
    page, server = label_page.page, label_page.server
    page.goto(server.url + "/data/prompts")
    page.get_by_role("button", name="Archive").first.click()
    told = page.get_by_role("status").filter(has_text="The prompt was archived.")
    expect(told).to_be_focused()
    page.get_by_role("link", name="Next page").click()
    expect(page.get_by_role("heading", name="The prompts")).to_be_focused()
    page.get_by_role("button", name="Archive").first.click()
    expect(told).to_be_focused()


def test_quick_clicks_go_from_page_to_page_but_press_no_button_that_has_just_come(label_page: LabelPage) -> None:
    """The browser counts the clicks at one place, whatever page is there by then."""
    page = label_page.page
    page.goto(label_page.server.url + "/data/prompts")
    page.get_by_role("link", name="Next page").click()
    expect(page).to_have_url(re.compile("after="))
    second = page.url
    click_again(page, page.get_by_role("link", name="Next page"))
    expect(page).not_to_have_url(second)
    archives = page.get_by_role("button", name="Archive")
    before = archives.count()
    click_again(page, archives.first)
    page.reload()
    expect(archives).to_have_count(before)


def click_again(page: Page, place: Locator) -> None:
    """The second click of two quick ones."""
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down(click_count=2)
    page.mouse.up(click_count=2)


@pytest.mark.parametrize("path", ["/train?job=past", "/versions/1", "/data/prompts?show=archived"])
def test_moments_are_the_readers_own(label_page: LabelPage, path: str) -> None:
    page, server = label_page.page, label_page.server
    with transaction(server.runtime.write) as session:
        if session.get(Job, "past") is None:
            session.add(Job(id="past", kind="evaluate", dedup_key="past", status=JobStatus.FAILED))
        curation.archive_prompt(session, 1, utc_now())
    page.context.new_cdp_session(page).send("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Kolkata"})
    page.goto(server.url + path)
    moment = page.locator("main time").first
    stamp = moment.get_attribute("datetime")
    style = "{dateStyle: 'medium', timeStyle: 'short'}"
    local = page.evaluate(f"stamp => new Intl.DateTimeFormat(undefined, {style}).format(new Date(stamp))", stamp)
    expect(moment).to_have_text(local)
    assert "India Standard Time" in (moment.get_attribute("title") or "")


def test_a_page_that_waits_keeps_the_focus_and_says_when_it_takes_long(
    label_page: LabelPage, writing_engine: WritingEngine
) -> None:
    page, server = label_page.page, label_page.server
    page.clock.install()
    writing_engine.may_answer.clear()
    try:
        with transaction(server.runtime.write) as session:
            session.execute(update(Group).values(status=GroupStatus.EXPIRED))
        page.goto(server.url + "/")
        expect(page.get_by_role("heading", name="The model is writing")).to_be_visible()
        tools, card = page.locator("#ask > summary").bounding_box(), page.locator("#card").bounding_box()
        assert tools is not None
        assert card is not None
        assert tools["y"] + tools["height"] <= card["y"], "what stands beside a prompt stands above a box without one"
        page.locator("#look-again").focus()
        for _ in range(2):
            with page.expect_response("**/card"):
                page.clock.run_for(1_500)
        expect(page.locator("#look-again")).to_be_focused()
        expect(page.locator("[data-long]")).to_be_hidden()
        for _ in range(3):  # in steps that no request takes for its end
            with page.expect_response("**/card"):
                page.clock.fast_forward(9_000)
        expect(page.locator("[data-long]")).to_contain_text("This is taking longer than usual")
    finally:
        writing_engine.may_answer.set()
    page.clock.resume()
    expect(page.locator("#ranking-form")).to_be_visible()
