"""An answer's tokens and dice on a page of the real server, for tests: shown, looked at, and compared with the API."""

from collections.abc import Mapping, Sequence
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.live import LiveServer

SHEETS = ("answer_tokens", "dice", "dice_roll", "branches")
SHOW = """async ([body, sheets, version]) => {
    for (const sheet of sheets) {
        const link = document.createElement("link");
        Object.assign(link, { rel: "stylesheet", href: `/static/css/${sheet}.css` });
        document.head.append(link);
    }
    const { showTokens } = await import("/static/js/answer_tokens.js");
    const { generate } = await import("/static/js/generating.js");
    const element = document.createElement("div");
    element.id = "answer";
    const heading = document.createElement("h2");
    heading.textContent = "An answer";
    document.querySelector("#main").replaceChildren(
        document.querySelector("#alerts"), document.querySelector("h1"), heading, element);
    const answer = { body, index: body.index ?? 0, version, tokens: [], finished: null };
    window.answer = answer;
    window.showTokens = showTokens;
    for await (const event of generate({ ...body, n: 1, logprobs: 0 })) {
        if (event.type === "piece") answer.tokens.push(...(event.tokens ?? []));
        if (event.type === "answer") answer.finished = event.finish_reason;
        showTokens(element, answer);
    }
}"""


class DicePage:
    """`body` is the request that the answer came from; `seed` is in it."""

    def __init__(self, page: Page, server: LiveServer) -> None:
        self.page, self.server = page, server
        self.tokens = page.locator(".tokens [role=option]")
        self.panel = page.locator(".dice")
        self.sentence = page.locator(".dice-sentence")
        self.rows = page.locator(".dice-rows > li")
        self.branches = page.locator("[data-branch]")
        self.body: dict[str, Any] = {}

    def open(self, **body: Any) -> "DicePage":
        self.body = {"prompt": "Why is the sky blue?", "seed": 5, "max_tokens": 12, "temperature": 1.0, **body}
        self.page.goto(self.server.url + "/data/prompts")
        self.show()
        return self

    def show(self) -> None:
        """Again, as after a reload."""
        self.page.evaluate(SHOW, [self.body, SHEETS, 1])

    def look(self, index: int) -> None:
        """By a click; returns once the bars are there."""
        self.tokens.nth(index).click()
        self.expect_open(index)

    def expect_open(self, index: int) -> None:
        expect(self.panel.get_by_role("heading")).to_contain_text(f"Token {index + 1} of")
        expect(self.panel).not_to_have_attribute("aria-busy", "true")
        expect(self.rows.first).to_be_visible()

    def ids(self) -> list[int]:
        """Of the answer as it was asked for."""
        return [int(token) for token in self.page.evaluate("answer.tokens.map((token) => token.token_id)")]

    def uniform(self, index: int) -> float:
        return float(self.page.evaluate("(index) => answer.tokens[index].uniform", index))

    def take(self, row: int) -> int:
        """Takes the token of a row by its button; its id."""
        item = self.rows.nth(row)
        token = int(item.get_attribute("data-id") or "")
        item.locator("button").click()
        return token

    def take_another(self) -> int:
        """Takes a token that does not stand there, about the sixth likeliest."""
        return self.take(5 if self.rows.nth(5).locator("button").count() else 6)

    def expect_written(self) -> None:
        """Nothing is being written."""
        expect(self.page.get_by_role("button", name="Stop", exact=True)).to_be_hidden()

    def shown_text(self) -> str:
        return str(self.page.locator(".plain").text_content())

    def generated(self, **changes: Any) -> Mapping[str, Any]:
        """A fresh run through the API."""
        body = {**self.body, "n": 1, "logprobs": 0, **changes}
        answer = self.server.client.post("/api/v1/generate", json=body)
        assert answer.status_code == 200, answer.text
        completion: Mapping[str, Any] = answer.json()["completions"][0]
        return completion

    def next_token(self, prefix: Sequence[int], **settings: Any) -> Mapping[str, Any]:
        names = ("prompt", "messages", "text", "temperature", "top_k", "top_p", "min_p", "repetition_penalty")
        body = {name: self.body[name] for name in names if name in self.body}
        answer = self.server.client.post(
            "/api/v1/next-token", json={**body, "continue_from": list(prefix), "k": 20, "all": False, **settings}
        )
        assert answer.status_code == 200, answer.text
        told: Mapping[str, Any] = answer.json()
        return told

    def slider(self, name: str) -> Locator:
        return self.panel.get_by_role("slider", name=name)
