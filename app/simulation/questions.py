"""What the corpus knows of a prompt: its subject, and so whether an answer is about it, and how much of it is true.

A prompt that no bank holds has no subject: then an answer counts as on topic, and its truth is unknown. Degenerate
answers (`is_degenerate`) are seen with or without a subject.
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

from app.corpus import checks
from app.corpus.banks import LANGUAGES, Language
from app.corpus.checks import LIST_LINE, SENTENCE, is_dressing
from app.corpus.phrases import ANSWERS
from app.corpus.subject import Subject
from app.corpus.subjects import subjects_by_topic
from app.corpus.wording import normalized
from app.training.text_signs import WORD, is_echo, is_empty, is_in_other_script, repetition

IN_ANOTHER_LANGUAGE = frozenset({"translation", "rewrite"})  # topics whose answers may be in another script
EXACT = frozenset({"arithmetic", "words", "translation"})  # one answer is right
TOLD = frozenset({"concept", "definition", "comparison", "howto", "lookalike", "plan"})  # by sentences
WHOLE = frozenset({*EXACT, "rewrite", "story", "riddle", "category"})  # what counts is the whole answer
STEPS = frozenset({"howto", "lookalike"})
COLON = re.compile(r"[:：](?=\s*\S)")
MOST_REPETITION = 0.34  # of the runs of three words; a fact said twice among others is none
ENOUGH_OVERLAP = 0.5
UNKNOWN = 0.5  # of what the corpus cannot say
KEPT = 100_000  # verdicts on answers: every taste asks for the same ones
SHORT_WORD = 3  # English words up to this many letters (the, is, to) tell nothing of a topic


@dataclass(frozen=True, eq=False)  # known by its identity: `question_of` makes one of a prompt
class Question:
    """A prompt as a person reads it; `subject` is what it asks about, None where no bank holds it. What `others` answer
    is right, too: some wordings are small talk as well as a wish for advice."""

    prompt: str
    subject: Subject | None
    language: Language
    others: tuple[Subject, ...] = ()

    @property
    def topic(self) -> str:
        return self.subject.topic if self.subject else ""

    @property
    def asks_for_steps(self) -> bool:
        return self.topic in STEPS


@cache
def _subjects() -> dict[str, list[Subject]]:
    """Every wording that the corpus can ask (some 200,000), apart from case and marks, with all that it asks about."""
    known: dict[str, list[Subject]] = {}
    for language in LANGUAGES:
        by_topic = subjects_by_topic(language)
        for topic in sorted(by_topic, key=lambda name: name == "chat"):  # a riddle that is asked for in passing is one
            for subject in by_topic[topic]:
                for wording in subject.wordings:
                    asked = known.setdefault(normalized(wording), [])
                    if not asked or asked[-1] is not subject:
                        asked.append(subject)
    return known


@cache
def question_of(prompt: str) -> Question:
    found = _subjects().get(normalized(prompt))
    if not found:
        return Question(prompt, None, checks.language_of(prompt))
    return Question(prompt, found[0], found[0].language, tuple(found[1:]))


@lru_cache(KEPT)
def on_topic(question: Question, text: str) -> bool:
    """Does the answer hold something of the subject's own: one of its sentences, or half of the answer's telling words
    from them? Numbers, words and translations have to be the right ones."""
    subject = question.subject
    if is_empty(text):
        return False
    if subject is None or any(checks.on_topic(each, text) for each in (subject, *question.others)):
        return True
    if question.topic in EXACT or question.topic == "rewrite":
        return False
    said = telling_words(text) - _dressing_words(subject.language)
    return bool(said) and len(said & _vocabulary(subject)) >= ENOUGH_OVERLAP * len(said)


def relevance(question: Question, text: str) -> float:
    """Share of the answer's sentences, greetings and the like apart, that are about the subject; where no bank holds
    the prompt, share of its telling words that the answer takes up."""
    if question.subject is None:
        asked = telling_words(question.prompt)
        return len(asked & telling_words(text)) / len(asked) if asked else UNKNOWN
    if question.topic in WHOLE:
        return float(on_topic(question, text))
    said = _matter(question, text)
    return sum(on_topic(question, one) for one in said) / len(said) if said else 0.0


def truth(question: Question, text: str) -> float | None:
    """Share of the answer's sentences that the subject's bank holds, those apart that tell nothing; None where the
    corpus cannot say (stories, opinions, prompts that no bank holds)."""
    subject = question.subject
    if subject is None or question.topic not in (EXACT | TOLD):
        return None
    if question.topic in EXACT:
        return float(checks.on_topic(subject, text))
    nothing = _joint_words(subject.language) | telling_words(f"{question.prompt} {subject.slot}")
    told = [one for one in _matter(question, text) if telling_words(one) - nothing]
    own = [normalized(part) for part in subject.evidence]
    return sum(_is_told_by(own, normalized(COLON.split(one)[-1])) for one in told) / len(told) if told else 0.0


def _is_told_by(facts: list[str], sentence: str) -> bool:
    """The sentence holds one of the facts, or is one of the sentences of a longer one."""
    return any(fact in sentence or sentence in fact for fact in facts)


def _matter(question: Question, text: str) -> list[str]:
    """The sentences of an answer without greetings, praise and asides."""
    said = SENTENCE.findall(LIST_LINE.sub("", text))
    return [one.strip() for one in said if not is_empty(one) and not is_dressing(one, question.language)]


@lru_cache(KEPT)
def is_degenerate(question: Question, text: str) -> bool:
    """Empty, an echo of the prompt, the same over and over, or in a script that nobody asked for."""
    if is_empty(text) or repetition(text) > MOST_REPETITION:
        return True
    if is_echo(question.prompt, text):
        whole = normalized(text) == normalized(question.prompt)
        return whole or question.subject is None or not checks.on_topic(question.subject, text)
    return question.topic not in IN_ANOTHER_LANGUAGE and is_in_other_script(question.prompt, text)


def telling_words(text: str) -> set[str]:
    """Its longer words; of Chinese each two characters that follow one another."""
    words = WORD.findall(text.casefold())
    latin = {word for word in words if word.isascii() and (len(word) > SHORT_WORD or word.isdigit())}
    han = [word for word in words if not word.isascii()]
    return latin | {first + second for first, second in pairwise(han)}


def _vocabulary(subject: Subject) -> set[str]:
    return telling_words(" ".join((subject.slot, *subject.evidence)))


@cache
def _dressing_words(language: Language) -> set[str]:
    return {word for said in checks.dressings(language) for word in telling_words(said)}


@cache
def _joint_words(language: Language) -> set[str]:
    """Words of what holds an answer together ("Here is how.")."""
    return {word for phrases in ANSWERS[language].values() for said in phrases for word in telling_words(said)}
