"""What the corpus knows of a prompt decides whether an answer is about it, true, or degenerate."""

from functools import cache

import pytest

from app.corpus.pair import Pair
from app.corpus.pairs import instruction_pairs
from app.corpus.prompts import load_prompts
from app.simulation.questions import Question, is_degenerate, on_topic, question_of, relevance, truth

FACT = "A volcano is a mountain that can throw out melted rock and ash."


@cache
def volcano() -> Question:
    """The first question takes a second or two, for which the collection of tests need not wait."""
    return question_of("What is a volcano?")


@cache
def pairs() -> list[Pair]:
    return [pair for pair in instruction_pairs(2, 600) if len(pair.messages) == 1]


def test_every_shipped_prompt_is_known() -> None:
    assert all(question_of(prompt.text).subject is not None for prompt in load_prompts())
    assert question_of("what is a volcano").subject == volcano().subject


def test_answers_of_the_generator_are_on_topic_and_none_is_degenerate() -> None:
    for pair in pairs():
        question = question_of(pair.messages[0][1])
        assert on_topic(question, pair.answer), pair
        assert not is_degenerate(question, pair.answer), pair
        known = truth(question, pair.answer)
        assert known is None or known >= 0.3, pair


def test_answers_to_other_prompts_are_off_topic_and_untrue() -> None:
    others = [*pairs()[11:], *pairs()[:11]]
    asked = [question_of(pair.messages[0][1]) for pair in pairs()]
    off = [not on_topic(question, other.answer) for question, other in zip(asked, others, strict=True)]
    assert sum(off) > 0.97 * len(off)
    told = [truth(question, other.answer) for question, other in zip(asked, others, strict=True)]
    known = [share for share in told if share is not None]
    assert sum(known) < 0.03 * len(known)


@pytest.mark.parametrize(
    "text", ["", " ", "!?", "What is a volcano?", "a VOLCANO", f"{FACT} {FACT}", "Так не бывает.", "火山很大。"]
)
def test_degenerate(text: str) -> None:
    assert is_degenerate(volcano(), text)


def test_an_echo_that_was_asked_for_is_an_answer() -> None:
    pair = next(pair for pair in pairs() if pair.topic == "rewrite" and pair.subject.slot.startswith("list: "))
    assert not is_degenerate(question_of(pair.messages[0][1]), pair.answer)


def test_relevance_is_a_share_of_the_sentences() -> None:
    assert relevance(volcano(), f"Hello there! {FACT} Take care!") == 1
    assert relevance(volcano(), f"{FACT} Wash the potatoes well and cut them.") == 0.5
    assert relevance(volcano(), "Hello there!") == 0


def test_a_prompt_that_no_bank_holds() -> None:
    question = question_of("Which harbour do ferries to Orkney leave from?")
    assert question.subject is None
    assert on_topic(question, "From Scrabster.")
    assert truth(question, "From Scrabster.") is None
    assert relevance(question, "Ferries to Orkney leave from Scrabster.") > relevance(question, "From Scrabster.")
    assert is_degenerate(question, "ferries to Orkney")


def test_a_wrong_number_is_no_answer() -> None:
    question = question_of("What is 3 + 4?")
    assert on_topic(question, "3 + 4 = 7")
    assert not on_topic(question, "3 + 4 = 8")
