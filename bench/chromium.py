"""The playground in a headless Chromium: from the click to an answer's first token on the page, by the page's clock."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from playwright.sync_api import Page, sync_playwright

CHROMIUM = os.environ.get("FOURFOLD_CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
PATIENT_MS = 60_000
CLOCK = """
const times = (globalThis.times = {});
let before = new Set();
const panes = () => [...document.querySelectorAll(".pane-text")];
addEventListener("click", (event) => {
  if (!event.target.closest("[data-write], .answers-head button")) return;
  before = new Set(panes());
  for (const name of Object.keys(times)) delete times[name];
  times.click = performance.now();
}, { capture: true });
const plain = globalThis.fetch;
globalThis.fetch = async (...asked) => {
  const counts = String(asked[0]).endsWith("/generate");
  if (counts) times.asked = performance.now();
  const response = await plain(...asked);
  if (counts) times.answered = performance.now();
  return response;
};
new MutationObserver(() => {
  if (times.click === undefined || times.shown !== undefined) return;
  if (panes().some((pane) => !before.has(pane) && pane.querySelector(".token"))) times.shown = performance.now();
}).observe(document, { subtree: true, childList: true });
"""
"""The observer is called behind the script that changed the page, before anything is painted."""

TIMES = """async () => {
  const ended = () => performance.getEntriesByType("resource").find((entry) => entry.name.endsWith("/generate"));
  while (!ended()) await new Promise((resolve) => setTimeout(resolve, 5));
  const { requestStart, responseStart } = ended();
  performance.clearResourceTimings();
  return { ...times, sent: requestStart, received: responseStart };
}"""
STAGES = ("asked", "sent", "received", "answered", "shown")


@contextmanager
def opened_playground(url: str, prompt: str) -> Iterator[Page]:
    """One answer to `prompt`, once written: what a page loads when it is first used is there."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_context(bypass_csp=True).new_page()  # which forbids what Playwright waits with
        page.set_default_timeout(PATIENT_MS)
        page.add_init_script(CLOCK)
        page.goto(f"{url}/playground?prompt={quote(prompt)}&n=1&temperature=1")
        page.click("[data-write]")
        _wait_complete(page)
        page.evaluate(TIMES)
        yield page
        browser.close()


def shown_after(page: Page) -> dict[str, float]:
    """Milliseconds from the click for another answer until the page asked for it (`asked`), the browser sent that
    (`sent`) and had the first byte (`received`), the page had it (`answered`), and its first token stood there
    (`shown`)."""
    page.get_by_role("button", name="Again, new seed").click()
    _wait_complete(page)
    times: dict[str, float] = page.evaluate(TIMES)
    return {name: times[name] - times["click"] for name in STAGES}


def _wait_complete(page: Page) -> None:
    page.wait_for_function("times.shown !== undefined && !document.querySelector('.pane-text.writing')")
