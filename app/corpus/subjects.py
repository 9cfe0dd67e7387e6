"""Everything that can be asked: a Subject per bank entry, sum, count, translation and story combination.

A Subject knows all wordings of its prompt and how to answer in a manner. What is held out from training is decided by a
hash alone, so that pairs and shipped prompts can never disagree: of a bank entry single wordings (the entry is known,
the way of asking is new), of a combination (a sum, two story parts, a thing in a sentence) the whole slot with all its
wordings (the parts are known, together they are new).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from hashlib import sha256
from random import Random
from typing import Any

from app.corpus.answers import advise, explain, play, speak, words
from app.corpus.answers.answer import Body
from app.corpus.banks import Banks, Language, load_banks
from app.corpus.phrases import PROMPTS
from app.corpus.style import Manner
from app.corpus.wording import normalized, sentence_for

HELD_OUT_PERCENT = 8

# How often a topic is asked, in percent.
TOPIC_SHARES: dict[str, int] = {
    "concept": 18, "howto": 8, "lookalike": 4, "advice": 7, "chat": 7, "category": 5, "comparison": 5, "definition": 4,
    "refusal": 8, "story": 6, "letter": 3, "plan": 3, "opinion": 3, "riddle": 3, "rhyme": 3, "rewrite": 11,
    "translation": 9, "arithmetic": 5, "words": 3,
}  # fmt: skip

# How often training draws a topic, measured against how often it is asked: what is learned slowly is practised more.
PRACTICE: dict[str, float] = {
    "rewrite": 2.0, "chat": 2.0, "arithmetic": 1.7, "translation": 1.6, "words": 1.3, "refusal": 1.2, "rhyme": 1.2,
    "concept": 0.85, "lookalike": 0.7, "category": 0.6, "comparison": 0.8, "plan": 0.8,
}  # fmt: skip

Answering = Callable[[Random, Manner], Body]


@dataclass(frozen=True)
class Reply:
    """An answer to a follow-up that says something else than the first answer."""

    body: Answering
    language: Language
    evidence: tuple[str, ...] = ()  # as a subject's, if it is not the subject's own


@dataclass(frozen=True)
class Subject:
    """`followups` are answered by `body` in another manner, `replies` by bodies of their own."""

    topic: str
    slot: str
    language: Language
    wordings: tuple[str, ...]
    body: Answering
    followups: tuple[str, ...] = ()
    replies: Mapping[str, Reply] = field(default_factory=dict)
    combined: bool = False
    evidence: tuple[str, ...] = ()  # an answer that holds one of these is about the subject
    weight: float = 1.0  # how often it is drawn within its topic: combinations are many

    def split(self, *, held_out: bool) -> list[str]:
        """The wordings that training may see, or those that it never sees."""
        if self.combined:
            return list(self.wordings) if _in_held_out_share(f"{self.topic} {self.slot}") == held_out else []
        return [wording for wording in self.wordings if is_held_out(wording) == held_out]


def _in_held_out_share(text: str) -> bool:
    return int(sha256(text.encode()).hexdigest()[:8], 16) % 100 < HELD_OUT_PERCENT


@cache
def is_held_out(prompt: str) -> bool:
    """Does this wording of a bank entry belong to the prompts that are never trained on?"""
    return _in_held_out_share(normalized(prompt))


def wordings_of(language: Language, key: str, **values: str) -> tuple[str, ...]:
    return tuple(sentence_for(template, language, **values) for template in PROMPTS[language][key])


@dataclass(frozen=True)
class Kind:
    """How the entries of one bank become subjects: what fills {x} and {y} of the prompts, and who answers."""

    topic: str
    bank: str
    x: str
    body: Callable[..., Body]
    followups: tuple[str, ...] = ()
    y: str = ""
    prompts: tuple[str, ...] = ()  # keys of PROMPTS, if not the topic's own
    replies: tuple[tuple[str, Callable[..., Body]], ...] = ()


KINDS = (
    Kind("concept", "concepts", "name", explain.concept_body, ("short", "long", "listed", "example")),
    Kind("howto", "howtos", "task", advise.howto_body, ("short", "listed")),
    Kind("lookalike", "lookalikes", "task", advise.howto_body, ("short", "listed"), prompts=("howto", "lookalike")),
    Kind("advice", "advice", "situation", advise.advice_body, ("short", "listed", "long")),
    Kind("category", "categories", "plural", explain.category_body, ("short", "listed", "again", "long")),
    Kind("comparison", "comparisons", "a", explain.comparison_body, ("short", "long"), y="b"),
    Kind("definition", "definitions", "word", explain.definition_body, ("example",)),
    Kind("letter", "letters", "purpose", speak.letter_body, ("short", "long")),
    Kind("plan", "plans", "goal", advise.plan_body, ("short", "listed")),
    Kind(
        "refusal", "refusals", "actions", speak.refusal_body,
        replies=(("why", speak.refused_why_body), ("insist", speak.refused_again_body)),
    ),
    Kind("opinion", "opinions", "questions", advise.opinion_body, ("short",), replies=(("why", advise.reasons_body),)),
    Kind("chat", "chat", "prompts", speak.chat_body),
    Kind("rhyme", "rhymes", "subject", play.rhyme_body, ("short", "long")),
    Kind(
        "riddle", "riddles", "riddle", play.riddle_body,
        replies=(("hint", play.hint_body), ("solution", play.solution_body)),
    ),
    Kind("words", "words", "word", words.word_body),
)  # fmt: skip


# What of an entry shows that an answer speaks of it.
EVIDENCE: dict[str, tuple[str, ...]] = {
    "concept": ("definition", "facts", "example"), "howto": ("steps", "tip"), "lookalike": ("steps", "tip"),
    "advice": ("suggestions",), "category": ("items",), "comparison": ("difference", "similarity"),
    "definition": ("meaning", "sentence"), "letter": ("lines",), "plan": ("parts",),
    "refusal": ("reason", "alternative"), "opinion": ("view", "reasons", "other"), "chat": ("answers",),
    "rhyme": ("verses",), "riddle": ("riddle", "hint", "answer"), "words": ("answer",),
}  # fmt: skip


def _as_tuple(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _asked(kind: Kind, entry: Any, language: Language) -> tuple[str, ...]:
    """All wordings: templates filled with the entry's words, or the entry's own questions."""
    if kind.topic in ("opinion", "chat"):
        return tuple(
            frame.format(x=x) for x in getattr(entry, kind.x) for frame in PROMPTS[language][f"{kind.topic}_frame"]
        )
    if kind.topic == "words":
        return wordings_of(language, entry.kind, x=entry.word)
    found = getattr(entry, kind.x)
    fillers = _as_tuple(found)
    y = getattr(entry, kind.y) if kind.y else ""
    keys = kind.prompts or (kind.topic,)
    return tuple(text for x in fillers for key in keys for text in wordings_of(language, key, x=x, y=y))


def _slot(kind: Kind, entry: Any) -> str:
    found = getattr(entry, kind.x)
    name = _as_tuple(found)[0]
    if kind.topic == "words":
        return f"{entry.kind}: {name}"
    return f"{name} / {getattr(entry, kind.y)}" if kind.y else name


def _evidence(topic: str, entry: Any) -> tuple[str, ...]:
    return tuple(text for name in EVIDENCE[topic] for text in _as_tuple(getattr(entry, name)))


def _entries(kind: Kind, banks: Banks) -> Iterable[Subject]:
    language = banks.language
    for entry in getattr(banks, kind.bank):
        told = {name: Reply(partial(body, entry=entry, language=language), language) for name, body in kind.replies}
        if kind.topic == "concept":
            told |= _abroad(entry, language)
        yield Subject(
            kind.topic, _slot(kind, entry), language, _asked(kind, entry, language),
            partial(kind.body, entry=entry, language=language), kind.followups, told,
            evidence=_evidence(kind.topic, entry),
        )  # fmt: skip


@cache
def counterparts() -> dict[tuple[Language, str], tuple[Language, Any]]:
    """(language, concept) -> the same concept in the other language."""
    english = {entry.name: entry for entry in load_banks("en").concepts}
    found: dict[tuple[Language, str], tuple[Language, Any]] = {}
    for entry in load_banks("zh").concepts:
        if entry.english in english:
            found["zh", entry.name] = ("en", english[entry.english])
            found["en", entry.english] = ("zh", entry)
    return found


def _abroad(entry: Any, language: Language) -> dict[str, Reply]:
    """A concept that both languages know can be told in the other one."""
    if (language, entry.name) not in counterparts():
        return {}
    other, same = counterparts()[language, entry.name]
    body = partial(explain.concept_body, entry=same, language=other)
    return {"other_language": Reply(body, other, _evidence("concept", same))}


@cache
def subjects_by_topic(language: Language) -> dict[str, Sequence[Subject]]:
    """All subjects of a language whose banks exist; topics without an entry are left out."""
    from app.corpus.combinations import rewrites, stories, sums, translations

    banks = load_banks(language)
    if banks.is_empty:
        return {}
    topics: dict[str, Iterable[Subject]] = {kind.topic: _entries(kind, banks) for kind in KINDS}
    topics |= {"story": stories(banks), "arithmetic": sums(language), "rewrite": rewrites(banks)}
    topics |= {"translation": translations(language)}
    listed = {topic: tuple(topics[topic]) for topic in TOPIC_SHARES}
    return {topic: entries for topic, entries in listed.items() if entries}
