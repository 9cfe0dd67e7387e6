"""Plain texts for pretraining about the same subjects as the pairs, without the chat format.

Articles, how-tos as prose, stories, dialogues, notes and lists, each of 40 to 150 words (Chinese: 60 to 260
characters), put together from the banks by templates and at random.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from itertools import accumulate
from random import Random
from typing import TypeVar

from app.corpus.answers import advise, play
from app.corpus.answers.answer import shuffled
from app.corpus.banks import Banks, Language, load_banks
from app.corpus.capitals import may_follow
from app.corpus.drawing import available_languages
from app.corpus.entries import Concept
from app.corpus.pairs import CHINESE_SHARE, draw_pair
from app.corpus.phrases import ANSWERS
from app.corpus.style import Style
from app.corpus.subject import Subject
from app.corpus.subjects import subjects_by_topic
from app.corpus.wording import bare, capital, join, listing, lowered, pick, said_back, sentence_for, size

SHORTEST: dict[Language, int] = {"en": 40, "zh": 60}
LONGEST: dict[Language, int] = {"en": 150, "zh": 260}
LONG, SHORT = Style("long"), Style("short")
NAMES: dict[Language, tuple[str, ...]] = {
    "en": ("Mia", "Tom", "Anna", "Ben", "Lucy", "Sam", "Nora", "Leo", "Ella", "Max", "Ruth", "Omar", "Lin", "Kate"),
    "zh": ("小明", "小红", "小丽", "阿强", "小文", "奶奶", "老师", "爷爷", "小兰", "小军"),
}
LINKS: dict[Language, tuple[str, ...]] = {
    "en": (
        "Here is something else.",
        "Now to another matter.",
        "Let us turn to something new.",
        "There is more to see.",
        "",
    ),
    "zh": ("再看看别的。", "下面说说另一件事。", "还有一样东西值得一说。", ""),
}
Entry = TypeVar("Entry")
Writing = Callable[[Random, Banks], str]


def _heading(rng: Random, title: str, text: str) -> str:
    return f"{title}\n{text}" if rng.random() < 0.4 else text


def _about(rng: Random, entry: Concept, language: Language) -> str:
    """Everything about one concept, in one of many orders."""
    lead = sentence_for(pick(rng, ANSWERS[language]["definition"]), language, x=entry.name, d=entry.definition)
    facts = shuffled(rng, entry.facts)
    if rng.random() < 0.3:
        place = rng.randrange(len(facts))
        if may_follow(facts[place]):
            facts[place] = pick(rng, ANSWERS[language]["also"]) + lowered(facts[place])
    sentences = [lead, *facts]
    sentences.insert(rng.randrange(1, len(sentences) + 1), entry.example)
    return join(sentences, language)


def _article(rng: Random, banks: Banks) -> str:
    entry = pick_one(rng, banks.concepts)
    return _heading(rng, capital(entry.name), _about(rng, entry, banks.language))


def _two_articles(rng: Random, banks: Banks) -> str:
    first, second = rng.sample(banks.concepts, 2)
    texts = [_about(rng, entry, banks.language) for entry in (first, second)]
    return f"{texts[0]}\n{join([pick(rng, LINKS[banks.language]), texts[1]], banks.language)}"


def _recipe(rng: Random, banks: Banks) -> str:
    entry = pick_one(rng, banks.howtos)
    spoken = advise.howto_answer(rng, LONG, entry, banks.language).text
    title = f"How to {said_back(entry.task, 'en')}" if banks.language == "en" else f"怎么{entry.task}"
    return _heading(rng, title, spoken)


def _story(rng: Random, banks: Banks) -> str:
    return play.story_answer(rng, LONG, banks.stories, {}, banks.language).text


def _counsel(rng: Random, banks: Banks) -> str:
    """Someone says what troubles them, someone answers."""
    entry, (one, other) = pick_one(rng, banks.advice), rng.sample(NAMES[banks.language], 2)
    ideas = shuffled(rng, entry.suggestions)
    if banks.language == "zh":
        return f"“{entry.situation}。”{one}说。{other}听了以后说：“{entry.comfort}{''.join(ideas)}”"
    said = pick(rng, ("said", "told a friend", "wrote", "sighed"))
    return f'"{entry.situation}," {one} {said}. {other} listened and answered: "{entry.comfort} {" ".join(ideas)}"'


def _dialogue(rng: Random, banks: Banks) -> str:
    """Two people ask and explain."""
    entry, (one, other) = pick_one(rng, banks.concepts), rng.sample(NAMES[banks.language], 2)
    facts = shuffled(rng, entry.facts)
    if banks.language == "zh":
        return (
            f"{one}问：“什么是{entry.name}？”{other}回答：“{entry.name}是{entry.definition}。{facts[0]}”"
            f"{one}说：“真有意思。还有呢？”{other}说：“{''.join(facts[1:])}{entry.example}”"
        )
    more = pick(rng, ("Tell me more.", "And what else?", "Really? Go on.", "I see. Is there more?"))
    return (
        f'{one} asked: "What is {entry.name}?"\n'
        f'{other} said: "{capital(entry.name)} is {entry.definition}. {facts[0]}"\n'
        f'"{more}" {one} said.\n"{" ".join(facts[1:])} {entry.example}"'
    )


def _letter(rng: Random, banks: Banks) -> str:
    entry, one = pick_one(rng, banks.letters), pick(rng, NAMES[banks.language])
    lines = join(entry.lines, banks.language)
    if banks.language == "zh":
        return f"“我想{entry.purpose}。”{one}说。信上这样写：\n{lines}\n{one}"
    why = pick(rng, ("The note said:", "So this is what was written:", "It became a short letter:"))
    return f'"I want to {entry.purpose}," {one} said. {why}\n{lines}\n{one}'


def _listing(rng: Random, banks: Banks) -> str:
    """Two categories and what belongs to them."""
    texts = []
    for entry in rng.sample(banks.categories, 2):
        items = listing(shuffled(rng, entry.items), banks.language)
        said = sentence_for(pick(rng, ANSWERS[banks.language]["items_prose"]), banks.language, x=entry.plural, i=items)
        texts.append(join([said, entry.remark], banks.language))
    return "\n".join(texts)


def _contrast(rng: Random, banks: Banks) -> str:
    entry, (one, other) = pick_one(rng, banks.comparisons), rng.sample(NAMES[banks.language], 2)
    if banks.language == "zh":
        return (
            f"{one}常常分不清{entry.a}和{entry.b}。{other}说：“{entry.difference}”"
            f"{one}又问它们哪里一样。{other}说：“{entry.similarity}”"
        )
    return (
        f"{one} often mixed up {entry.a} and {entry.b}. {other} knew how to tell them apart. "
        f'"{entry.difference}" "And what do they share?" {one} asked. "{entry.similarity}"'
    )


def _talk(rng: Random, banks: Banks) -> str:
    """A question and its answer as a scene, told without roles."""
    for _ in range(200):
        pair = draw_pair(rng)
        if pair.language == banks.language and len(pair.messages) == 1 and "\n" not in pair.answer:
            break
    one, other = rng.sample(NAMES[banks.language], 2)
    if banks.language == "zh":
        return f"{one}说：“{bare(pair.messages[0][1])}。”\n{other}说：“{pair.answer}”"
    return f"{one}: {pair.messages[0][1]}\n{other}: {pair.answer}"


@cache
def _known_sums(language: Language) -> list[Subject]:
    """Sums that may be trained on."""
    return [entry for entry in subjects_by_topic(language)["arithmetic"] if entry.split(held_out=False)]


def _drill(rng: Random, banks: Banks) -> str:
    """Sums as in a school book."""
    language, lines = banks.language, []
    for entry in rng.choices(_known_sums(language), k=rng.randrange(8, 14)):
        lines.append(join([pick(rng, entry.split(held_out=False)), entry.answer(rng, SHORT).text], language))
    return "\n".join(lines)


def _glossary(rng: Random, banks: Banks) -> str:
    """Words and what they mean."""
    entries = rng.sample(banks.definitions, 5)
    meaning = ANSWERS[banks.language]["meaning"]
    said = [sentence_for(pick(rng, meaning), banks.language, x=one.word, d=one.meaning) for one in entries]
    texts = [join([text, entry.sentence], banks.language) for text, entry in zip(said, entries, strict=True)]
    return "\n".join(texts)


def _rhyme(rng: Random, banks: Banks) -> str:
    entry = pick_one(rng, banks.rhymes)
    title = capital(entry.subject)
    return f"{title}\n" + "\n".join(shuffled(rng, entry.verses))


def _plan(rng: Random, banks: Banks) -> str:
    return advise.plan_answer(
        rng, replace(LONG, listed=rng.random() < 0.4), pick_one(rng, banks.plans), banks.language
    ).text


def _debate(rng: Random, banks: Banks) -> str:
    """Two people and a question of taste."""
    entry, (one, other) = pick_one(rng, banks.opinions), rng.sample(NAMES[banks.language], 2)
    reasons = join(shuffled(rng, entry.reasons), banks.language)
    if banks.language == "zh":
        return f"{one}问：“{pick(rng, entry.questions)}”{other}说：“{entry.view}{reasons}”{one}说：“{entry.other}”"
    return f'{one} asked: "{pick(rng, entry.questions)}" "{entry.view} {reasons}" "{entry.other}" said {other}.'


@cache
def _known_translations(language: Language) -> tuple[list[Subject], list[float]]:
    """Translations that may be trained on, and their weights summed up."""
    known = [entry for entry in subjects_by_topic(language).get("translation", ()) if entry.split(held_out=False)]
    return known, list(accumulate(entry.weight for entry in known))


def _phrase_book(rng: Random, banks: Banks) -> str:
    """The same in both languages, line by line."""
    known, weights = _known_translations(banks.language)
    entries = rng.choices(known, cum_weights=weights, k=rng.randrange(6, 11)) if known else []
    return "\n".join(f"{entry.slot} = {entry.answer(rng, SHORT).text}" for entry in entries)


def pick_one(rng: Random, entries: tuple[Entry, ...]) -> Entry:
    return entries[rng.randrange(len(entries))]


WRITINGS: tuple[tuple[Writing, int, str], ...] = (
    (_article, 18, "concepts"), (_two_articles, 14, "concepts"), (_dialogue, 12, "concepts"), (_recipe, 10, "howtos"),
    (_story, 12, "stories"), (_counsel, 8, "advice"), (_letter, 5, "letters"), (_listing, 7, "categories"),
    (_contrast, 6, "comparisons"), (_talk, 10, "manners"), (_drill, 6, "concepts"), (_glossary, 5, "definitions"),
    (_rhyme, 4, "rhymes"), (_plan, 4, "plans"), (_debate, 4, "opinions"), (_phrase_book, 5, "concepts"),
)  # fmt: skip


def _document(rng: Random, banks: Banks) -> str:
    """One text; short ones are followed by more until the text is long enough."""
    language = banks.language
    usable = [(write, weight) for write, weight, bank in WRITINGS if getattr(banks, bank)]
    writes, weights = [write for write, _ in usable], [weight for _, weight in usable]
    text = ""
    while size(text, language) < SHORTEST[language]:
        piece = rng.choices(writes, weights)[0](rng, banks)
        if size(text, language) + size(piece, language) <= LONGEST[language]:
            text = f"{text}\n{piece}" if text else piece
    return text


def pretraining_documents(seed: int, count: int) -> Iterator[str]:
    """`count` texts, the same for the same seed and banks."""
    rng = Random(f"documents {seed}")
    languages = available_languages()
    for _ in range(count):
        chinese = "zh" in languages and rng.random() < CHINESE_SHARE
        yield _document(rng, load_banks("zh" if chinese else languages[0]))
