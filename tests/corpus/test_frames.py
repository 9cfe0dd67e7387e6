"""Everyday talk around a thing or a task: the same for all, with the name as it is called there, and as it is typed."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.corpus.banks import LANGUAGES, Language
from app.corpus.drawing import FRAMED_SHARE, ask
from app.corpus.edges import edges_by_topic
from app.corpus.frames import load_frames, plural, task_asked, thing_told
from app.corpus.fresh import familiar_subject, unknown_subject
from app.corpus.subject import is_held_out
from app.corpus.subjects import subjects_by_topic
from app.corpus.typed import typed
from app.corpus.wording import normalized, without_article

NAMES: dict[Language, tuple[str, ...]] = {
    "en": ("a zither", "Linux", "the Silk Road", "a bee (drone)"), "zh": ("古筝", "丝绸之路"),
}  # fmt: skip

FEWEST_TASKS, FEWEST_THINGS = 200, 100


@given(st.integers(0, 100_000), st.sampled_from(LANGUAGES))
def test_the_name_stands_in_the_text_as_it_is_called(seed: int, language: Language) -> None:
    rng = Random(seed)
    text, called = thing_told(rng, rng.choice(NAMES[language]), language)
    assert called.lower() in text.lower() or called.lower().removeprefix("a ") in text.lower()
    assert not set("{}|[]<>") & set(text.replace(called, ""))
    hasty = typed(rng, text, language, without_article(called))
    assert normalized(without_article(called)) in normalized(hasty)


def test_a_thing_of_which_there_are_many_is_called_so() -> None:
    told = {thing_told(Random(seed), "a zither", "en")[1] for seed in range(400)}
    assert told == {"a zither", "zither", "zithers"}
    assert {thing_told(Random(seed), "Linux", "en")[1] for seed in range(200)} == {"Linux"}
    assert [plural(word) for word in ("lily", "fox", "toy", "finch")] == ["lilies", "foxes", "toys", "finches"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_frames_of_tasks_are_many_and_say_the_task_as_it_is(language: Language) -> None:
    task = {"en": "peel (a) yam", "zh": "削山药"}[language]
    texts = [task_asked(Random(seed), task, language) for seed in range(2_000)]
    assert all(task in text.lower() for text in texts)
    assert len(set(texts)) > 1_500
    assert len(load_frames(language).tasks) >= FEWEST_TASKS
    assert len(load_frames(language).things) >= FEWEST_THINGS


@pytest.mark.parametrize("language", LANGUAGES)
def test_everyday_talk_does_not_tell_what_is_known(language: Language) -> None:
    """Short words of the frames are said of the known as often as of the unknown."""
    words = {"en": ("lol", "ok", "thoughts", "my"), "zh": ("我", "急", "谢谢", "哈哈")}[language]
    asked = {
        draw: [draw(Random(seed), language).wordings[0].lower() for seed in range(3_000)]
        for draw in (familiar_subject, unknown_subject)
    }
    for word in words:
        said = [sum(word in text for text in texts) for texts in asked.values()]
        assert min(said) > 5, (word, said)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("topic", ["howto", "lookalike", "refusal", "improper"])
def test_training_asks_for_tasks_of_the_banks_in_frames_too(topic: str, language: Language) -> None:
    """Else only what is unknown or made up would be asked so."""
    subject = next(one for one in (subjects_by_topic(language) | edges_by_topic(language))[topic] if one.tasks)
    wordings = {normalized(text) for text in subject.wordings}
    for frames, share in ((False, 0.0), (True, FRAMED_SHARE)):
        asked = [ask(Random(seed), subject, frames=frames) for seed in range(400)]
        others = [text for text in asked if normalized(text) not in wordings]
        assert len(others) / len(asked) == pytest.approx(share, abs=0.08)
        assert all(any(task.lower() in text.lower() for task in subject.tasks) for text in others)
        assert not any(map(is_held_out, asked))


def test_a_few_shout() -> None:
    texts = [task_asked(Random(seed), "peel a yam", "en") for seed in range(1_000)]
    assert 5 < sum(text.isupper() for text in texts) < 50


def test_haste_shortens_and_slips_and_leaves_the_name() -> None:
    prompt = "Can you please tell me about the Silk Road?"
    hasty = {typed(Random(seed), prompt, "en", "the Silk Road") for seed in range(200)}
    assert all("the Silk Road" in text for text in hasty)
    assert len(hasty) > 60
    assert any("pls" in text for text in hasty)
    assert typed(Random(1), "", "en") in ("", "!", "??", "...", " lol", " :)", " pls")
    assert any("咋" in typed(Random(seed), "怎么做饭？", "zh") for seed in range(20))
