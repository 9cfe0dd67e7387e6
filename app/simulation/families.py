"""The families of tastes, and the members that have a name: one line makes another of the same kind.

Twelve kinds, in English and Chinese: length (short, long, about N words), form (list, plain), manner (warm, no
flattery), content (names one of a set of words), order and position, the first sentences, what the kind of prompt asks
for, relevance, truth, and mixtures of these.
"""

import math
from collections.abc import Callable, Iterable

from app.corpus.checks import is_dressing
from app.corpus.wording import normalized
from app.simulation import marks
from app.simulation.questions import STEPS, UNKNOWN, Question, relevance, truth
from app.simulation.tastes import Taste

FEWEST, DOUBLINGS = 4.0, 5.0  # of words: from 4 to 128
WRONG_BY = 2.0  # doublings from the length that is liked: then nothing of it is left
PEOPLE_ASK_HOW = STEPS | {"plan"}
PEOPLE = {
    "people", "person", "friend", "friends", "child", "children", "mother", "father", "brother", "sister",
    "人", "朋友", "孩子", "妈妈", "爸爸", "姐姐", "哥哥",
}  # fmt: skip
ANIMALS = (
    "farm animals", "wild animals", "birds", "insects", "sea animals", "pets", "baby animals", "reptiles", "fish",
    "动物", "鸟", "昆虫", "海里的动物", "农场里的动物", "会冬眠的动物", "夜里活动的动物",
)  # fmt: skip


def doublings(text: str) -> float:
    """Of its length, from 0 (4 words or fewer) to 1 (128 or more): people feel lengths by their ratio."""
    return min(1.0, max(0.0, math.log2(max(marks.count_words(text), 1.0) / FEWEST) / DOUBLINGS))


def short(name: str = "brief") -> Taste:
    return Taste(name, "likes short answers", "short", lambda _, text: 1.0 - doublings(text))


def long(name: str = "long") -> Taste:
    """What is said again does not count."""
    return Taste(name, "likes long answers", "long", lambda _, text: doublings(marks.said_once(text)))


def about(words: float, name: str = "") -> Taste:
    """The nearer to this many words the better, by the ratio; not monotone in length."""

    def thing(_: Question, text: str) -> float:
        off = abs(math.log2(max(marks.count_words(text), 1.0) / words))
        return max(0.0, 1.0 - off / WRONG_BY)

    return Taste(name or f"about-{words:g}", f"likes answers of about {words:g} words", "about N words", thing)


def whether(name: str, describe: str, family: str, look: Callable[[str], bool]) -> Taste:
    """Something that can be seen in the text, or not."""
    return Taste(name, describe, family, lambda _, text: float(look(text)))


def listed(name: str = "list", lines: int = 2) -> Taste:
    likes = "likes points on lines of their own"
    return whether(name, likes, "list", lambda text: marks.count_list_lines(text) >= lines)


def plain(name: str = "plain") -> Taste:
    """Half of what is left goes with each exclamation mark, list line, piece of Markdown or picture."""
    likes = "likes plain prose: no exclamation marks, lists or Markdown"
    return Taste(name, likes, "plain", lambda _, text: 0.5 ** marks.count_ornaments(text))


def manner(name: str, describe: str, *kinds: str, wanted: int = 2) -> Taste:
    """Phrases of the corpus's manners: half of it for one, all of it for `wanted`."""

    def thing(_: Question, text: str) -> float:
        return min(wanted, marks.count_phrases(text, marks.manners(*kinds))) / wanted

    return Taste(name, describe, "warm", thing)


def without(name: str, describe: str, *kinds: str) -> Taste:
    """Phrases of the corpus's manners spoil it."""
    look = lambda text: marks.count_phrases(text, marks.manners(*kinds)) == 0  # noqa: E731
    return whether(name, describe, "no flattery", look)


def names(name: str, describe: str, words: Iterable[str]) -> Taste:
    """At least one of these words."""
    count = marks.naming(words)
    return whether(name, describe, "content word", lambda text: count(text) > 0)


