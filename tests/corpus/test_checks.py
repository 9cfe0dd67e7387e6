"""The checks of the report card pass on the generator's own answers and fail on others: both ways, for every topic."""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from app.corpus import checks
from app.corpus.pair import Pair
from app.corpus.pairs import instruction_pairs
from app.corpus.subjects import subjects_by_topic


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return list(instruction_pairs(21, 1_500, held_out=True))


def _passes(pair: Pair, text: str) -> bool:
    return checks.follows_up(pair, text) if pair.followup else checks.on_topic(pair.subject, text)


def test_what_the_generator_answers_is_on_topic(pairs: list[Pair]) -> None:
    failed = Counter(pair.topic for pair in pairs if not _passes(pair, pair.answer))
    asked = Counter(pair.topic for pair in pairs)
    assert sum(failed.values()) <= 0.003 * len(pairs), failed
    assert all(failed[topic] <= 0.1 * count for topic, count in asked.items()), failed


def test_answers_to_other_subjects_are_off_topic(pairs: list[Pair]) -> None:
    rng = Random(1)
    plain = [pair for pair in pairs if not pair.followup]
    others = [(pair, rng.choice(plain)) for pair in plain]
    wrong = [pair.topic for pair, other in others if other.slot != pair.slot and _passes(pair, other.answer)]
    assert len(wrong) <= 0.005 * len(plain), Counter(wrong)


def test_follow_ups_do_what_was_asked(pairs: list[Pair]) -> None:
    """The answer before a follow-up never does what the follow-up asks for."""
    kinds = ("short", "long", "again", "listed", "other_language", "solution")
    asked = [pair for pair in pairs if pair.followup in kinds]
    assert {pair.followup for pair in asked} == set(kinds)
    repeated = [pair.followup for pair in asked if checks.follows_up(pair, pair.messages[-2][1])]
    assert len(repeated) <= 0.01 * len(asked), Counter(repeated)


def test_facts_count_own_and_foreign_sentences(pairs: list[Pair]) -> None:
    concepts = [pair for pair in pairs if pair.topic == "concept" and not pair.followup and pair.language == "en"]
    for pair in concepts:
        true, told = checks.facts(pair.subject, pair.answer)
        assert true == told, pair.answer
    pair, other = concepts[0], next(one for one in concepts if one.slot != concepts[0].slot)
    true, told = checks.facts(pair.subject, other.answer)
    assert told > 0
    assert true == 0
    true, told = checks.facts(pair.subject, f"{pair.answer.rstrip('.')}. It is made of green cheese.")
    assert told - true == 1, "a sentence that no bank holds is no fact"


@pytest.mark.parametrize(
    ("slot", "said", "right"),
    [
        ("7 plus 5", "7 + 5 = 12.", True),
        ("7 plus 5", "It is 13. No, 12.", False),
        ("7 plus 5", "Seven plus five.", False),
        ("3 or 9", "9 is bigger than 3.", True),
        ("3 or 9", "3 is bigger than 9.", False),
        ("2 to 5", "2, 3, 4, 5.", True),
        ("2 to 5", "2, 4, 3, 5.", False),
    ],
)
def test_numbers(pairs: list[Pair], slot: str, said: str, right: bool) -> None:
    from dataclasses import replace

    any_sum = next(pair.subject for pair in pairs if pair.topic == "arithmetic")
    evidence = {"7 plus 5": ("12",), "3 or 9": ("9",), "2 to 5": ("5",)}[slot]
    subject = replace(any_sum, slot=slot, evidence=evidence)
    assert checks.correct_number(subject, said) is right


def test_steps_must_be_in_order(pairs: list[Pair]) -> None:
    subject = next(pair.subject for pair in pairs if pair.topic == "howto" and pair.language == "en")
    steps = list(subject.evidence[:4])
    assert checks.steps_in_order(subject, " ".join(steps))
    assert not checks.steps_in_order(subject, " ".join([steps[1], steps[0], *steps[2:]]))
    assert not checks.steps_in_order(subject, " ".join(steps[:2]))


def test_refusing_language_and_loops(pairs: list[Pair]) -> None:
    refusals = [pair for pair in pairs if pair.topic == "refusal"]
    assert all(checks.refuses(pair.answer, pair.language) for pair in refusals)
    others = [pair for pair in pairs if pair.topic != "refusal"]
    assert sum(checks.refuses(pair.answer, pair.language) for pair in others) <= 0.005 * len(others)
    assert checks.language_of("水是一种液体。") == "zh"
    assert checks.language_of('The Chinese word is "水", and it is short.') == "en"
    assert checks.loops("A cat sleeps all day. It purrs. A cat sleeps all day.")
    assert not any(checks.loops(pair.answer) for pair in pairs)


def test_a_list_names_nothing_twice(pairs: list[Pair]) -> None:
    lists = [pair for pair in pairs if pair.topic == "category" and not pair.followup]
    assert {pair.language for pair in lists} == {"en", "zh"}
    assert not any(checks.names_twice(pair.subject, pair.answer) for pair in lists)
    for pair in lists:
        first, second, *_ = pair.subject.evidence
        assert checks.names_twice(pair.subject, f"- {first}\n- {second}\n- {first}")
        assert not checks.names_twice(pair.subject, f"- {first}\n- {second}\n{first}.")
    [continents] = [one for one in subjects_by_topic("en")["category"] if "Asia" in one.evidence]
    assert checks.names_twice(continents, "Asia, South America and asia are continents.")
    assert not checks.names_twice(continents, "Asia and Africa. Asia is the largest of them.")
    [soups] = [one for one in subjects_by_topic("en")["category"] if "pea soup" in one.evidence]
    longer = replace(soups, evidence=("soup", *soups.evidence))
    assert not checks.names_twice(longer, "Soup, pea soup and onion soup.")


def test_every_style_can_be_seen(pairs: list[Pair]) -> None:
    styles = [checks.visible_style(pair.answer, pair.language) for pair in pairs]
    seen = Counter(name for style in styles for name, shown in style.items() if shown)
    assert set(seen) == {"warm", "flattering", "formal", "funny", "example", "listed", "short", "medium", "long"}
    assert all(count >= 0.05 * len(pairs) for count in seen.values()), seen
    for pair, style in zip(pairs, styles, strict=True):
        assert style["flattering"] or not pair.style.flattering, pair.answer
