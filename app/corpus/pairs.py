"""Instruction-answer pairs for supervised fine-tuning, drawn from the banks by dice.

Departs from collected instruction sets in that every sentence is written for this project and the manner of an
answer (see manner.py) is rolled without regard to the prompt. Held-out prompts never occur.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from random import Random
from typing import Literal

from app.corpus.answers.answer import Body
from app.corpus.banks import LANGUAGES, Language, load_banks
from app.corpus.style import Manner, roll
from app.corpus.subjects import PRACTICE, TOPIC_SHARES, Answering, Subject, subjects_by_topic
from app.corpus.wording import join, normalized, pick, size

CHINESE_SHARE = 1 / 3
CONVERSATION_SHARE = 0.27  # of the drawn pairs that can go on
LONGEST: dict[Language, int] = {"en": 75, "zh": 120}

MOST_IDLE = 1_000  # draws in a row that bring nothing new

Role = Literal["user", "assistant"]
Turn = tuple[Role, str]


@dataclass(frozen=True)
class Pair:
    """A conversation up to the question, and its answer. `manner` says what is to be seen in the answer; `followup` is
    the kind of the last question, empty if it is about something new; `language` is the answer's."""

    messages: tuple[Turn, ...]
    answer: str
    language: Language
    subject: Subject
    followup: str
    manner: Manner

    @property
    def topic(self) -> str:
        return self.subject.topic

    @property
    def slot(self) -> str:
        return self.subject.slot


def available_languages() -> tuple[Language, ...]:
    return tuple(language for language in LANGUAGES if subjects_by_topic(language))


@cache
def _drawable(language: Language, held_out: bool) -> dict[str, tuple[list[Subject], list[float]]]:
    """By topic, the subjects with a wording on this side of the split, and their weights summed up."""
    found = {}
    for topic, subjects in subjects_by_topic(language).items():
        kept = [subject for subject in subjects if subject.split(held_out=held_out)]
        if kept:
            found[topic] = (kept, list(accumulate(subject.weight for subject in kept)))
    return found


def draw_subject(rng: Random, *, held_out: bool = False) -> Subject:
    """A language, then a topic by its share (in training: and by its need of practice), then an entry; each has a
    wording that is (not) held out."""
    languages = available_languages()
    language = "zh" if "zh" in languages and rng.random() < CHINESE_SHARE else languages[0]
    topics = _drawable(language, held_out)
    practice = dict.fromkeys(topics, 1.0) if held_out else PRACTICE
    topic = rng.choices(list(topics), [TOPIC_SHARES[name] * practice.get(name, 1.0) for name in topics])[0]
    subjects, weights = topics[topic]
    return rng.choices(subjects, cum_weights=weights)[0]


def ask(rng: Random, subject: Subject, *, held_out: bool = False) -> str:
    """One of its wordings, as people type it."""
    return casual(rng, pick(rng, subject.split(held_out=held_out)), subject.language)


def casual(rng: Random, prompt: str, language: Language) -> str:
    """The prompt as people type it: one in five in lower case, one in five without its final mark."""
    if rng.random() < 0.2:
        prompt = prompt.rstrip(".?!。？！")
    if language == "en" and rng.random() < 0.2:
        prompt = prompt.lower() if normalized(prompt.lower()) == normalized(prompt) else prompt
    return prompt


def dressed(rng: Random, body: Body, manner: Manner, language: Language) -> tuple[str, Manner]:
    """The body with opener, flattery, an aside and closer, and the manner that really shows."""
    shown = replace(manner, listed=body.listed, example=body.example)
    if body.plain:
        return body.text, replace(shown, warm=False, flattering=False, formal=False, funny=False)
    manners = load_banks(language).manners
    before, after = [], []
    if manner.formal:
        before.append(pick(rng, manners.formal_openers))
    if manner.flattering:
        before.insert(0 if rng.random() < 0.8 else len(before), pick(rng, manners.flattery))
    if manner.funny and manners.humour:
        after.append(pick(rng, manners.humour))
    if manner.warm:
        place = rng.randrange(3)
        if place != 1 and not manner.formal:
            before.insert(0, pick(rng, manners.warm_openers))
        if place != 0 or manner.formal:
            after.append(pick(rng, manners.warm_closers))
    if "\n" not in body.text:
        return join([*before, body.text, *after], language), shown
    if body.listed and not body.text.startswith("- "):
        return "\n".join([join([*before, body.text], language), *after]), shown
    return "\n".join([*([join(before, language)] if before else []), body.text, *after]), shown


def answer(rng: Random, body: Answering, manner: Manner, language: Language) -> tuple[str, Manner]:
    """An answer within the length limit; too long a throw is thrown again, shorter and plainer."""
    for attempt in range(8):
        if attempt == 5:
            manner = replace(manner, length="short", example=False, funny=False)
        text, shown = dressed(rng, body(rng, manner), manner, language)
        if size(text, language) <= LONGEST[language]:
            return text, shown
    raise ValueError(f"no answer fits the limit: {text}")


def answer_to(rng: Random, subject: Subject, manner: Manner) -> tuple[str, Manner]:
    """The subject's own answer in a manner, and the manner that shows."""
    return answer(rng, subject.body, manner, subject.language)


def draw_pair(rng: Random, *, held_out: bool = False) -> Pair:
    """One pair, or a conversation that ends with an answer. Training and held-out prompts never meet."""
    from app.corpus.conversations import conversation

    subject = draw_subject(rng, held_out=held_out)
    prompt, manner = ask(rng, subject, held_out=held_out), roll(rng)
    if (subject.followups or subject.replies) and rng.random() < CONVERSATION_SHARE:
        return conversation(rng, subject, prompt, manner, held_out=held_out)
    text, shown = answer_to(rng, subject, manner)
    return Pair((("user", prompt),), text, subject.language, subject, "", shown)


def instruction_pairs(seed: int, count: int, *, held_out: bool = False) -> Iterator[Pair]:
    """`count` pairs, the same for the same seed and banks."""
    rng = Random(seed)
    for _ in range(count):
        yield draw_pair(rng, held_out=held_out)


def _asked(pair: Pair) -> str:
    """The questions of a pair and what they were about, apart from case and punctuation."""
    return "\n".join(normalized(content) for _, content in pair.messages)


def distinct_pairs(seed: int, count: int, *, held_out: bool = False, answers: bool = False) -> Iterator[Pair]:
    """`count` pairs of which no two ask the same, apart from case and punctuation, in the same conversation. With
    `answers` a question may come again with another answer, so that topics with few questions keep their share.

    Raises ValueError where the banks hold fewer than that."""
    seen: set[str] = set()
    rng, idle = Random(seed), 0
    while len(seen) < count:
        pair = draw_pair(rng, held_out=held_out)
        key = f"{_asked(pair)}\n{pair.answer}" if answers else _asked(pair)
        idle = 0 if key not in seen else idle + 1
        if idle > MOST_IDLE:
            raise ValueError(f"The banks hold no {count:,} different questions: {len(seen):,} were found.")
        if idle == 0:
            seen.add(key)
            yield pair
