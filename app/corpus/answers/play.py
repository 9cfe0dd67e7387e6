"""Answers for fun: stories, riddles, rhymes."""

from random import Random

from app.corpus.answers.answer import Answer
from app.corpus.banks import Language
from app.corpus.entries import Rhyme, Riddle, StoryParts
from app.corpus.phrases import ANSWERS
from app.corpus.style import Style
from app.corpus.wording import capital, definite, join, pick, sentence_for


def story_answer(rng: Random, style: Style, parts: StoryParts, fixed: dict[str, str], language: Language) -> Answer:
    """A story by grammar; `fixed` holds what the prompt asked for, the rest is drawn."""
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
    }[style.length]
    return Answer(join(chosen, language))


def riddle_answer(rng: Random, style: Style, entry: Riddle, language: Language) -> Answer:
    """The riddle; its hint and its answer come when they are asked for."""
    phrases = ANSWERS[language]
    intro = pick(rng, phrases["riddle_intro"]) if style.length != "short" else ""
    after = pick(rng, phrases["riddle_ask"]) if style.length == "long" else ""
    return Answer(join([intro, entry.riddle, after], language))


def hint_answer(rng: Random, _style: Style, entry: Riddle, language: Language) -> Answer:
    return Answer(join([pick(rng, ANSWERS[language]["hint_lead"]), entry.hint], language), plain=True)


def solution_answer(rng: Random, style: Style, entry: Riddle, language: Language) -> Answer:
    after = pick(rng, ANSWERS[language]["riddle_end"]) if style.length != "short" else ""
    return Answer(join([pick(rng, ANSWERS[language]["solution_lead"]), entry.answer, after], language), plain=True)


def rhyme_answer(rng: Random, style: Style, entry: Rhyme, language: Language) -> Answer:
    """One to three verses."""
    count = {"short": 1, "medium": 2, "long": 3}[style.length]
    verses = list(entry.verses) if count == 3 else sorted(rng.sample(entry.verses, count), key=entry.verses.index)
    title = capital(definite(entry.subject, language)) if rng.random() < 0.25 else ""
    intro = title or (pick(rng, ANSWERS[language]["rhyme_intro"]) if rng.random() < 0.7 else "")
    return Answer("\n".join([*([intro] if intro else []), *verses]))