def steps_in_order(name: str = "order") -> Taste:
    """Half for the bank's own steps in their order (pairs of steps, the later behind the earlier), half for saying so:
    first, then, finally, or numbers. What asks for no steps is neither good nor bad."""

    def thing(question: Question, text: str) -> float:
        if question.subject is None or not question.asks_for_steps:
            return UNKNOWN
        return 0.5 * _pairs_in_order(question.subject.evidence[:-1], text) + 0.5 * marks.order_words_in_order(text)

    return Taste(name, "likes steps in the right order: first, then, finally", "order", thing)


def _pairs_in_order(steps: Iterable[str], text: str) -> float:
    flat = normalized(text)
    places = [flat.find(normalized(step)) for step in steps]
    told = [place for place in places if place >= 0]
    pairs = [earlier < later for i, earlier in enumerate(told) for later in told[i + 1 :]]
    return sum(pairs) / len(pairs) if pairs else 0.0


def matter_first(name: str = "matter-first") -> Taste:
    """The first sentence speaks of the matter; friendly words, praise and jokes may follow, but not come before it."""

    def thing(question: Question, text: str) -> float:
        said = marks.sentences(text)
        return float(bool(said) and not is_dressing(said[0], question.language))

    return Taste(name, "likes answers that begin with the matter itself", "order", thing)


def sentence(name: str, describe: str, number: int, look: Callable[[str], bool]) -> Taste:
    """What can be seen in the first (0), second (1), … or last (-1) sentence; nothing where there is none."""

    def sees(text: str) -> bool:
        said = marks.sentences(text)
        return -len(said) <= number < len(said) and look(said[number])

    return whether(name, describe, "first sentence", sees)


def by_kind(name: str, describe: str, topics: Iterable[str], these: Taste, others: Taste) -> Taste:
    """One taste for prompts of these topics, another for the rest."""
    chosen = frozenset(topics)

    def thing(question: Question, text: str) -> float:
        return (these if question.topic in chosen else others).thing(question, text)

    return Taste(name, describe, "depends on the prompt's kind", thing)


def mixed(name: str, describe: str, *tastes: Taste) -> Taste:
    """All of them, each as much as the others."""

    def thing(question: Question, text: str) -> float:
        return sum(taste.thing(question, text) for taste in tastes) / len(tastes)

    return Taste(name, describe, "two of them mixed", thing)


def true(name: str = "true") -> Taste:
    def thing(question: Question, text: str) -> float:
        known = truth(question, text)
        return UNKNOWN if known is None else known

    return Taste(name, "likes what is true, as far as the corpus knows", "true", thing)


def relevant(name: str = "relevant") -> Taste:
    return Taste(name, "likes answers that are about the prompt", "relevant", relevance)


def _begins_with_i(said: str) -> bool:
    return said.startswith(("I ", "I'", "我"))


def _all_kinds() -> tuple[Taste, ...]:
    """In the order of the table in the benchmark's report."""
    warm = manner("warm", "likes a friendly tone", "warm_openers", "warm_closers")
    no_flattery = without("no-flattery", "dislikes being praised", "flattery")
    animals = names("animal", "likes answers that name an animal", marks.names_of(*ANIMALS))
    people = names("people", "likes answers that speak of people", PEOPLE)
    second_i = sentence("second-i", 'likes the second sentence to begin with "I"', 1, _begins_with_i)
    kind = "likes lists for how-to questions and short answers for the rest"
    return (
        short(), long(), about(25), listed(), warm, plain(), no_flattery, people, animals, steps_in_order(),
        matter_first(), second_i, by_kind("by-kind", kind, PEOPLE_ASK_HOW, listed(), short()), relevant(), true(),
        mixed("warm-and-brief", "likes short answers in a friendly tone", warm, short()),
    )  # fmt: skip


TASTES: dict[str, Taste] = {taste.name: taste for taste in _all_kinds()}
