"""Laws of the generated pairs: deterministic, short, varied, in the documented shares, never held out."""

import re
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.corpus import style
from app.corpus.articles import pretraining_documents
from app.corpus.conversations import LONGEST_WHOLE
from app.corpus.drawing import available_languages, casual
from app.corpus.pair import Pair
from app.corpus.pairs import LONGEST, distinct_pairs, instruction_pairs
from app.corpus.phrases import FOLLOWUPS
from app.corpus.prompts import load_prompts
from app.corpus.subjects import subjects_by_topic
from app.corpus.topics import PRACTICE, TOPIC_SHARES
from app.corpus.wording import listing, normalized, size
from app.corpus.writing import report, write_corpus


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return list(instruction_pairs(11, 6000))


@given(seed=st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_the_same_seed_gives_the_same_pairs(seed: int) -> None:
    assert list(instruction_pairs(seed, 5)) == list(instruction_pairs(seed, 9))[:5]


def test_the_traits_are_in_their_documented_shares() -> None:
    rng = Random(3)
    styles = [style.draw_style(rng) for _ in range(20_000)]
    for trait, share in (
        ("warm", style.WARM_SHARE),
        ("listed", style.LISTED_SHARE),
        ("flattering", style.FLATTERING_SHARE),
        ("example", style.EXAMPLE_SHARE),
        ("formal", style.FORMAL_SHARE),
        ("funny", style.FUNNY_SHARE),
    ):
        assert sum(getattr(one, trait) for one in styles) / len(styles) == pytest.approx(share, abs=0.015)
    for length in style.LENGTHS:
        assert sum(one.length == length for one in styles) / len(styles) == pytest.approx(1 / 3, abs=0.015)


def test_answers_are_short_and_clean(pairs: list[Pair]) -> None:
    for pair in pairs:
        assert 0 < size(pair.answer, pair.language) <= LONGEST[pair.language], pair
        assert pair.answer == pair.answer.strip()
        assert "  " not in pair.answer, pair
        assert not re.search(r"[{}|]|\.\.|\b[Aa] (?!one)[aeio][a-z]|\b[Aa]n [bcdfgjklmnpqrstvwxz]", pair.answer), pair


def test_no_stray_capital_after_a_connective(pairs: list[Pair]) -> None:
    stray = re.compile(r"(Also|What is more|Besides that|In addition|Finally|Next|After that), [A-Z][a-z]+")
    names = {"Mars", "Jupiter", "Mount", "Iceland", "Fourfold"}
    strays = {match.group().split()[-1] for pair in pairs for match in stray.finditer(pair.answer)}
    assert strays <= names


def test_shares_of_the_pairs(pairs: list[Pair]) -> None:
    measured = report(pairs)
    assert measured.conversations == pytest.approx(0.15, abs=0.03)
    assert 0.05 < measured.topics["refusal"] < 0.13
    assert len(measured.topics) >= 19
    assert measured.distinct_answers > 0.75
    assert measured.styles["flattering"] > 0.15
    assert measured.styles["listed"] > 0.13
    assert measured.styles["funny"] > 0.05
    asked = sum(pair.subject.language == "zh" for pair in pairs) / len(pairs)
    assert asked == pytest.approx(1 / 3, abs=0.03)


def test_distinct_pairs_never_ask_the_same_twice() -> None:
    asked = [tuple(normalized(text) for _, text in pair.messages) for pair in distinct_pairs(3, 4_000)]
    assert len(set(asked)) == 4_000


def test_training_pairs_are_never_the_same_and_topics_keep_their_share() -> None:
    """Small talk has few questions: asked once each, they would drown among the endless combinations."""
    drawn = list(distinct_pairs(3, 30_000, answers=True))
    assert len({(*(normalized(text) for _, text in pair.messages), pair.answer) for pair in drawn}) == 30_000
    shares = Counter(pair.topic for pair in drawn)
    wanted = {topic: share * PRACTICE.get(topic, 1.0) for topic, share in TOPIC_SHARES.items()}
    for topic, share in wanted.items():
        assert shares[topic] / len(drawn) > 0.7 * share / sum(wanted.values()), topic


def test_practice_does_not_change_what_is_asked_of_the_trained_model() -> None:
    asked = Counter(pair.topic for pair in instruction_pairs(5, 6_000, held_out=True))
    for topic in PRACTICE:
        assert asked[topic] / 6_000 == pytest.approx(TOPIC_SHARES[topic] / sum(TOPIC_SHARES.values()), abs=0.02)


def test_every_thing_that_can_be_carried_is_rewritten_too() -> None:
    """Eight fillers a sentence are learned by heart; a hundred have to be copied."""
    for language in available_languages():
        slots = [subject.slot for subject in subjects_by_topic(language)["rewrite"]]
        assert sum(slot.startswith(("polite: ", "shorter: ", "formal: ", "cheerful: ")) for slot in slots) > 800


def test_what_is_to_be_copied_cannot_be_learned_by_heart() -> None:
    for language in available_languages():
        rewrites = subjects_by_topic(language)["rewrite"]
        for kind in ("list: ", "repeat: "):
            assert len({subject.slot for subject in rewrites if subject.slot.startswith(kind)}) > 2_000


def test_more_questions_than_there_are_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.corpus import pairs

    only = next(iter(instruction_pairs(1, 1)))
    monkeypatch.setattr(pairs, "draw_pair", lambda *_, **__: only)
    with pytest.raises(ValueError, match="no 2 different questions: 1"):
        list(distinct_pairs(1, 2))


def test_the_length_shows(pairs: list[Pair]) -> None:
    def mean(length: str) -> float:
        sizes = [size(p.answer, "en") for p in pairs if p.language == "en" and p.style.length == length]
        return sum(sizes) / len(sizes)

    assert mean("short") + 4 < mean("medium") < mean("long") - 4


def test_a_listed_answer_has_one_line_per_item(pairs: list[Pair]) -> None:
    for pair in pairs:
        lines = [line for line in pair.answer.splitlines() if re.match(r"(- |\d\. )", line)]
        assert (len(lines) > 1) == pair.style.listed, pair


def test_held_out_prompts_never_occur(pairs: list[Pair]) -> None:
    held_out = {normalized(prompt.text) for prompt in load_prompts() if prompt.split == "held_out"}
    asked = {normalized(content) for pair in pairs for role, content in pair.messages if role == "user"}
    followups = {
        normalized(text) for language in available_languages() for kind in FOLLOWUPS[language].values() for text in kind
    }
    assert not (held_out - followups) & asked


def test_what_combines_slots_is_held_out_as_a_combination(pairs: list[Pair]) -> None:
    """No wording of a held-out story, sum or sentence is in training: the split is by slot, not by shuffling."""
    held_out = list(instruction_pairs(12, 3_000, held_out=True))
    combined = {
        (pair.language, pair.topic, pair.slot) for pair in held_out if pair.subject.combined and not pair.followup
    }
    assert {topic for _, topic, _ in combined} >= {"story", "arithmetic", "translation", "rewrite"}
    assert not combined & {(pair.language, pair.topic, pair.slot) for pair in pairs}


def test_training_and_held_out_questions_never_meet(pairs: list[Pair]) -> None:
    asked = {normalized(pair.messages[0][1]) for pair in pairs}
    assert not asked & {normalized(pair.messages[0][1]) for pair in instruction_pairs(13, 3_000, held_out=True)}


def test_every_subject_can_be_asked_for() -> None:
    for language in available_languages():
        for topic, subjects in subjects_by_topic(language).items():
            assert all(subject.wordings for subject in subjects), topic


def test_conversations_take_turns_and_end_with_a_question(pairs: list[Pair]) -> None:
    longer = [pair for pair in pairs if len(pair.messages) > 1]
    turns = Counter((len(pair.messages) + 1) // 2 for pair in longer)
    assert set(turns) == {2, 3, 4, 5}
    for pair in longer:
        roles = [role for role, _ in pair.messages]
        assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]
        whole = sum(size(content, pair.subject.language) for _, content in pair.messages)
        assert whole <= LONGEST_WHOLE[pair.subject.language] + 2 * LONGEST["zh"]


def test_shorter_is_always_shorter_and_longer_longer() -> None:
    """What was all said already cannot be said at more length: no such turn is made."""
    asked = [pair for pair in instruction_pairs(17, 20_000) if pair.followup in ("short", "long")]
    assert len(asked) > 500
    for pair in asked:
        before, after = size(pair.messages[-2][1], pair.language), size(pair.answer, pair.language)
        assert after < before if pair.followup == "short" else after > before, pair


@given(text=st.text(max_size=80), seed=st.integers(0, 1000))
def test_casual_typing_keeps_what_is_asked(text: str, seed: int) -> None:
    assert normalized(casual(Random(seed), text, "en")) == normalized(text)


@given(text=st.text(max_size=80))
def test_normalizing_twice_changes_nothing(text: str) -> None:
    assert normalized(normalized(text)) == normalized(text)


def test_listing() -> None:
    assert listing(["a", "b", "c"], "en") == "a, b and c"
    assert listing(["a"], "en") == "a"


def test_documents_are_plain_varied_and_of_the_wanted_length() -> None:
    texts = list(pretraining_documents(5, 800))
    assert texts == list(pretraining_documents(5, 800))
    assert len(set(texts)) > 760
    assert all("<|" not in text and "  " not in text for text in texts)
    assert all(40 <= size(text, "en") <= 150 for text in texts if text.isascii())


def test_the_corpus_is_written(tmp_path: Path) -> None:
    measured = write_corpus(tmp_path, seed=1, documents=20, pairs=30)
    assert (measured.documents, measured.pairs) == (20, 30)
    assert len((tmp_path / "documents.jsonl").read_text(encoding="utf-8").splitlines()) == 20
    assert len((tmp_path / "pairs.jsonl").read_text(encoding="utf-8").splitlines()) == 30


def test_an_answer_speaks_of_your_shoes(pairs: list[Pair]) -> None:
    steps = [pair for pair in pairs if pair.topic == "howto" and not pair.followup and not pair.style.funny]
    assert not [pair for pair in steps if re.search(r"\bmy (?!answer|pleasure)", pair.answer)]
