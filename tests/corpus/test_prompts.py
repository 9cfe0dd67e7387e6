"""The committed prompts: enough, distinct, split by wording, and equal to what the generator writes."""

import subprocess
import sys
from collections import Counter

from app.corpus.drawing import available_languages
from app.corpus.prompt_selection import written_prompts
from app.corpus.prompts import load_prompts
from app.corpus.subjects import subjects_by_topic
from app.corpus.wording import normalized
from app.layout import EVERYDAY_PROMPTS


def test_the_file_is_what_the_generator_writes() -> None:
    assert load_prompts() == written_prompts(), "run python -m app.corpus.prompt_selection"


def test_enough_and_distinct() -> None:
    prompts = load_prompts()
    splits = Counter(prompt.split for prompt in prompts)
    assert len(prompts) >= 480
    assert splits["held_out"] >= 100
    assert len({normalized(prompt.text) for prompt in prompts}) == len(prompts)


def test_held_out_prompts_are_those_that_training_never_asks() -> None:
    subjects = [
        one
        for language in available_languages()
        for subjects in subjects_by_topic(language).values()
        for one in subjects
    ]
    held_out = {normalized(text) for subject in subjects for text in subject.split(held_out=True)}
    for prompt in load_prompts():
        assert (normalized(prompt.text) in held_out) == (prompt.split == "held_out"), prompt


def test_few_refusals() -> None:
    topics = Counter(prompt.topic for prompt in load_prompts())
    assert topics["refusal"] / sum(topics.values()) <= 0.05
    assert len(topics) >= 10


def test_everyday_prompts_are_three_hundred_of_their_own() -> None:
    """60 held out, three of each topic; none is the corpus's or another one over again."""
    everyday = load_prompts(EVERYDAY_PROMPTS)
    assert Counter(prompt.split for prompt in everyday) == {"train": 240, "held_out": 60}
    held_out = Counter(prompt.topic for prompt in everyday if prompt.split == "held_out")
    assert set(held_out.values()) == {3}
    assert {prompt.language for prompt in everyday} == {"en"}
    texts = [normalized(prompt.text) for prompt in [*everyday, *load_prompts()]]
    assert len(set(texts)) == len(texts)


def test_reading_the_prompts_loads_nothing_heavy() -> None:
    code = (
        "import sys; from app.corpus.prompts import load_prompts; load_prompts();"
        "assert not {'torch', 'fastapi', 'sqlalchemy', 'app.corpus.banks'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
