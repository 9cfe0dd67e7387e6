"""Answers for fun: stories, riddles, rhymes."""

from random import Random

from app.corpus.answers.answer import Body
from app.corpus.banks import Language, Rhyme, Riddle, StoryParts
from app.corpus.phrases import ANSWERS
from app.corpus.style import Manner
from app.corpus.wording import capital, definite, join, pick, sentence_for


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


def riddle_body(rng: Random, manner: Manner, entry: Riddle, language: Language) -> Body:
    """The riddle; its hint and its answer come when they are asked for."""
    phrases = ANSWERS[language]
    intro = pick(rng, phrases["riddle_intro"]) if manner.length != "short" else ""
    after = pick(rng, phrases["riddle_ask"]) if manner.length == "long" else ""
    return Body(join([intro, entry.riddle, after], language), plain=manner.length == "short")


def hint_body(rng: Random, _manner: Manner, entry: Riddle, language: Language) -> Body:
    return Body(join([pick(rng, ANSWERS[language]["hint_lead"]), entry.hint], language), plain=True)


def solution_body(rng: Random, manner: Manner, entry: Riddle, language: Language) -> Body:
    after = pick(rng, ANSWERS[language]["riddle_end"]) if manner.length != "short" else ""
    return Body(join([pick(rng, ANSWERS[language]["solution_lead"]), entry.answer, after], language), plain=True)


def rhyme_body(rng: Random, manner: Manner, entry: Rhyme, language: Language) -> Body:
    """One to three verses."""
    count = {"short": 1, "medium": 2, "long": 3}[manner.length]
    verses = list(entry.verses) if count == 3 else sorted(rng.sample(entry.verses, count), key=entry.verses.index)
    title = capital(definite(entry.subject, language)) if rng.random() < 0.25 else ""
    intro = title or (pick(rng, ANSWERS[language]["rhyme_intro"]) if rng.random() < 0.7 else "")
    return Body("\n".join([*([intro] if intro else []), *verses]))
