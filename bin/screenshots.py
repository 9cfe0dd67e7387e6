"""Takes the pictures of docs/images: a whole Fourfold with the shipped models, after some rankings, in real Chromium.

usage: FOURFOLD_CHROMIUM=… .venv/bin/python -m bin.screenshots   (in the repository; `make screenshots`)
"""

import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx2
from playwright.sync_api import Browser, Page, sync_playwright

from app.simulation.families import TASTES
from app.simulation.labeler import SimulatedLabeler
from app.simulation.noise import Noise
from bench.server import items, run_job, running_fourfold, wait_for_job

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
RANKINGS = 40
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
PATIENT_MS = 120_000


@dataclass(frozen=True)
class View:
    """How a page is looked at; `ending` is that of the picture's name."""

    ending: str
    width: int
    height: int
    dark: bool
    locale: str


VIEWS = (
    View("", 1280, 900, False, "en-US"),
    View("-dark", 1280, 900, True, "en-US"),
    View("-narrow", 360, 780, False, "en-US"),
    View("-chinese", 360, 780, True, "zh-CN"),
)


def label(page: Page) -> None:
    page.goto("/")
    page.locator("#answers").wait_for()


def playground(page: Page) -> None:
    page.goto("/playground?prompt=What+is+a+volcano%3F&n=1&temperature=1&seed=7&max_tokens=48")
    page.locator("[data-write]").click()
    page.locator("[data-write]").wait_for()
    token = page.locator(".tokens .token").first
    token.wait_for()
    page.locator(".write-row [data-stop]").wait_for(state="hidden")
    token.click()
    page.locator(".dice-sentence").wait_for()
    page.locator(".dice-sentence").evaluate("sentence => sentence.scrollIntoView({ block: 'center' })")


def tokens(page: Page) -> None:
    page.goto("/tokens?text=A+volcano+is+an+opening+in+the+ground.+火山是地面的开口。")
    page.locator("#cuts").wait_for()


def chat(page: Page) -> None:
    page.goto("/chat")
    page.locator("#chat-text").fill(
        "你好，火山是什么？" if "zh" in page.evaluate("navigator.language") else "What is a volcano?"
    )
    page.locator("#send").click()
    page.wait_for_url("**/chat/*")
    page.locator("#thread").wait_for()
    page.wait_for_load_state("networkidle")


def train(page: Page) -> None:
    page.goto("/train")
    page.locator("#versions").wait_for()
    page.wait_for_load_state("networkidle")


def arena(page: Page) -> None:
    page.goto("/arena")
    page.wait_for_load_state("networkidle")


def data(page: Page) -> None:
    page.goto("/data")


def versions(page: Page) -> None:
    page.goto("/versions")


def version(page: Page) -> None:
    page.goto("/versions")
    page.get_by_role("link", name=re.compile(r"^(Policy|策略)")).last.click()
    page.wait_for_load_state("networkidle")


def learn(page: Page) -> None:
    page.goto("/learn")
    page.get_by_role("main").get_by_role("link").first.wait_for()


PICTURES: dict[str, Callable[[Page], None]] = {
    "label": label,
    "playground": playground,
    "chat": chat,
    "arena": arena,
    "tokens": tokens,
    "data": data,
    "train": train,
    "versions": versions,
    "version": version,
    "learn": learn,
}
"""The picture's name -> what is done before it is taken."""


def use(client: httpx2.Client) -> None:
    """Some rankings, and what is made from them: what the pages show is real."""
    labeler = SimulatedLabeler(client, "simulated-list", TASTES["list"], noise=Noise(), seed=0)
    for _ in range(RANKINGS):
        labeler.rank_next()
    run_job(client, "train_reward")
    policy = run_job(client, "train_policy", {"total_episodes": 1_024})
    following = [job for job in items(client, "/api/v1/jobs") if job["created_at"] > policy["created_at"]]
    for job in following:
        wait_for_job(client, job["job_id"])


def take(browser: Browser, url: str, view: View) -> None:
    context = browser.new_context(
        base_url=url,
        viewport={"width": view.width, "height": view.height},
        color_scheme="dark" if view.dark else "light",
        locale=view.locale,
        has_touch=view.width < 500,
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENT_MS)
    page = context.new_page()
    for name, prepare in PICTURES.items():
        prepare(page)
        page.screenshot(path=IMAGES / f"{name}{view.ending}.png")
        print(f"docs/images/{name}{view.ending}.png")
    context.close()


def main() -> None:
    settings = {"retrain_after_rankings": 1_000, "auto_policy_accuracy": 2.0}
    with (
        tempfile.TemporaryDirectory(prefix="fourfold-screenshots-") as folder,
        running_fourfold(Path(folder), **settings) as client,
        sync_playwright() as playwright,
    ):
        use(client)
        browser = playwright.chromium.launch(executable_path=os.environ.get("FOURFOLD_CHROMIUM"), args=ARGUMENTS)
        for view in VIEWS:
            take(browser, str(client.base_url), view)


if __name__ == "__main__":
    main()
