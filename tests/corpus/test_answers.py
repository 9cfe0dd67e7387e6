"""In which order answers say their parts, and what stands around a reply."""

from collections.abc import Sequence
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.corpus.answers.advise import advice_answer, reasons_answer
from app.corpus.answers.answer import in_turn
from app.corpus.answers.explain import NUMBERED_SHARE, concept_answer, numbered_answer
from app.corpus.answers.speak import HEARD_SHARE, statement_answer
from app.corpus.banks import LANGUAGES, Language, load_banks
from app.corpus.checks import LIST_LINE
from app.corpus.phrases import ANSWERS
from app.corpus.style import LISTED_SHARE, draw_style

ANSWERS_READ = 200


def turns_back(text: str, parts: Sequence[str]) -> int:
    """How often the next part that is said stands before the last one in the bank."""
    plain = text.lower()
    said = sorted((plain.find(part.lower()), place) for place, part in enumerate(parts) if part.lower() in plain)
    return sum(later < earlier for (_, earlier), (_, later) in pairwise(said))


@given(st.lists(st.text(), unique=True, min_size=1, max_size=8).flatmap(lambda items: st.tuples(
    st.just(items), st.lists(st.sampled_from(items), unique=True, max_size=8))))  # fmt: skip
def test_what_was_chosen_is_said_from_the_first_of_it_on_and_round(drawn: tuple[list[str], list[str]]) -> None:
    items, chosen = drawn
    said = in_turn(chosen, items)
    assert sorted(said) == sorted(chosen)
    assert said[:1] == chosen[:1]
    places = [items.index(each) for each in said]
    assert sum(later < earlier for earlier, later in pairwise(places)) <= 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_facts_reasons_and_suggestions_come_in_turn(language: Language) -> None:
    banks, rng = load_banks(language), Random(3)
    for _ in range(ANSWERS_READ):
        concept, advice, opinion = rng.choice(banks.concepts), rng.choice(banks.advice), rng.choice(banks.opinions)
        for text, parts in (
            (concept_answer(rng, draw_style(rng), concept, language).text, concept.facts),
            (advice_answer(rng, draw_style(rng), advice, language).text, advice.suggestions),
            (reasons_answer(rng, draw_style(rng), opinion, language).text, opinion.reasons),
        ):
            assert turns_back(text, parts) <= 1, text


@pytest.mark.parametrize("language", LANGUAGES)
def test_most_lists_that_were_counted_are_numbered_to_their_end(language: Language) -> None:
    rng, numbered = Random(4), 0
    entries = [entry for entry in load_banks(language).categories if len(entry.items) >= 5]
    for _ in range(ANSWERS_READ):
        text = numbered_answer(rng, draw_style(rng), rng.choice(entries), 5, language).text
        lines = LIST_LINE.findall(text)
        assert lines in ([], [f"{number}. " for number in range(1, 6)])
        numbered += bool(lines)
    share = LISTED_SHARE + (1 - LISTED_SHARE) * NUMBERED_SHARE
    assert numbered / ANSWERS_READ == pytest.approx(share, abs=0.12)


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_tells_something_is_heard(language: Language) -> None:
    rng, phrases = Random(5), ANSWERS[language]
    entries = load_banks(language).everyday.statements
    answers = [statement_answer(rng, draw_style(rng), rng.choice(entries), language) for _ in range(2 * ANSWERS_READ)]
    assert all(answer.plain for answer in answers)
    for said in ("heard", "listening"):
        share = sum(any(each in answer.text for each in phrases[said]) for answer in answers) / len(answers)
        assert share == pytest.approx(HEARD_SHARE, abs=0.1), said
