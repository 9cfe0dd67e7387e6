"""Instruction-answer pairs for supervised fine-tuning, drawn from the banks by dice.

Departs from collected instruction sets in that every sentence is written for this project and the manner of an
answer (see manner.py) is rolled without regard to the prompt. Held-out prompts never occur.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from app.training.data.banks import LANGUAGES, Language, load_banks
from app.training.data.bodies import Body
from app.training.data.manner import Manner, roll
from app.training.data.phrases import FOLLOWUPS
from app.training.data.subjects import TOPIC_SHARES, Subject, is_held_out, subjects_by_topic
from app.training.data.wording import join, normalized, pick, size

CHINESE_SHARE = 0.25
TWO_TURN_SHARE = 0.075  # of the subjects that know a follow-up, which is about 6% of all
LONGEST: dict[Language, int] = {"en": 75, "zh": 120}

Role = Literal["user", "assistant"]
Turn = tuple[Role, str]


@dataclass(frozen=True)
class Pair:
    """A conversation up to the question, and its answer. `manner` says what is to be seen in the answer."""

    messages: tuple[Turn, ...]
    answer: str
    language: Language
    topic: str
    slot: str
    manner: Manner


def available_languages() -> tuple[Language, ...]:
    return tuple(language for language in LANGUAGES if subjects_by_topic(language))


def draw_subject(rng: Random) -> Subject:
    """A language, then a topic by its share, then an entry."""
    languages = available_languages()
    language = "zh" if "zh" in languages and rng.random() < CHINESE_SHARE else languages[0]
    topics = subjects_by_topic(language)
    topic = rng.choices(list(topics), [TOPIC_SHARES[name] for name in topics])[0]
    return rng.choice(topics[topic])


def casual(rng: Random, prompt: str, language: Language) -> str:
    """The prompt as people type it: one in five in lower case, one in five without its final mark."""
    if rng.random() < 0.2:
        prompt = prompt.rstrip(".?!。？！")
    if language == "en" and rng.random() < 0.2:
        prompt = prompt.lower() if normalized(prompt.lower()) == normalized(prompt) else prompt
    return prompt


def dressed(rng: Random, body: Body, manner: Manner, language: Language) -> tuple[str, Manner]:
    """The body with opener, flattery and closer, and the manner that really shows."""
    shown = replace(manner, listed=body.listed, example=body.example)
    if body.plain:
        return body.text, replace(shown, warm=False, flattering=False, formal=False)
    manners = load_banks(language).manners
    before, after = [], []
    if manner.formal:
        before.append(pick(rng, manners.formal_openers))
    if manner.flattering:
        before.insert(0 if rng.random() < 0.8 else len(before), pick(rng, manners.flattery))
    if manner.warm:
        place = rng.randrange(3)
        if place != 1 and not manner.formal:
            before.insert(0, pick(rng, manners.warm_openers))
        if place != 0 or manner.formal:
            after.append(pick(rng, manners.warm_closers))
    if "\n" not in body.text:
        return join([*before, body.text, *after], language), shown
    text = join([*before, body.text], language)
    return "\n".join([text, *after]), shown


def answer_to(rng: Random, subject: Subject, manner: Manner) -> tuple[str, Manner]:
    """An answer within the length limit; too long a throw is thrown again, shorter."""
    for attempt in range(8):
        body = subject.body(rng, manner if attempt < 5 else replace(manner, length="short", example=False))
        text, shown = dressed(rng, body, manner, subject.language)
        if size(text, subject.language) <= LONGEST[subject.language]:
            return text, shown
    raise ValueError(f"no answer on {subject.topic} '{subject.slot}' fits the limit")


def _followed_up(rng: Random, subject: Subject, prompt: str, manner: Manner) -> Pair:
    """A second turn that only makes sense after the first."""
    kind = pick(rng, subject.followups)
    before = replace(manner, example=False) if kind == "example" else manner
    if kind in ("short", "long"):
        before = replace(before, length="long" if kind == "short" else "short")
    if kind == "listed":
        before = replace(before, listed=False)
    earlier, _ = answer_to(rng, subject, before)
    wanted = replace(roll(rng), length=manner.length)
    if kind in ("short", "long"):
        wanted = replace(wanted, length=kind, listed=kind == "long" and wanted.listed)  # type: ignore[arg-type]
    elif kind in ("listed", "example"):
        wanted = replace(wanted, listed=kind == "listed", example=kind == "example")
        wanted = replace(wanted, length="medium" if wanted.length == "short" else wanted.length)
    text, shown = answer_to(rng, subject, wanted)
    asked = casual(rng, pick(rng, FOLLOWUPS[subject.language][kind]), subject.language)
    messages: tuple[Turn, ...] = (("user", prompt), ("assistant", earlier), ("user", asked))
    return Pair(messages, text, subject.language, subject.topic, subject.slot, shown)


def draw_pair(rng: Random) -> Pair:
    """One pair; wordings that are held out are never used."""
    while True:
        subject = draw_subject(rng)
        allowed = [wording for wording in subject.wordings if not is_held_out(wording)]
        if allowed:
            break
    prompt = casual(rng, pick(rng, allowed), subject.language)
    manner = roll(rng)
    if subject.followups and rng.random() < TWO_TURN_SHARE:
        return _followed_up(rng, subject, prompt, manner)
    text, shown = answer_to(rng, subject, manner)
    return Pair((("user", prompt),), text, subject.language, subject.topic, subject.slot, shown)


def instruction_pairs(seed: int, count: int) -> Iterator[Pair]:
    """`count` pairs, the same for the same seed and banks."""
    rng = Random(seed)
    for _ in range(count):
        yield draw_pair(rng)
