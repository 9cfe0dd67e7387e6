"""What is made up for one pair: names that nothing bears, requests by a grammar, and nothing of the evaluation."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.corpus import pairs as module
from app.corpus.asking import known_tasks
from app.corpus.banks import LANGUAGES, BankError, Language, load_banks
from app.corpus.checks import holds
from app.corpus.edge_checks import known_names
from app.corpus.edge_leaks import gist, leaks
from app.corpus.edge_questions import edge_questions
from app.corpus.edges import spelled_out
from app.corpus.fresh import FRESH, PLAIN_SHARE, unknown_subject
from app.corpus.fresh_requests import harsh_words
from app.corpus.grammar import Grammar
from app.corpus.inventing import invented_name
from app.corpus.pair import Pair
from app.corpus.pairs import distinct_pairs
from app.corpus.requests import load_requests, named
from app.corpus.style import Style
from app.corpus.subject import Subject
from app.corpus.subjects import subjects_by_topic
from app.corpus.wording import normalized, said_back, without_article

EACH_PATTERN = 3
DRAWN_TASKS = 3_000


def test_invented_names_hardly_ever_come_again() -> None:
    for language in LANGUAGES:
        names = [invented_name(Random(seed), language) for seed in range(2_000)]
        assert len(set(names)) > 1_930
        known = {normalized(without_article(name)) for name in known_names(language)}
        assert not known & {normalized(without_article(name)) for name in names}
        assert not {question.name for question in edge_questions()} & set(names)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_pattern_can_be_written(language: Language) -> None:
    requests, rng = load_requests(language), Random(1)
    kinds = {entry.kind for entry in load_banks(language).improper}
    for request in (*requests.improper, *requests.harmless):
        for pattern in (*request.acts, *request.asked):
            for _ in range(EACH_PATTERN):
                text = requests.grammar.written(rng, pattern)
                assert not set("(){}|") & set(text), pattern
                if request.near and pattern in request.asked:
                    asked = named(text)
                    assert asked.name in asked.text
                    assert not set("[]<>") & set(asked.text)
        assert request.kind in kinds or set(request.near) <= set(known_names(language)), request


def test_choices_and_slots_stand_in_one_another() -> None:
    grammar = Grammar({"x": ("an (ape|owl)",)}, "en")
    written = {grammar.written(Random(seed), "(see|hear {x}) (now|)") for seed in range(50)}
    assert written == {"see", "see now", "hear an ape", "hear an ape now", "hear an owl", "hear an owl now"}
    with pytest.raises(BankError, match=r"no slot .y"):
        grammar.written(Random(0), "{y}")
    with pytest.raises(BankError, match="no <task>"):
        named("Whatever.")


@settings(deadline=None)  # the first one weighs the words
@given(st.integers(0, 10_000), st.sampled_from(LANGUAGES), st.sampled_from(sorted(FRESH)))
def test_the_same_seed_makes_the_same_subject(seed: int, language: Language, topic: str) -> None:
    one, other = (FRESH[topic](Random(seed), language) for _ in range(2))
    assert one.wordings == other.wordings
    assert one.language == language


def test_the_same_words_in_another_frame_are_a_leak() -> None:
    assert leaks("please tell me how to beat eggs, an egg") is False
    assert leaks("What is the best way to beat an egg?")
    assert leaks("请告诉我怎么打散一个鸡蛋")
    assert not leaks("How do I beat an egg white?")
    assert all(gist(question.text) and leaks(question.text) for question in edge_questions())


def test_no_question_of_the_evaluation_is_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the grammar happens upon one."""
    drawn = module.draw_pair
    leaked = [question.text for question in edge_questions()]

    def draw_pair(rng: Random, **options: bool) -> Pair:
        pair = drawn(rng, **options)
        asked = (("user", rng.choice(leaked)),) if rng.random() < 0.2 else pair.messages
        return Pair(asked, pair.answer, pair.language, pair.subject, pair.followup, pair.style)

    monkeypatch.setattr(module, "draw_pair", draw_pair)
    pairs = list(distinct_pairs(8, 400, answers=True, edges=True))
    assert not {content for pair in pairs for role, content in pair.messages if role == "user"} & set(leaked)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_task_that_the_banks_tell_is_owned_up_to(language: Language) -> None:
    """Neither by the grammar nor in the lists of the unknown; "kill the process" is what tells "kill a process"."""
    rng = Random(5)
    drawn = [FRESH["harmless"](rng, language).evidence[0] for _ in range(DRAWN_TASKS)]
    listed = [
        task for entry in load_banks(language).unknown for task in (*entry.tasks, *spelled_out(entry.acts, language))
    ]
    assert [task for task in (*drawn, *listed) if gist(task) in known_tasks(language)] == []


def test_requests_of_both_sides_begin_with_capitals_as_often() -> None:
    """In English; what only one side does would tell it."""
    rng = Random(6)
    capitals = {
        topic: sum(FRESH[topic](rng, "en").wordings[0][0].isupper() for _ in range(1_500)) / 1_500
        for topic in ("improper", "harmless")
    }
    assert abs(capitals["improper"] - capitals["harmless"]) < 0.06


@pytest.mark.parametrize("language", LANGUAGES)
def test_harsh_words_are_said_as_often_on_both_sides(language: Language) -> None:
    """A verb that is only refused would be refused whatever it is done to, and the other way round."""
    rng = Random(2)
    said = {
        topic: Counter(
            word for _ in range(2_500) for word in harsh_words(FRESH[topic](rng, language).wordings[0], language)
        )
        for topic in ("improper", "harmless")
    }
    often = [word for word in load_requests(language).harsh if sum(counted[word] for counted in said.values()) >= 40]
    assert len(often) > 15
    for word in often:
        improper, harmless = (counted[word] for counted in said.values())
        assert 1 / 4 < improper / harmless < 4, (word, improper, harmless)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_offered_alone_can_be_accepted_and_is_told(language: Language) -> None:
    drawn = [FRESH["unknown"](Random(seed), language) for seed in range(150)]
    accepted = [subject for subject in drawn if "accept" in subject.replies]
    assert 30 < len(accepted) < 90
    for subject in accepted:
        offer, told = (
            answering(Random(1), Style("short")).text
            for answering in (subject.answer, subject.replies["accept"].answer)
        )
        known = [one for one in _known_subjects(language) if said_back(one.slot, language) in offer]
        facts = [evidence for one in known for evidence in one.evidence]
        assert any(holds(told, fact) for fact in facts), (offer, told)


def _known_subjects(language: Language) -> list[Subject]:
    topics = subjects_by_topic(language)
    return [*topics["concept"], *topics["howto"], *topics["lookalike"]]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_unknown_is_asked_for_as_plainly_as_the_known(language: Language) -> None:
    """Else "What is a yak?" alone would tell that yaks are known."""
    begin, end = {"en": ("what is ", ""), "zh": ("什么是", "是什么？")}[language]
    asked = [unknown_subject(Random(seed), language).wordings[0].lower() for seed in range(1_000)]
    plain = sum(text.startswith(begin) or (end != "" and text.endswith(end)) for text in asked)
    assert plain / len(asked) > PLAIN_SHARE / 2
