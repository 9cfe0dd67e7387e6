"""The curves of runs, looked at closely: by keyboard and pointer, kept in the address, several laid over each other."""

import re
from typing import Any

from playwright.sync_api import Browser, expect

from app.db.base import utc_now
from app.db.models.jobs import Job, JobAnswers, JobMetric, JobStatus
from app.db.session import transaction
from tests.browser.label_page import LabelPage
from tests.live import LiveServer

STEPS = 30


def run(server: LiveServer, name: str, factor: float = 1.0, **params: Any) -> None:
    with transaction(server.runtime.write) as session:
        if session.get(Job, name) is not None:
            return
        now = utc_now()
        session.add(
            Job(
                id=name, kind="train_policy", params=params, dedup_key=name, status=JobStatus.SUCCEEDED,
                step=STEPS, total_steps=STEPS, started_at=now, finished_at=now,
            )
        )  # fmt: skip
        session.flush()
        session.add_all(
            JobMetric(
                job_id=name, step=step,
                values={"objective/kl": factor * step / 10, "objective/scores": factor * (step % 2 - 0.5)},
            )
            for step in range(1, STEPS + 1)
        )  # fmt: skip


def tell(server: LiveServer, name: str, steps: list[int]) -> None:
    """What its policy answers after these steps."""
    with transaction(server.runtime.write) as session:
        session.add_all(
            JobAnswers(
                job_id=name, step=step, kl=step / 10,
                answers=[{"prompt_id": 1, "prompt": "Why?", "answer": f"said at {step}", "gain": step / 20}],
            )
            for step in steps
        )  # fmt: skip


def test_a_stretch_smoothing_and_a_step_by_the_keyboard(label_page: LabelPage) -> None:
    page, server = label_page.page, label_page.server
    run(server, "closely")
    page.goto(f"{server.url}/train/runs/closely")
    expect(page.locator('[data-plot="kl"] canvas')).to_be_visible()
    expect(page.locator('[data-plot="kl"] [data-latest]')).to_have_text("3")
    page.get_by_text("Look closer").press("Enter")
    reading = page.get_by_label("Read at step")
    reading.press("ArrowLeft")
    expect(reading).to_have_attribute("aria-valuetext", re.compile(r"Step 29: .*KL to the SFT model 2\.9"))
    expect(page.locator('[data-plot="kl"] [data-latest]')).to_have_text("2.9")
    expect(page.locator('[data-plot="reward"] [data-read]')).to_have_text("Step 29")
    reading.press("End")
    expect(page.locator('[data-plot="kl"] [data-latest]')).to_have_text("3")
    page.get_by_label("Smoothing").press("ArrowRight")
    page.get_by_label("Log scale").press("Space")
    expect(page.locator('[data-plot="reward"] [data-no-log]')).to_be_visible()
    expect(page.locator('[data-plot="kl"] [data-no-log]')).to_be_hidden()
    page.get_by_label("from step").fill("10")
    page.get_by_label("to step").fill("20")
    expect(page).to_have_url(re.compile(r"\?smoothing=0\.05&log=1&from=10&to=20$"))
    page.reload()
    expect(page.get_by_label("from step")).to_have_value("10")
    expect(page.get_by_label("Log scale")).to_be_checked()
    page.get_by_role("button", name="Whole run").click()
    expect(page).to_have_url(re.compile(r"\?smoothing=0\.05&log=1$"))


def test_a_stretch_and_values_by_the_pointer(label_page: LabelPage) -> None:
    page, server = label_page.page, label_page.server
    run(server, "pointed")
    page.goto(f"{server.url}/train/runs/pointed")
    over = page.locator('[data-plot="kl"] .u-over')
    expect(over).to_be_visible()
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    expect(page.locator('[data-plot="kl"] [data-read]')).to_have_text(re.compile("Step 1[4-7]"))
    expect(page.locator('[data-plot="reward"] [data-read]')).to_have_text(re.compile("Step 1[4-7]"))
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, middle, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"from=1[4-7]&to=2[1-4]"))
    over.dblclick()
    expect(page).to_have_url(re.compile(r"pointed$"))


def test_runs_laid_over_each_other_have_a_dash_and_a_name_each(label_page: LabelPage) -> None:
    page, server = label_page.page, label_page.server
    run(server, "one")
    run(server, "twice", 2.0, kl_coef=0.0)
    page.goto(f"{server.url}/train/runs/one")
    page.get_by_role("link", name="Lay other runs over these curves").click()
    with transaction(server.runtime.read) as session:
        title = f"Run {session.get_one(Job, 'twice').number}"
    page.locator("li", has_text=title).get_by_role("checkbox").check()
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#differences")).to_contain_text("kl_coef: 0.1 in run")
    kl = page.locator('[data-plot="objective-kl"]')
    expect(kl.locator("canvas")).to_be_visible()
    expect(kl.locator("[data-latest]")).to_have_text(["3", "6"])
    dashes = kl.locator(".legend [data-label]").evaluate_all(
        "(lines) => lines.map((line) => getComputedStyle(line, '::before').backgroundImage)"
    )
    assert len(set(dashes)) == 2


def test_the_answers_at_a_step_stand_beside_the_first_ones_and_the_curves_follow(label_page: LabelPage) -> None:
    page, server = label_page.page, label_page.server
    run(server, "answered")
    tell(server, "answered", [0, 10, 20, 30])
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{server.url}/train/runs/answered")
    answers, dial = page.locator("#answers"), page.get_by_label("Answers at")
    expect(answers.locator(".pair-text:visible")).to_have_text(["said at 0", "said at 30"])
    expect(page.locator('[data-plot="kl"] canvas')).to_be_visible()
    dial.press("ArrowLeft")
    expect(dial).to_have_attribute("aria-valuetext", "Step 20 · KL 2.00 nats an answer")
    expect(answers.locator(".pair-text:visible")).to_have_text(["said at 0", "said at 20"])
    expect(page.locator('[data-plot="kl"] [data-read]')).to_have_text("Step 20")
    dial.press("Home")
    expect(answers.locator(".pair-text:visible")).to_have_text(["said at 0"])
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_new_answers_come_while_it_runs_and_the_step_that_is_read_stays(label_page: LabelPage) -> None:
    page, server = label_page.page, label_page.server
    run(server, "answering")
    tell(server, "answering", [0, 10, 20])
    with transaction(server.runtime.write) as session:
        session.get_one(Job, "answering").status = JobStatus.RUNNING
    page.goto(f"{server.url}/train/runs/answering")
    shown = page.locator("#answers .pair-text:visible")
    expect(shown).to_have_text(["said at 0", "said at 20"])
    tell(server, "answering", [30])
    expect(shown).to_have_text(["said at 0", "said at 30"])
    page.get_by_label("Answers at").press("ArrowLeft")
    tell(server, "answering", [40])
    expect(page.get_by_label("Answers at")).to_have_attribute("max", "4")
    expect(shown).to_have_text(["said at 0", "said at 20"])
    with transaction(server.runtime.write) as session:
        session.get_one(Job, "answering").status = JobStatus.CANCELLED


def test_without_a_script_the_plain_plot_stays(browser: Browser, label_server: LiveServer) -> None:
    run(label_server, "plain")
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{label_server.url}/train/runs/plain")
        expect(page.locator('[data-plot="kl"] svg polyline')).to_be_visible()
        expect(page.locator("[data-dials]")).to_be_hidden()
        expect(page.locator('[data-plot="kl"] [data-latest]')).to_be_hidden()
