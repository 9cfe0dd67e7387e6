"""A word of 10,000 characters, wherever a person's or a program's text is shown, widens no page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.chat import Message, SampledAnswer
from app.db.base import utc_now
from app.db.models.jobs import Job, JobStatus
from app.db.models.prompts import PromptSource
from app.db.models.versions import VersionKind
from app.db.session import transaction
from app.hparams import SamplingParams
from app.services.jobs import job_folders
from app.services.labeling import groups, labelers
from app.services.labeling.label_settings import Writers
from app.services.prompts import prompts
from app.services.versions import versions
from app.web.browser_name import COOKIE as LABELER_COOKIE
from tests.browser.label_page import WritingEngine
from tests.live import LEASE_SECONDS, LiveServer, live_server, quick_settings

WORD = "Wordwithoutend" * 714 + "Word"
LABELER = "W" * labelers.MAX_NAME_CHARACTERS
WIDER_THAN_THE_WINDOW = """() => {
    const seen = document.documentElement.clientWidth;
    const widest = document.documentElement.scrollWidth;
    if (widest <= seen) return [];
    const right = (each) => each.getBoundingClientRect().right;
    const outside = [...document.querySelectorAll("body *")].filter((each) => right(each) > seen + 1);
    return [`${widest} px`, ...outside.slice(0, 9).map((each) => each.tagName + "." + each.className)];
}"""


def test_the_word() -> None:
    assert len(WORD) == 10_000


@pytest.fixture(scope="module")
def server(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    settings = quick_settings(tmp_path_factory.mktemp("words") / "data", tiny_model_dir)
    with live_server(settings, lambda _settings, _directory: WritingEngine()) as running:
        fill(running)
        yield running


def fill(server: LiveServer) -> None:
    """The word in a card, a failed and a running job, a version's figures, names and samples."""
    with transaction(server.runtime.write) as session:
        sft = versions.sft_version(session)
        prompt = prompts.add_prompt(
            session, messages=[Message(role="user", content=WORD)], source=PromptSource.IMPORTED
        )
        answers = [SampledAnswer(f"{number}{WORD}", [5, 6, 4], "stop") for number in range(4)]
        groups.add_group(
            session,
            groups.NewGroup(
                prompt=prompt, writers=Writers.all_by(sft.id), params=SamplingParams(), seed=0, is_own=True
            ),
            answers,
            shuffle_seed=0,
            lease_seconds=LEASE_SECONDS,
        )
        policy = versions.add_version(
            session,
            versions.NewVersion(
                kind=VersionKind.POLICY,
                parent_id=sft.id,
                path=f"versions/{WORD}",
                content_hash=WORD,
                hparams={WORD: WORD},
                metrics={WORD: WORD, "name": WORD},
                code_commit=WORD,
            ),
        )
        samples = [{"prompt_id": 1, "prompt": WORD, "before": WORD, "after": WORD}]
        versions.record_evaluation(session, policy.id, evaluation={WORD: 0.5}, samples=samples)
        for number, status in enumerate((JobStatus.FAILED, JobStatus.RUNNING)):
            job = Job(id=status.value, kind="train_policy", dedup_key=str(number), status=status)
            job.error, job.message, job.started_at, job.step, job.total_steps = f"No {WORD}.", WORD, utc_now(), 1, 9
            session.add(job)
            session.flush()
    checkpoint = job_folders.checkpoint_path(server.settings, "failed")
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"")


@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_is_wider_than_its_window(page: Page, page_errors: list[str], server: LiveServer, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.context.add_cookies([{"name": LABELER_COOKIE, "value": LABELER, "url": server.url}])
    for path, shows in {
        "/": "#card",
        "/train": "#past-failed",
        "/train?job=failed": "#curves",
        "/versions/1": "h1",
        "/versions/2": "#samples-title",
        f"/train?job={WORD[:4_000]}": "h1",  # an error that repeats what was asked for
        "/versions/999": "h1",
    }.items():
        page.goto(f"{server.url}{path}")
        expect(page.locator(shows)).to_be_visible()
        for details in page.locator("details").all():
            details.evaluate("(each) => { each.open = true }")
        assert page.evaluate(WIDER_THAN_THE_WINDOW) == [], f"{path} at {width} px"
    page_errors.clear()  # the two errors, which the browser tells of


@pytest.mark.parametrize("width", [360, 1280])
def test_what_an_error_says_stays_in_its_place(
    page: Page, page_errors: list[str], server: LiveServer, width: int
) -> None:
    """Shown by htmx above the page."""
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{server.url}/train")
    form = page.locator("#past-failed form").first
    form.evaluate("(form, word) => { form.setAttribute('hx-post', `/jobs/${word}/restart`) }", WORD[:4_000])
    form.get_by_role("button").click()
    expect(page.locator("#alerts")).to_contain_text(WORD[:60])  # wider than 360 pixels
    assert page.evaluate(WIDER_THAN_THE_WINDOW) == []
    page_errors.clear()
