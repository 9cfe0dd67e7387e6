"""The train page with a real worker: a job is seen to learn and to end, another is cancelled; versions change hands."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.db.base import utc_now
from app.db.models.jobs import Job, JobMetric, JobStatus
from app.db.models.versions import VersionKind
from app.db.session import transaction
from app.services.jobs import job_folders, jobs
from app.services.lifecycle import activation
from app.services.versions import versions
from tests import databases
from tests.browser.label_page import WritingEngine
from tests.live import LiveServer, live_server, quick_settings, take_card
from tests.repository import REPOSITORY

RANKINGS = 32  # their 128 answers are all that the training normalizes its scores with
PATIENT_MS = 150_000  # PPO's first batch takes a minute on a machine that does much else


@contextmanager
def left_in_the_end(page: Page) -> Iterator[None]:
    """The page asks nothing any more before its server goes."""
    yield
    page.goto("about:blank")


@pytest.fixture(scope="module")
def server(
    tiny_model_dir: Path, installed_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    data = databases.copy_data(installed_data, tmp_path_factory.mktemp("train") / "data")
    engine = WritingEngine()
    with live_server(quick_settings(data, tiny_model_dir), lambda _settings, _directory: engine) as running:
        for _ in range(RANKINGS):
            rank(running)
        yield running


def rank(server: LiveServer) -> None:
    group = take_card(server.client)
    ranks = {str(answer["id"]): place for place, answer in enumerate(group["answers"], start=1)}
    answer = server.client.post(f"/api/v1/groups/{group['group_id']}/rankings", json={"ranks": ranks})
    assert answer.status_code == 201, answer.text


@pytest.fixture
def worker(server: LiveServer) -> Iterator[None]:
    settings = {
        "DATA_DIR": server.settings.data_dir,
        "MODEL_DIR": server.settings.model_dir,
        "WORKER_THREADS": 1,
        "WORKER_NICE": 0,
        "WORKER_POLL_SECONDS": 0.05,
        "AUTO_POLICY_ACCURACY": 2,  # policies only when this test asks
        "LOG_LEVEL": "warning",
    }
    environment = {**os.environ, **{f"FOURFOLD_{name}": str(value) for name, value in settings.items()}}
    process = subprocess.Popen([sys.executable, "-m", "app", "worker"], cwd=REPOSITORY, env=environment)
    yield
    process.send_signal(signal.SIGINT)
    process.wait(30)


def test_empty_states_say_what_to_do(page: Page, tiny_model_dir: Path, data_dir: Path) -> None:
    engine = WritingEngine()
    settings = quick_settings(data_dir, tiny_model_dir)
    with live_server(settings, lambda _settings, _directory: engine) as empty, left_in_the_end(page):
        page.goto(f"{empty.url}/train")
        expect(page.locator("#jobs")).to_contain_text("Rank some answers first")
        expect(page.locator("#curves")).to_contain_text("No curves yet")
        expect(page.locator("#samples")).to_contain_text("Nothing to compare yet")
        expect(page.get_by_role("button", name="Train reward model")).to_be_disabled()
        expect(page.locator("#version-1")).to_contain_text("answers now")


def test_a_training_that_came_and_went_between_two_looks_is_drawn(
    page: Page, tiny_model_dir: Path, data_dir: Path
) -> None:
    settings = quick_settings(data_dir, tiny_model_dir)
    with live_server(settings, lambda _settings, _directory: WritingEngine()) as empty, left_in_the_end(page):
        page.goto(f"{empty.url}/train")
        expect(page.locator("#curves")).to_contain_text("No curves yet")
        with transaction(empty.runtime.write) as session:
            now = utc_now()
            session.add(
                Job(
                    id="quick", kind="train_reward", dedup_key="quick", status=JobStatus.SUCCEEDED,
                    created_at=now, started_at=now, finished_at=now,
                )
            )  # fmt: skip
            session.flush()
            session.add(JobMetric(job_id="quick", step=1, values={"accuracy/held_out": 0.75}))
        expect(page.locator('[data-plot="accuracy"] [data-latest]').first).to_have_text("0.75")


def test_figures_come_while_the_page_is_open(page: Page, tiny_model_dir: Path, data_dir: Path) -> None:
    """The table that says what a curve shows: there from the first point on, and growing while it is read."""
    settings = quick_settings(data_dir, tiny_model_dir)
    with live_server(settings, lambda _settings, _directory: WritingEngine()) as server, left_in_the_end(page):
        with transaction(server.runtime.write) as session:
            now = utc_now()
            session.add(
                Job(
                    id="slow", kind="train_reward", dedup_key="slow", status=JobStatus.RUNNING,
                    created_at=now, started_at=now,
                )
            )  # fmt: skip
        page.goto(f"{server.url}/train?job=slow")
        plot = page.locator('[data-plot="accuracy"]')
        expect(plot).to_contain_text("Waiting for the first points")
        expect(plot.get_by_text("Show the figures")).to_be_hidden()
        for step, accuracy, rows in ((1, 0.75, ["10.75–"]), (2, 0.751, ["10.75–", "20.751–"])):
            with transaction(server.runtime.write) as session:
                session.add(JobMetric(job_id="slow", step=step, values={"accuracy/held_out": accuracy}))
            if step == 1:
                plot.get_by_text("Show the figures").click()
            expect(plot.locator("tbody tr")).to_have_text(rows)


@pytest.mark.usefixtures("worker")
def test_a_job_is_seen_to_the_end_and_the_next_one_cancelled(page: Page, server: LiveServer) -> None:
    page.goto(f"{server.url}/train")
    page.get_by_role("button", name="Train reward model").click()
    expect(page.locator("#jobs .job")).to_contain_text("Reward model training")
    see_it_succeed(page)
    see_its_curves(page)
    see_its_version(page)
    page.get_by_role("link", name="All versions").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("All versions")
    page.goto(f"{server.url}/train")
    cancel_a_policy(page)


def see_it_succeed(page: Page) -> None:
    past = page.locator(".past-job", has_text="Reward model training").first
    expect(past).to_contain_text("succeeded", timeout=PATIENT_MS)
    expect(page.locator("#jobs")).to_contain_text("Nothing is being trained")
    expect(page.locator("#version-2")).to_contain_text("scores now")


def see_its_curves(page: Page) -> None:
    accuracy = page.locator('[data-plot="accuracy"]')
    expect(accuracy.locator("canvas")).to_be_visible()
    expect(accuracy.locator("[data-latest]").last).not_to_have_text("–")
    expect(accuracy.locator("[data-summary]")).to_contain_text("at step")


def see_its_version(page: Page) -> None:
    page.locator("#version-2").get_by_role("link", name=str(RANKINGS)).click()
    expect(page.get_by_role("heading", name="Reward model 2")).to_be_visible()
    expect(page.get_by_role("list", name="Lineage").get_by_role("listitem")).to_contain_text(
        ["SFT model 1", "Reward model 2"]
    )
    learned = page.get_by_role("region", name="Rankings it learned from")
    expect(learned).to_contain_text(f"{RANKINGS} rankings")
    expect(learned.get_by_role("listitem").first.get_by_role("link")).to_have_attribute(
        "href", f"/data/rankings/{RANKINGS}"
    )


def cancel_a_policy(page: Page) -> None:
    page.get_by_role("button", name="Train policy (PPO)").click()
    job = page.locator("#jobs .job", has_text="Policy training")
    expect(job).to_contain_text("running", timeout=PATIENT_MS)
    reward = page.locator('[data-plot="reward"] [data-summary]')
    expect(reward).to_contain_text("at step", timeout=PATIENT_MS)
    expect(job.get_by_role("progressbar")).not_to_have_attribute("value", "0.0")
    job.get_by_role("button", name="Cancel").click()
    expect(page.locator(".past-job", has_text="Policy training").first).to_contain_text("cancelled", timeout=PATIENT_MS)
    expect(page.locator("#version-3")).to_have_count(0)


def test_the_chain_of_versions_changes_hands(page: Page, server: LiveServer) -> None:
    """A policy made by hand from the SFT weights: activated, then rolled back by one click."""
    with transaction(server.runtime.write) as session:
        sft = versions.sft_version(session)
        policy = versions.add_version(
            session,
            versions.NewVersion(
                kind=VersionKind.POLICY, parent_id=sft.id, path=sft.path, content_hash=sft.content_hash
            ),
        )
        found = {"reward/mean": 1.25, "reward/reference_mean": 0.0, "win_rate": 0.8, "kl": 4.2, "length_mean": 20.0}
        samples = [{"prompt_id": 1, "prompt": "Hi?", "before": "<b>old</b>", "after": "new"}]
        versions.record_evaluation(session, policy.id, evaluation=found, samples=samples)
    page.goto(f"{server.url}/train")
    expect(page.locator("#samples")).to_contain_text("<b>old</b>")
    row = page.locator(f"#version-{policy.id}")
    for text in ("candidate", "1.25", "80%", "4.2"):
        expect(row).to_contain_text(text)
    row.get_by_role("button", name="Activate").click()
    expect(row).to_contain_text("answers now")
    page.locator("#version-1").get_by_role("button", name="Roll back to SFT model 1").click()
    expect(page.locator("#version-1")).to_contain_text("answers now")
    expect(row).to_contain_text("rolled back")


def test_a_policy_that_has_left_its_bounds_is_said_so_wherever_it_is_praised(page: Page, server: LiveServer) -> None:
    """Train page and version page; a person may still activate it."""
    sentence = "62% of its answers only repeat words of the question; of the SFT model's, 2%."
    with transaction(server.runtime.write) as session:
        sft = versions.sft_version(session)
        policy = versions.add_version(
            session,
            versions.NewVersion(
                kind=VersionKind.POLICY,
                parent_id=sft.id,
                path=sft.path,
                content_hash=sft.content_hash,
                metrics={"flags": [{"name": "echo", "sentence": sentence}]},
            ),
        )
        samples = [{"prompt_id": 1, "prompt": "Hi?", "before": "Paris.", "after": "The capital of France."}]
        found = {"win_rate": 0.994, "kl": 4.2}
        versions.record_evaluation(session, policy.id, evaluation=found, samples=samples)
    page.goto(f"{server.url}/train")
    expect(page.locator("#samples [data-flags]")).to_contain_text(sentence)
    row = page.locator(f"#version-{policy.id}")
    expect(row).to_contain_text("out of bounds")
    expect(row.get_by_role("button", name=f"Activate anyway: Policy {policy.id}")).to_be_visible()
    expect(page.locator("#start-train_policy [data-plan]")).to_contain_text("by the model's size")
    page.goto(f"{server.url}/versions/{policy.id}")
    expect(page.locator("[data-flags]")).to_contain_text(sentence)
    expect(page.locator("[data-flags]")).to_contain_text("A rule will not activate it")
    page.get_by_role("button", name="Activate anyway").click()
    expect(page.get_by_text("answers now", exact=True)).to_be_visible()
    expect(page.locator("[data-flags]")).to_contain_text("has left its bounds. It is still the one that answers")
    expect(page.locator("[data-flags]")).not_to_contain_text("A rule")
    with transaction(server.runtime.write) as session:  # the next test finds the SFT model in its place
        activation.activate(session, sft.id, data_dir=server.settings.data_dir)


def test_what_a_job_left_out_is_told_in_one_line(page: Page, server: LiveServer) -> None:
    with transaction(server.runtime.write) as session:
        job = jobs.queue_job(session, kind="train_reward", params={})
        job.status, job.result = JobStatus.SUCCEEDED, {"left_out": {"rankings": 1, "answers": 0, "prompts": 1_200}}
        job.dispatched_at = job.finished_at = utc_now()
    page.goto(f"{server.url}/train")
    expect(page.locator(f"#past-{job.id}")).to_contain_text(
        "Left out as too long for the model: 1 ranking and 1,200 prompts"
    )


def test_a_failed_job_says_why_and_offers_the_next_step(page: Page, server: LiveServer) -> None:
    """To start again with the same parameters; and to go on, where there is a checkpoint."""
    parameters = {"seed": 7}
    with transaction(server.runtime.write) as session:
        job = jobs.queue_job(session, kind="train_reward", params=parameters)
        job.status, job.error = JobStatus.FAILED, "The loss is not a number. Lower learning_rate."
        job.dispatched_at = job.finished_at = utc_now()
    page.goto(f"{server.url}/train")
    failed = page.locator(f"#past-{job.id}")
    expect(failed).to_contain_text("Lower learning_rate")
    expect(failed.get_by_role("button", name="Resume")).to_have_count(0)
    failed.get_by_role("button", name="Start again: Reward model training").click()
    expect(page.locator("#jobs .job")).to_contain_text("Reward model training")
    (again,) = server.client.get("/api/v1/jobs", params={"status": "queued"}).json()["items"]
    assert again["job_id"] != job.id
    assert again["params"] == parameters
    page.locator("#jobs .job").get_by_role("button", name="Cancel").click()
    expect(page.locator("#jobs .job")).to_have_count(0)

    checkpoint = job_folders.checkpoint_path(server.settings, job.id)
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"")
    page.reload()
    failed.get_by_role("button", name="Resume Reward model training").click()
    expect(page.locator(f"#job-{job.id}")).to_contain_text("Waiting to resume from its checkpoint")
    page.locator("#jobs .job").get_by_role("button", name="Cancel").click()
    expect(page.locator("#jobs .job")).to_have_count(0)
