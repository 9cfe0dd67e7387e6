"""Everything that can be asked: a Subject per bank entry, sum, count, translation and story combination."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from app.corpus.answers import advise, explain, play, speak, words
from app.corpus.answers.answer import Answer
from app.corpus.banks import Banks, Language, counterparts, load_banks
from app.corpus.combinations import rewrites, stories, sums, translations
from app.corpus.phrases import PROMPTS
from app.corpus.subject import Reply, Subject, wordings_of
from app.corpus.topics import TOPIC_SHARES


@dataclass(frozen=True)
class BankTopic:
    """How the entries of one bank become subjects: what fills {x} and {y} of the prompts, and who answers."""

    name: str
    bank: str
    x: str
    answer: Callable[..., Answer]
    followups: tuple[str, ...] = ()
    y: str = ""
    prompts: tuple[str, ...] = ()  # keys of PROMPTS, if not the topic's own
    replies: tuple[tuple[str, Callable[..., Answer]], ...] = ()


BANK_TOPICS = (
    BankTopic("concept", "concepts", "name", explain.concept_answer, ("short", "long", "listed", "example")),
    BankTopic("howto", "howtos", "task", advise.howto_answer, ("short", "listed")),
    BankTopic(
        "lookalike", "lookalikes", "task", advise.howto_answer, ("short", "listed"), prompts=("howto", "lookalike")
    ),
    BankTopic("advice", "advice", "situation", advise.advice_answer, ("short", "listed", "long")),
    BankTopic("category", "categories", "plural", explain.category_answer, ("short", "listed", "again", "long")),
    BankTopic("comparison", "comparisons", "a", explain.comparison_answer, ("short", "long"), y="b"),
    BankTopic("definition", "definitions", "word", explain.definition_answer, ("example",)),
    BankTopic("letter", "letters", "purpose", speak.letter_answer, ("short", "long")),
    BankTopic("plan", "plans", "goal", advise.plan_answer, ("short", "listed")),
    BankTopic(
        "refusal", "refusals", "actions", speak.refusal_answer,
        replies=(("why", speak.refused_why_answer), ("insist", speak.refused_again_answer)),
    ),
    BankTopic(
        "opinion", "opinions", "questions", advise.opinion_answer, ("short",),
        replies=(("why", advise.reasons_answer),),
    ),
    BankTopic("chat", "chat", "prompts", speak.chat_answer),
    BankTopic("rhyme", "rhymes", "subject", play.rhyme_answer, ("short", "long")),
    BankTopic(
        "riddle", "riddles", "riddle", play.riddle_answer,
        replies=(("hint", play.hint_answer), ("solution", play.solution_answer)),
    ),
    BankTopic("words", "words", "word", words.word_answer),
)  # fmt: skip


# What of an entry shows that an answer speaks of it.
EVIDENCE: dict[str, tuple[str, ...]] = {
    "concept": ("definition", "facts", "example"), "howto": ("steps", "tip"), "lookalike": ("steps", "tip"),
    "advice": ("suggestions",), "category": ("items",), "comparison": ("difference", "similarity"),
    "definition": ("meaning", "sentence"), "letter": ("lines",), "plan": ("parts",),
    "refusal": ("reason", "alternative"), "opinion": ("view", "reasons", "other"), "chat": ("answers",),
    "rhyme": ("verses",), "riddle": ("riddle", "hint", "answer"), "words": ("answer",),
}  # fmt: skip
ASKED_IN_FRAMES = frozenset(("howto", "lookalike", "refusal"))


def _as_tuple(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _asked(topic: BankTopic, entry: Any, language: Language) -> tuple[str, ...]:
    """All wordings: templates filled with the entry's words, or the entry's own questions."""
    if topic.name in ("opinion", "chat"):
        return tuple(
            frame.format(x=x) for x in getattr(entry, topic.x) for frame in PROMPTS[language][f"{topic.name}_frame"]
        )
    if topic.name == "words":
        return wordings_of(language, entry.kind, x=entry.word)
    fillers = _as_tuple(getattr(entry, topic.x))
    y = getattr(entry, topic.y) if topic.y else ""
    keys = topic.prompts or (topic.name,)
    return tuple(text for x in fillers for key in keys for text in wordings_of(language, key, x=x, y=y))


def _slot(topic: BankTopic, entry: Any) -> str:
    name = _as_tuple(getattr(entry, topic.x))[0]
    if topic.name == "words":
        return f"{entry.kind}: {name}"
    return f"{name} / {getattr(entry, topic.y)}" if topic.y else name


def _evidence(topic: str, entry: Any) -> tuple[str, ...]:
    return tuple(text for name in EVIDENCE[topic] for text in _as_tuple(getattr(entry, name)))


def _entries(topic: BankTopic, banks: Banks) -> Iterable[Subject]:
    language = banks.language
    for entry in getattr(banks, topic.bank):
        told = {
            name: Reply(partial(answer, entry=entry, language=language), language) for name, answer in topic.replies
        }
        if topic.name == "concept":
            told |= _abroad(entry, language)
        yield Subject(
            topic.name, _slot(topic, entry), language, _asked(topic, entry, language),
            partial(topic.answer, entry=entry, language=language), topic.followups, told,
            evidence=_evidence(topic.name, entry),
            tasks=_as_tuple(getattr(entry, topic.x)) if topic.name in ASKED_IN_FRAMES else (),
        )  # fmt: skip


def _abroad(entry: Any, language: Language) -> dict[str, Reply]:
    """A concept that both languages know can be told in the other one."""
    if (language, entry.name) not in counterparts():
        return {}
    other, same = counterparts()[language, entry.name]
    answer = partial(explain.concept_answer, entry=same, language=other)
    return {"other_language": Reply(answer, other, _evidence("concept", same))}


@cache
def subjects_by_topic(language: Language) -> dict[str, Sequence[Subject]]:
    """All subjects of a language whose banks exist; topics without an entry are left out."""
    banks = load_banks(language)
    if banks.is_empty:
        return {}
    topics: dict[str, Iterable[Subject]] = {topic.name: _entries(topic, banks) for topic in BANK_TOPICS}
    topics |= {"story": stories(banks), "arithmetic": sums(language), "rewrite": rewrites(banks)}
    topics |= {"translation": translations(language)}
    listed = {topic: tuple(topics[topic]) for topic in TOPIC_SHARES}
    return {topic: entries for topic, entries in listed.items() if entries}
