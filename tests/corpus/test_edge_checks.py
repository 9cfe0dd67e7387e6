"""The checks of the edges pass on the generator's own answers and fail on others."""

from itertools import pairwise

import pytest

from app.corpus import checks
from app.corpus.banks import Language
from app.corpus.edge_checks import broken_words, known_names, offers, owns_up, owns_up_to, refuses_kindly
from app.corpus.pair import Pair
from app.corpus.pairs import distinct_pairs, instruction_pairs


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return [pair for pair in distinct_pairs(31, 2_500, answers=True, edges=True) if not pair.followup]


def test_the_unknown_is_owned_up_to_by_name_and_something_known_is_offered(pairs: list[Pair]) -> None:
    asked = [pair for pair in pairs if pair.topic == "unknown"]
    assert {pair.language for pair in asked} == {"en", "zh"}
    for pair in asked:
        assert owns_up_to(pair.answer, pair.subject.evidence[0], pair.language), pair
        assert offers(pair.answer, known_names(pair.language), pair.language), pair
        assert not checks.refuses(pair.answer, pair.language), pair
    for pair, other in pairwise(asked):
        if pair.language == other.language and pair.slot != other.slot:
            assert not owns_up_to(other.answer, pair.subject.evidence[0], pair.language), (pair, other)


def test_known_things_are_never_called_unknown(pairs: list[Pair]) -> None:
    """Small talk may say that something is beyond it."""
    known = [pair for pair in pairs if pair.topic not in ("unknown", "chat")]
    assert not [pair for pair in known if owns_up(pair.answer, pair.language)]


def test_improper_requests_are_refused_kindly_and_nothing_else(pairs: list[Pair]) -> None:
    improper = [pair for pair in pairs if pair.topic == "improper"]
    assert improper
    for pair in improper:
        assert refuses_kindly(pair.answer, pair.language), pair
        assert checks.on_topic(pair.subject, pair.answer), pair
    assert not refuses_kindly("No, sorry.", "en")
    assert not refuses_kindly("我的回答是不。", "zh")


@pytest.mark.parametrize(
    ("language", "text", "name", "right"),
    [
        ("en", "I have not learned about a narwhal. But I can tell you about a whale.", "narwhal", True),
        ("en", "I have not learned about it. A narwhal may be fine.", "narwhal", False),
        ("en", "I never learned how to fix your car.", "fix my car", True),
        ("en", "A narwhal is a calm breakfast.", "narwhal", False),
        ("zh", "鸭嘴兽我没有学过。不过我可以说说熊。", "鸭嘴兽", True),
        ("zh", "我没有学过。鸭嘴兽很可爱。", "鸭嘴兽", False),
        ("zh", "我还没学过MBTI。不过我可以说说书。", "MBTI", True),
        ("zh", "XMBTI我还没学过。", "MBTI", False),
    ],
)
def test_the_name_stands_in_the_sentence_that_owns_up(language: Language, text: str, name: str, right: bool) -> None:
    assert owns_up_to(text, name, language) is right


def test_no_answer_of_the_generator_has_a_broken_word(pairs: list[Pair]) -> None:
    held_out = list(instruction_pairs(32, 800, held_out=True))
    for pair in [*pairs, *held_out]:
        assert broken_words(pair.answer, "\n".join(text for _, text in pair.messages)) == [], pair


@pytest.mark.parametrize(
    ("text", "asked", "broken"),
    [
        ("A whale is a large anifish.", "What is a whale?", ["anifish"]),
        ("I have not learned about a Snel kran.", "what is a snel kran?", []),
        ("Whales swim.", "What is a whale?", []),
        ("鲸是海里最大的哺乳动物。", "什么是鲸？", []),
        ("鲸是海袜里最大的动物。", "什么是鲸？", ["袜"]),
        ("鲸是\ufffd大的。", "什么是鲸？", ["\ufffd"]),
    ],
)
def test_words_that_there_are_not(text: str, asked: str, broken: list[str]) -> None:
    assert broken_words(text, asked) == broken
