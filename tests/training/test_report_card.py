"""The report card counts what the checks say: on a stand-in for the model that answers as the generator would."""

import pytest

from app.corpus.pair import Pair
from app.corpus.pairs import instruction_pairs
from app.corpus.topics import TOPIC_SHARES
from app.training import report_card
from app.training.context import drain
from app.training.report_card import Answer, distinct_fours, held_out_prompts, write_report_card

PROMPTS = 400


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Answers are the generator's; with "wrong" set, those to other prompts, unended."""
    state = {"wrong": False}
    monkeypatch.setattr(report_card, "Decoder", lambda *_: None)

    def answer(_decoder: object, _tokenizer: object, pairs: list[Pair], _params: object, n: int) -> list[list[Answer]]:
        texts = [pair.answer for pair in pairs]
        if state["wrong"]:
            texts = ["Zzz."] * len(texts)
        return [[Answer(f"{text}{'!' * place}", not state["wrong"]) for place in range(n)] for text in texts]

    monkeypatch.setattr(report_card, "_answers", answer)
    return state


@pytest.mark.usefixtures("answers")
def test_perfect_answers_get_a_perfect_card() -> None:
    card = drain(write_report_card(None, None, prompts=PROMPTS))  # type: ignore[arg-type]
    for name in ("on topic", "true facts", "ordered steps", "correct arithmetic", "refusals", "follow-up understood",
                 "right language", "ends within the limit"):  # fmt: skip
        share = card.greedy[name].value
        assert share is not None, name
        assert share >= 0.99, name
    assert (card.greedy["loops"].value, card.sampled["four distinct answers"].value) == (0.0, 0.0)
    assert card.sampled["on topic"].asked == 4 * PROMPTS
    assert set(card.topics) == set(TOPIC_SHARES), "a share over all would hide a topic that the draw missed"
    assert card.as_json()["prompts"] == PROMPTS


def test_answers_that_say_nothing_fail_every_line(answers: dict[str, bool]) -> None:
    answers["wrong"] = True
    card = drain(write_report_card(None, None, prompts=PROMPTS))  # type: ignore[arg-type]
    for name in ("on topic", "true facts", "ordered steps", "correct arithmetic", "refusals", "ends within the limit"):
        assert card.greedy[name].value == 0.0, name


def test_four_answers_are_distinct_or_not() -> None:
    same = [Answer("Yes.", True), Answer("yes", True), Answer("No.", True), Answer("Maybe.", True)]
    four = [Answer(word, True) for word in ("a", "b", "c", "d")]
    assert distinct_fours([same, four]).value == 0.5


def test_the_questions_are_not_in_training() -> None:
    trained = {pair.messages[0][1].casefold() for pair in instruction_pairs(0, 5_000)}
    assert not trained & {pair.messages[0][1].casefold() for pair in held_out_prompts(500)}
