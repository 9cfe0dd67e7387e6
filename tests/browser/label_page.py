"""What the label page's tests share: an engine with hostile answers, and the page as a person handles it."""

import itertools
import re
import threading
from collections.abc import Iterator

from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from app.chat import GenerationRequest, SampledAnswer, StreamEvent
from app.db.models.groups import Completion, Group, Skip
from app.db.models.labelers import Labeler
from app.db.models.rankings import Ranking
from tests.live import LiveServer, ScriptedEngine

HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"><b>bold</b> &amp; more"
ANSWERS = (
    "Here is a list:\n- sleep well\n- drink water\n- walk every day",
    HOSTILE,
    "保持健康的方法：早睡早起，多喝水，每天走路三十分钟。",
    "A single very long word follows: " + "x" * 200,
)


class WritingEngine(ScriptedEngine):
    """Answers with lists, Chinese, markup and a very long word; streams them word by word."""

    def __init__(self) -> None:
        super().__init__()
        self.may_finish = threading.Event()
        """Cleared, a stream stops after its second piece until it is set."""
        self.may_finish.set()
        self._rounds = itertools.count(1)

    def _answers(self) -> list[SampledAnswer]:
        number = next(self._rounds)
        # their tokens differ, too: a reward model learns nothing from answers that are the same
        return [SampledAnswer(f"{text} ({number})", [5, 6 + at, 4], "stop") for at, text in enumerate(ANSWERS)]

    def generate(self, request: GenerationRequest) -> list[SampledAnswer]:
        self._called("generate", request.version_id)
        return self._answers()[: request.n]

    def stream(self, request: GenerationRequest) -> Iterator[StreamEvent]:
        self._called("stream", request.version_id)
        for index, answer in enumerate(self._answers()[: request.n]):
            pieces = re.findall(r"\S+\s*", answer.text)
            for place, piece in enumerate(pieces):
                if place == 2:
                    self.may_finish.wait(30)
                yield StreamEvent(index, piece, answer if place == len(pieces) - 1 else None)


class LabelPage:
    """The label page in the hands of one labeler, who has a name of their own on a shared server."""

    def __init__(self, page: Page, server: LiveServer, name: str) -> None:
        self.page = page
        self.server = server
        self.name = name
        page.context.add_cookies([{"name": "fourfold_labeler", "value": name, "url": server.url}])

    def open(self, path: str = "/") -> "LabelPage":
        self.page.goto(self.server.url + path)
        expect(self.page.locator("#ranking-form")).to_be_visible()
        return self

    def answer(self, letter: str) -> Locator:
        return self.page.locator(f'[data-letter="{letter}"]')

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def choose(self, letter: str, rank: str) -> None:
        self.answer(letter).get_by_role("radio", name=rank).click()

    def group_id(self) -> int:
        action = self.page.locator("#ranking-form").get_attribute("action")
        assert action is not None
        return int(action.split("/")[2])

    def expect_next_card(self, former_group_id: int) -> None:
        expect(self.page.locator("#ranking-form")).not_to_have_attribute(
            "action", f"/groups/{former_group_id}/rankings"
        )
        expect(self.page.locator("#ranking-form")).to_be_visible()

    def marks(self) -> dict[str, str]:
        return {letter: self.answer(letter).locator("[data-rank-text]").inner_text() for letter in "ABCD"}

    def rankings(self) -> list[Ranking]:
        """This labeler's rankings, oldest first, withdrawn ones too."""
        with self.server.runtime.read() as session:
            statement = select(Ranking).join(Labeler).where(Labeler.name == self.name).order_by(Ranking.id)
            return list(session.scalars(statement))

    def by_letter(self, ranking: Ranking) -> dict[str, int]:
        with self.server.runtime.read() as session:
            statement = select(Completion).where(Completion.group_id == ranking.group_id)
            answers = session.scalars(statement.order_by(Completion.display_position))
            return {letter: ranking.ranks[str(answer.id)] for letter, answer in zip("ABCD", answers, strict=True)}

    def skips(self) -> list[Skip]:
        with self.server.runtime.read() as session:
            return list(session.scalars(select(Skip).join(Labeler).where(Labeler.name == self.name)))

    def status_of(self, group_id: int) -> str:
        with self.server.runtime.read() as session:
            group = session.get(Group, group_id)
            assert group is not None
            return str(group.status)
