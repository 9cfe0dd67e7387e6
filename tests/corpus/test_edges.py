"""The edges of the corpus: what is unknown really is, its wordings tell nothing, and the questions that only a trained
model is asked are new to training.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

import pytest

from app.corpus.banks import LANGUAGES, Language, load_banks
from app.corpus.edge_checks import known_names
from app.corpus.edge_questions import EDGES, edge_questions
from app.corpus.edges import edges_by_topic, spelled_out, tasks_of
from app.corpus.pair import Pair
from app.corpus.pairs import distinct_pairs, instruction_pairs
from app.corpus.phrases import ANSWERS
from app.corpus.subject import Subject
from app.corpus.subjects import subjects_by_topic
from app.corpus.topics import EDGE_SHARE, EDGE_SHARES
from app.corpus.wording import normalized, without_article

COMBINED = ("rewrite", "unfamiliar", "translation", "story", "arithmetic")  # nothing of the kind is asked
WANTED = {"en": 1_200, "zh": 900}


def _bare(name: str) -> str:
    return normalized(without_article(name))


def _unknown_names(language: Language) -> list[str]:
    entries = load_banks(language).unknown
    return [name for entry in entries for name in (*entry.things, *tasks_of(entry, language), *entry.groups)]


def _known(language: Language) -> Iterator[str]:
    banks = load_banks(language)
    yield from known_names(language)
    yield from (side for entry in banks.comparisons for side in (entry.a, entry.b))
    yield from (entry.word for entry in banks.definitions)
    yield from (action for entry in banks.refusals for action in entry.actions)


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return list(distinct_pairs(4, 3_000, answers=True, edges=True))


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_unknown_is_in_no_bank_and_what_is_offered_is(language: Language) -> None:
    unknown = {_bare(name) for name in _unknown_names(language)}
    assert len(unknown) >= WANTED[language]
    assert not unknown & {_bare(name) for name in _known(language)}
    for entry in load_banks(language).unknown:
        assert set(entry.near) <= set(known_names(language)), entry.kind


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_improper_stands_among_the_unknown(language: Language) -> None:
    """What is refused here and only unknown there could not be learned."""
    banks = load_banks(language)
    improper = [[*entry.actions, *entry.questions, *spelled_out(entry.acts, language)] for entry in banks.improper]
    refused = [_bare(action) for actions in improper for action in actions]
    assert len(set(refused)) == len(refused) > 600
    assert not set(refused) & {_bare(name) for name in _unknown_names(language)}


def test_acts_are_a_verb_and_what_it_takes() -> None:
    assert spelled_out(["kill | weeds | time", "whip|cream"], "en") == ["kill weeds", "kill time", "whip cream"]
    assert spelled_out(["打|鼓|草稿"], "zh") == ["打鼓", "打草稿"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_questions_of_the_card_are_new_to_training(language: Language) -> None:
    """Of each edge 200, twice 60 more and 80; neither their wording nor an unknown subject is in any bank."""
    asked = [question for question in edge_questions() if question.language == language]
    for series, count in (("first", 100), ("second", 30), ("third", 30), ("fourth", 40)):
        of_set = [question for question in asked if question.series == series]
        assert Counter(question.edge for question in of_set) == dict.fromkeys(EDGES, count)
    assert len({normalized(question.text) for question in asked}) == 600
    topics = subjects_by_topic(language) | edges_by_topic(language)
    subjects = [subject for topic in topics if topic not in COMBINED for subject in topics[topic]]
    trained = {normalized(wording) for subject in subjects for wording in subject.wordings}
    assert not trained & {normalized(question.text) for question in asked}
    banked = {_bare(name) for name in (*_unknown_names(language), *_known(language))}
    items = {_bare(item) for entry in load_banks(language).categories for item in entry.items}
    for question in asked:
        if question.edge == "unknown":
            assert _bare(question.name) in normalized(question.text)
            assert _bare(question.name) not in banked | items, question
            assert question.near


def _frames(subjects: Iterable[Subject], *names: str) -> set[str]:
    """Wordings without the names in them: those of the slot, if none are given."""
    return {
        re.sub("|".join(map(re.escape, names or (subject.slot,))), "…", wording, flags=re.IGNORECASE)
        for subject in subjects
        for wording in subject.wordings
    }


@pytest.mark.parametrize(
    ("language", "name"), [("en", "a yak"), ("en", "solder a wire"), ("zh", "牦牛"), ("zh", "焊电线")]
)
def test_the_wording_alone_does_not_tell_what_is_known(language: Language, name: str) -> None:
    """Whatever is asked of the unknown is asked of known things as well."""
    subjects = [s for s in edges_by_topic(language)["unknown"] if s.slot in (f"thing: {name}", f"task: {name}")]
    known = [*edges_by_topic(language)["familiar"]]
    for topic in ("concept", "definition", "howto", "lookalike"):
        known += subjects_by_topic(language)[topic]
    alone = next(one for one in subjects if len(one.wordings) > 20)
    assert not _frames([alone], name, without_article(name)) - _frames(known)


def test_edges_have_their_share_in_training_alone(pairs: list[Pair]) -> None:
    topics = Counter(pair.topic for pair in pairs)
    assert {*EDGE_SHARES, *subjects_by_topic("en")} == set(topics) | {"harmless", "unfamiliar"}
    at_edge = sum(topics[name] for name in ("unknown", "improper", "familiar"))
    unfamiliar = EDGE_SHARES["unfamiliar"] / sum(EDGE_SHARES.values())  # drawn as rewritings
    assert at_edge / len(pairs) == pytest.approx(EDGE_SHARE * (1 - unfamiliar), abs=0.06)
    assert not set(EDGE_SHARES) & {pair.topic for pair in instruction_pairs(4, 500)}


def test_every_way_to_own_up_can_be_seen() -> None:
    for language in LANGUAGES:
        phrases = ANSWERS[language]
        for key in ("unknown_thing", "unknown_task", "unknown_group"):
            for said in phrases[key]:
                assert any(sign in normalized(said) for sign in phrases["unknown_signs"]), said
