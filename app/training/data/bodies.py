"""What an answer says, topic by topic, in a given manner of length, listing and example.

Each `*_body` takes the dice, a bank entry and the manner and returns a Body; greetings and flattery are added
elsewhere. Facts are drawn at random and in random order, so no prompt has one fixed answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from app.training.data.banks import (
    Advice,
    Category,
    Comparison,
    Concept,
    Exchange,
    HowTo,
    Language,
    Letter,
    Refusal,
    StoryParts,
    WordPair,
)
from app.training.data.manner import Length, Manner
from app.training.data.phrases import ANSWERS
from app.training.data.wording import (
    bare,
    capital,
    definite,
    join,
    listing,
    lowered,
    pick,
    said_back,
    sentence_for,
    size,
)

# Content only; an opener, flattery and a closer come on top of it.
BUDGET: dict[Language, dict[Length, int]] = {
    "en": {"short": 17, "medium": 31, "long": 46},
    "zh": {"short": 32, "medium": 56, "long": 76},
}


@dataclass(frozen=True)
class Body:
    """`listed` and `example` say what is to be seen; `plain` bodies take no opener, flattery or closer."""

    text: str
    listed: bool = False
    example: bool = False
    plain: bool = False


def fitting(parts: Sequence[str], budget: int, language: Language) -> list[str]:
    """The parts that fit, in order; the first always does."""
    kept, total = list(parts[:1]), size(parts[0], language) if parts else 0
    for part in parts[1:]:
        if total + size(part, language) <= budget:
            kept.append(part)
            total += size(part, language)
    return kept


def bulleted(intro: str, items: Sequence[str], *, ordered: bool = False) -> str:
    """An intro line and one line per item."""
    lines = [f"{number}. {item}" if ordered else f"- {item}" for number, item in enumerate(items, start=1)]
    return "\n".join([intro, *lines] if intro else lines)


def shuffled(rng: Random, items: Sequence[str]) -> list[str]:
    return rng.sample(list(items), len(items))


def _connected(rng: Random, sentences: Sequence[str], language: Language, *, imperative: bool = False) -> list[str]:
    """Now and then a sentence after the first begins with "Also, "."""
    if len(sentences) < 2 or rng.random() < 0.6:
        return list(sentences)
    place = rng.randrange(1, len(sentences))
    also = pick(rng, ANSWERS[language]["also"])
    return [
        *sentences[:place],
        also + lowered(sentences[place], imperative=imperative and language == "en"),
        *sentences[place + 1 :],
    ]


def concept_body(rng: Random, manner: Manner, entry: Concept, language: Language) -> Body:
    phrases = ANSWERS[language]
    lead = sentence_for(pick(rng, phrases["definition"]), language, x=entry.name, d=entry.definition)
    example = manner.example
    shown = pick(rng, ("", *phrases["example_lead"])) if example else ""
    extra = shown + (lowered(entry.example) if shown.endswith(("，", "this: ")) else entry.example) if example else ""
    budget = BUDGET[language][manner.length] - size(extra, language) * (manner.length != "short")
    drawn = shuffled(rng, entry.facts)
    facts = fitting([lead, *drawn], budget, language)[1:]
    if manner.listed and manner.length != "short" and len(facts) < 2:
        facts = drawn[:2]  # one bullet is no list
    if manner.listed and len(facts) > 1:
        text = bulleted(join([lead, pick(rng, phrases["facts_intro"])], language), facts)
        return Body(f"{text}\n{extra}" if extra else text, listed=True, example=example)
    return Body(join([lead, *_connected(rng, facts, language), extra], language), example=example)


def _spoken_steps(rng: Random, steps: Sequence[str], language: Language) -> list[str]:
    """Steps as prose: first, then, finally."""
    phrases = ANSWERS[language]
    english = language == "en"
    spoken = [pick(rng, phrases["first"]) + (lowered(steps[0], imperative=True) if english else steps[0])]
    for number, step in enumerate(steps[1:], start=1):
        last = number == len(steps) - 1
        word = pick(rng, phrases["last" if last else "then"]) if last or rng.random() < 0.6 else ""
        spoken.append(word + (lowered(step, imperative=True) if word and english else step))
    return spoken


def howto_body(rng: Random, manner: Manner, entry: HowTo, language: Language) -> Body:
    phrases = ANSWERS[language]
    steps = list(entry.steps)
    tip = entry.tip if manner.length == "long" or (manner.length == "medium" and rng.random() < 0.2) else ""
    if manner.listed:
        intro = sentence_for(pick(rng, phrases["steps_intro"]), language, x=said_back(entry.task, language))
        text = bulleted(intro, steps, ordered=True)
        return Body(f"{text}\n{tip}" if tip else text, listed=True)
    intro = sentence_for(pick(rng, phrases["steps_prose"]), language, x=said_back(entry.task, language)).strip()
    if manner.length == "short":
        return Body(join(steps, language))
    return Body(join([intro, *_spoken_steps(rng, steps, language), tip], language))


def advice_body(rng: Random, manner: Manner, entry: Advice, language: Language) -> Body:
    ideas = shuffled(rng, entry.suggestions)
    comfort = entry.comfort if manner.warm or rng.random() < 0.35 else ""
    budget = BUDGET[language][manner.length] - size(comfort, language)
    chosen = fitting(ideas, budget, language)
    if manner.listed and len(chosen) > 1:
        return Body(
            bulleted(join([comfort, pick(rng, ANSWERS[language]["advice_intro"])], language), chosen), listed=True
        )
    if rng.random() < 0.25 and comfort:
        return Body(join([*_connected(rng, chosen, language, imperative=True), comfort], language))
    return Body(join([comfort, *chosen], language))


def category_body(rng: Random, manner: Manner, entry: Category, language: Language) -> Body:
    phrases = ANSWERS[language]
    count = {"short": 3, "medium": 5, "long": len(entry.items)}[manner.length]
    items = shuffled(rng, entry.items)[: max(2, count - rng.randrange(2))]
    remark = entry.remark if manner.length == "long" or rng.random() < 0.3 else ""
    if manner.listed:
        intro = sentence_for(pick(rng, phrases["items_intro"]), language, x=entry.plural)
        text = bulleted(intro, [capital(item) for item in items])
        return Body(f"{text}\n{remark}" if remark else text, listed=True)
    template = pick(rng, phrases["items_prose"])
    return Body(join([sentence_for(template, language, x=entry.plural, i=listing(items, language)), remark], language))


def comparison_body(rng: Random, manner: Manner, entry: Comparison, language: Language) -> Body:
    both = [entry.difference, entry.similarity]
    if manner.length == "short":
        return Body(entry.difference)
    if manner.listed:
        return Body(bulleted(pick(rng, ANSWERS[language]["comparison_intro"]), both), listed=True)
    if rng.random() < 0.35:
        return Body(join(both[::-1], language))
    return Body(join(both, language))


def refusal_body(rng: Random, manner: Manner, entry: Refusal, language: Language) -> Body:
    sorry = pick(rng, ANSWERS[language]["no"]).strip()
    if manner.length == "short":
        return Body(entry.reason, plain=True)
    return Body(join([sorry, entry.reason, entry.alternative], language), plain=True)


def letter_body(rng: Random, manner: Manner, entry: Letter, language: Language) -> Body:
    phrases = ANSWERS[language]
    lines = list(entry.lines)
    kept = {"short": lines[:2], "medium": lines[:3], "long": lines}[manner.length]
    bye = pick(rng, phrases["letter_bye"]) if manner.length == "long" or rng.random() < 0.5 else ""
    hello = pick(rng, phrases["letter_hello"])
    if manner.listed:
        return Body("\n".join(part for part in (hello, join(kept, language), bye) if part), plain=True)
    return Body(join([hello, *kept, bye], language), plain=True)


def chat_body(rng: Random, manner: Manner, entry: Exchange, language: Language) -> Body:
    ordered = sorted(entry.answers, key=lambda answer: size(answer, language))
    third = {"short": 0, "medium": 1, "long": 2}[manner.length]
    place = third * len(ordered) // 3
    options = ordered[place : max(place + 1, (third + 1) * len(ordered) // 3)]
    return Body(pick(rng, options), plain=True)


def story_body(rng: Random, manner: Manner, parts: StoryParts, fixed: dict[str, str], language: Language) -> Body:
    """A story by grammar; `fixed` holds what the prompt asked for, dice choose the rest."""
    phrases = ANSWERS[language]
    hero = fixed.get("hero") or pick(rng, parts.heroes)
    thing = fixed.get("thing") or pick(rng, parts.things)
    place = fixed.get("place") or pick(rng, parts.places)
    the = {"hero": definite(hero, language), "thing": definite(thing, language)}
    values = {"hero": hero, "thing": thing, "place": place, "the_hero": the["hero"]}
    opening = sentence_for(pick(rng, phrases["story_open"]), language, **values)
    find = sentence_for(pick(rng, phrases["story_find"]), language, **values)
    end = sentence_for(pick(rng, phrases["story_end"]), language, **values)
    twists = [capital(twist.format(**the)) for twist in rng.sample(list(parts.twists), 2)]
    moral = pick(rng, parts.morals)
    chosen = {
        "short": [opening, find] if "thing" in fixed else [opening, pick(rng, (find, end))],
        "medium": [opening, find, twists[0]],
        "long": [opening, find, twists[0], end, moral if rng.random() < 0.5 else ""],
    }[manner.length]
    return Body(join(chosen, language))


def sum_body(rng: Random, manner: Manner, kind: str, x: int, y: int, language: Language) -> Body:
    phrases, result = ANSWERS[language], x + y if kind == "plus" else x - y
    values = {"x": str(x), "y": str(y), "r": str(result)}
    said = sentence_for(pick(rng, phrases[kind]), language, **values)
    how = sentence_for(pick(rng, phrases[f"{kind}_how"]), language, **values)
    check = pick(rng, phrases["check"])
    parts = {"short": [said], "medium": [said, how], "long": [said, how, check]}[manner.length]
    return Body(join(parts, language), example=False)


def count_body(rng: Random, manner: Manner, x: int, y: int, language: Language) -> Body:
    numbers = [str(number) for number in range(x, y + 1)]
    more = pick(rng, ANSWERS[language]["count_more"]).format(n=len(numbers)) if manner.length != "short" else ""
    if manner.listed and len(numbers) <= 8:
        return Body("\n".join([*(f"- {number}" for number in numbers), *([more] if more else [])]), listed=True)
    said = pick(rng, ANSWERS[language]["count"]).format(i=("、" if language == "zh" else ", ").join(numbers))
    return Body(join([said, more], language))


def word_body(rng: Random, manner: Manner, entry: WordPair, language: Language) -> Body:
    phrases = ANSWERS[language]
    values = {"x": entry.word, "r": entry.answer}
    said = sentence_for(pick(rng, phrases[entry.kind]), language, **values)
    if manner.length == "short":
        return Body(bare(said) + ("." if language == "en" else "。"))
    more = sentence_for(pick(rng, phrases[f"{entry.kind}_more"]), language, **values)
    return Body(join([said, more], language))
