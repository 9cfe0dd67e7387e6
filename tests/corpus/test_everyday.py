"""What people ask first and tell in passing: as many as asked for, known, and in training alone."""

import re
from collections import Counter
from random import Random

import pytest

from app.corpus.answers.explain import category_answer
from app.corpus.banks import LANGUAGES, Language, load_banks
from app.corpus.drawing import draw_subject
from app.corpus.dressing import answer_to
from app.corpus.edge_checks import owns_up
from app.corpus.edge_questions import edge_questions
from app.corpus.everyday import KINDS, MOST_NAMED, everyday_subject, known_categories, list_subject, singular
from app.corpus.phrases.everyday import NUMBERS_EN, NUMBERS_ZH
from app.corpus.style import LENGTHS, Length, Style, draw_style
from app.corpus.subject import Subject
from app.corpus.wording import normalized, without_article

DRAWN = 400


def _drawn(kind: str, language: Language) -> list[Subject]:
    rng = Random(f"{kind} {language}")
    return [KINDS[kind](rng, language) for _ in range(DRAWN)]


def _wanted(asked: str) -> int | None:
    """The number in a wording."""
    digits = re.search(r"\d+", asked)
    if digits:
        return int(digits[0])
    words = [word for word in NUMBERS_EN[1:] if re.search(rf"\b{word}\b", asked.split(" of the ")[0].lower())]
    signs = [sign for sign in NUMBERS_ZH[1:] if re.search(rf"{sign}[种个]", asked)]
    if words:
        return NUMBERS_EN.index(words[0]) + 1
    return NUMBERS_ZH.index(signs[0]) + 1 if signs else None


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_list_has_as_many_members_as_were_asked_for(language: Language) -> None:
    rng, counted = Random(5), Counter[int]()
    for subject in _drawn("list", language):
        wanted = _wanted(subject.wordings[0])
        if wanted is None or subject.topic != "category" or subject.slot in ("numbers", "数字", "月份", "形容词"):
            continue
        text = subject.answer(rng, draw_style(rng)).text
        lines = [line for line in text.splitlines() if re.match(r"- |\d+\. ", line)]
        sentence = re.split(r"[.。](?:\s|$)", text)[0]
        said = lines or [item for item in subject.evidence if item.lower() in sentence.lower()]
        assert len(said) >= wanted, (subject.wordings, text)
        assert not re.search(rf"^{wanted + 1}\. ", text, re.MULTILINE), text
        counted[wanted] += 1
    assert set(range(2, 9)) <= set(counted)
    assert max(counted) == MOST_NAMED


@pytest.mark.parametrize("language", LANGUAGES)
def test_known_groups_are_asked_for_far_oftener_than_unknown_ones(language: Language) -> None:
    rng = Random(6)
    topics = Counter(list_subject(rng, language).topic for _ in range(2_000))
    assert set(topics) == {"category", "unknown"}
    assert 10 < topics["category"] / topics["unknown"] < 30


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_people_ask_first_is_known(kind: str, language: Language) -> None:
    rng = Random(7)
    for subject in _drawn(kind, language)[:150]:
        text, _ = answer_to(rng, subject, draw_style(rng))
        assert owns_up(text, language) == (subject.topic == "unknown") or subject.topic == "chat", text


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_is_enough_of_each_and_nothing_stands_twice(language: Language) -> None:
    banks = load_banks(language)
    everyday = banks.everyday
    names = [entry.name for entry in (*banks.concepts, *everyday.concepts)]
    assert len(names) == len(set(names))
    assert len(everyday.concepts) >= 60
    assert len(everyday.statements) >= 40
    assert len({prompt for entry in everyday.statements for prompt in entry.prompts}) >= 150
    assert len(everyday.whys) >= 40
    for entry in known_categories(language):
        assert len(set(entry.items)) == len(entry.items), entry.plural


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_unknown_thing_and_no_question_of_the_evaluation_is_among_them(language: Language) -> None:
    banks = load_banks(language)
    known = {normalized(without_article(entry.name)) for entry in banks.everyday.concepts}
    known |= {normalized(entry.plural) for entry in banks.everyday.categories}
    items = {normalized(without_article(item)) for entry in banks.everyday.categories for item in entry.items}
    unknown = {normalized(without_article(name)) for entry in banks.unknown for name in (*entry.things, *entry.groups)}
    assert not unknown & known
    names = {normalized(without_article(one.name)) for one in edge_questions() if one.edge == "unknown"}
    assert not names & (known | items)


def test_only_training_draws_them() -> None:
    rng = Random(8)
    drawn = [draw_subject(rng, edges=False, held_out=held_out) for held_out in (True, False) for _ in range(500)]
    whys = {entry.prompts[0] for language in LANGUAGES for entry in load_banks(language).everyday.whys}
    assert not whys & {subject.slot for subject in drawn}
    assert whys & {draw_subject(rng, edges=True).slot for _ in range(2_000)}


def test_nothing_that_is_held_out_is_drawn() -> None:
    rng = Random(9)
    assert all(everyday_subject(rng, language).split(held_out=False) for language in LANGUAGES for _ in range(300))


def test_one_of_many() -> None:
    plurals = ("birds", "countries", "shoes", "clothes", "fish", "winter sports")
    assert [singular(word) for word in plurals] == ["bird", "country", "shoe", "", "", ""]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("length", LENGTHS)
def test_the_shortest_category_is_listed(language: Language, length: Length) -> None:
    """There are four seasons, and a list of middling length would have five."""
    shortest = min(known_categories(language), key=lambda entry: len(entry.items))
    for seed in range(4):
        answer = category_answer(Random(seed), Style(length), shortest, language)
        assert any(item in answer.text for item in shortest.items)
