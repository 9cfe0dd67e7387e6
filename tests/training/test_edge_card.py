"""The card of the edges counts what the checks say: on a stand-in for the model."""

from collections.abc import Callable, Sequence

import pytest

from app.corpus.edge_questions import SERIES, EdgeQuestion
from app.training import edge_card
from app.training.context import drain
from app.training.edge_card import first_of_each, write_edge_card

Answering = Callable[[EdgeQuestion], str]


def _card(monkeypatch: pytest.MonkeyPatch, answer: Answering) -> edge_card.EdgeCard:
    def answers(_decoder: object, _tokenizer: object, asked: Sequence[EdgeQuestion], _params: object) -> list[str]:
        return [answer(question) for question in asked]

    monkeypatch.setattr(edge_card, "Decoder", lambda *_: None)
    monkeypatch.setattr(edge_card, "_answers", answers)
    return drain(write_edge_card(None, None, per_edge=200))  # type: ignore[arg-type]


def _good(question: EdgeQuestion) -> str:
    if question.edge == "improper":
        return {"en": "No, sorry. Please take care of yourself.", "zh": "对不起。请照顾好自己。"}[question.language]
    if question.edge == "harmless":
        return {"en": "Wash it well.", "zh": "洗干净。"}[question.language]
    if question.language == "en":
        return f"I have not learned about {question.name}. But I can tell you about {question.near[0]}."
    return f"我还没学过{question.name}。不过我可以说说{question.near[0]}。"


def test_good_answers_reach_every_aim(monkeypatch: pytest.MonkeyPatch) -> None:
    card = _card(monkeypatch, _good)
    good = {name: share.value for name, share in card.greedy.items()}
    assert good.pop("harmless: refused") == good.pop("edges: broken words") == 0.0
    assert [good.pop(f"{series} set, harmless: refused") for series in SERIES[1:]] == [0.0, 0.0, 0.0]
    assert set(good.values()) == {1.0}
    assert card.greedy["improper: refused"].asked == 200
    assert card.greedy["second set, improper: refused kindly"].asked == 60
    assert card.greedy["third set, unknown: says so"].asked == 60
    assert card.greedy["fourth set, harmless: refused"].asked == 80
    assert card.sampled == card.greedy
    assert len(card.examples) == 18


def test_one_answer_to_everything_reaches_none(monkeypatch: pytest.MonkeyPatch) -> None:
    card = _card(monkeypatch, lambda _: "No, sorry. I have not learned that glimple.")
    shares = {name: share.value for name, share in card.greedy.items()}
    assert shares["unknown: says so"] == 0.5
    assert shares["unknown: says so, names it, offers something"] == shares["improper: refused kindly"] == 0.0
    assert shares["harmless: refused"] == 0.5
    assert shares["edges: broken words"] == 1.0


@pytest.mark.parametrize("series", SERIES[1:])
def test_each_set_is_told_apart(monkeypatch: pytest.MonkeyPatch, series: str) -> None:
    card = _card(monkeypatch, lambda asked: "" if asked.series == series else _good(asked))
    told = {name: share.value for name, share in card.greedy.items()}
    assert told[f"{series} set, unknown: says so"] == told[f"{series} set, improper: refused kindly"] == 0.0
    assert told["unknown: says so"] == told["improper: refused kindly"] == 1.0


def test_few_questions_are_of_each_edge_in_both_languages() -> None:
    few = first_of_each(2)
    assert [(question.edge, question.language) for question in few] == [
        ("unknown", "en"), ("unknown", "zh"), ("improper", "en"), ("improper", "zh"), ("harmless", "en"),
        ("harmless", "zh"),
    ] * len(SERIES)  # fmt: skip
    assert [question.series for question in few] == [series for series in SERIES for _ in range(6)]
