"""What code can tell about an answer: is it about what was asked, true, in order, in the right language and style.

The banks are the measure: an answer is compared with the sentences of its own subject and with those of all others.
Knows no model. Every check passes on answers that the generator itself wrote and fails on answers to other subjects;
the tests hold both.
"""

import re
from functools import cache

from app.corpus.banks import Language, load_banks
from app.corpus.pair import Pair
from app.corpus.phrases import ANSWERS
from app.corpus.subject import Subject
from app.corpus.subjects import subjects_by_topic
from app.corpus.wording import normalized, size

SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]*")
LIST_LINE = re.compile(r"^(?:- |\d+\. )", re.MULTILINE)


def holds(text: str, part: str) -> bool:
    """Is `part` in the text, whatever the capitals and marks? Whole words, whole numbers."""
    if part.isdigit():
        return part in re.findall(r"\d+", text)
    if f" {normalized(part)} " in f" {normalized(text)} ":
        return True
    return not part.isascii() and without_blanks(part) in without_blanks(text)


def without_blanks(text: str) -> str:
    """Letters and digits alone: Chinese has no blanks between words."""
    return re.sub(r"\W+", "", text)


def on_topic(subject: Subject, text: str) -> bool:
    """Does the answer hold something that only an answer to this subject holds? Stories and lists must hold every part
    that was asked for; for a number the answer's first sentence counts."""
    if subject.topic == "arithmetic":
        return correct_number(subject, text)
    if subject.topic == "riddle":  # nobody asks for a certain one
        return any(holds(text, other.evidence[0]) for other in subjects_by_topic(subject.language)["riddle"])
    held = [holds(text, part) for part in subject.evidence]
    if subject.topic == "story" or subject.slot.startswith("list: "):
        return all(held)
    return any(held)


def correct_number(subject: Subject, text: str) -> bool:
    """Counting: all numbers from the first to the last. Comparing: the first number of the first sentence with one.
    Else the last number of that sentence."""
    if " to " in subject.slot:
        first, last = map(int, subject.slot.split(" to "))
        wanted = [str(number) for number in range(first, last + 1)]
        return re.findall(r"\d+", text)[: len(wanted)] == wanted
    sentence = next((one for one in SENTENCE.findall(text) if re.search(r"\d", one)), "0")
    numbers: list[str] = re.findall(r"\d+", sentence)
    return numbers[0 if " or " in subject.slot else -1] == subject.evidence[0]


@cache
def _sentences_of(topic: str, language: Language) -> dict[str, frozenset[str]]:
    """Every sentence of a topic's bank and the slots it belongs to."""
    slots_of: dict[str, set[str]] = {}
    for subject in subjects_by_topic(language).get(topic, ()):
        for part in subject.evidence:
            for sentence in SENTENCE.findall(part):
                slots_of.setdefault(normalized(sentence), set()).add(subject.slot)
    return {sentence: frozenset(slots) for sentence, slots in slots_of.items()}


def facts(subject: Subject, text: str) -> tuple[int, int]:
    """(true, told): of the sentences that some concept's bank holds, and of those that nobody's holds, how many are
    this concept's. Openers, flattery, asides and closers are no facts."""
    known, true, told = _sentences_of(subject.topic, subject.language), 0, 0
    own = [normalized(part) for part in subject.evidence]
    for sentence in SENTENCE.findall(text):
        plain = normalized(LIST_LINE.sub("", sentence.strip()))
        if not plain or is_dressing(sentence, subject.language):
            continue
        told += 1
        mine = any(plain.endswith(part) or without_blanks(part) in without_blanks(plain) for part in own if part)
        true += mine or subject.slot in known.get(plain, frozenset())
    return true, told


@cache
def dressings(language: Language) -> tuple[str, ...]:
    """Openers, closers, flattery, asides and joints, normalized: what an answer says besides its matter."""
    manners, phrases = load_banks(language).manners, ANSWERS[language]
    joints = [text for key in ("facts_intro", "example_lead", "steps_intro") for text in phrases[key]]
    said = [*manners.warm_openers, *manners.warm_closers, *manners.flattery, *manners.formal_openers, *manners.humour]
    return tuple(normalized(sentence) for text in [*said, *joints] for sentence in SENTENCE.findall(text))


def is_dressing(sentence: str, language: Language) -> bool:
    """An opener that ends in a colon and flattery after it are one sentence."""
    said, known = normalized(sentence), dressings(language)
    return said in known or any(said.removeprefix(one).strip() in known for one in known if said.startswith(one))


def steps_in_order(subject: Subject, text: str) -> bool:
    """At least three of the steps, and those that are there in their order."""
    steps, flat = [without_blanks(normalized(step)) for step in subject.evidence[:-1]], without_blanks(normalized(text))
    places = [flat.find(step) for step in steps if step in flat]
    return len(places) >= min(3, len(steps)) and places == sorted(places)


@cache
def _refusing(language: Language) -> tuple[str, ...]:
    phrases = ANSWERS[language]
    said = [text for key in ("no", "why_not", "still_no") for text in phrases[key] if text]
    banks = load_banks(language)
    reasons = [entry.reason for entry in banks.refusals]
    reasons += [reason for entry in banks.improper for reason in entry.reasons]
    return tuple({without_blanks(normalized(text)) for text in [*said, *reasons]})


def refuses(text: str, language: Language) -> bool:
    """Does the answer say no, or give the reason of some refusal?"""
    flat = without_blanks(normalized(text))
    return any(phrase in flat for phrase in _refusing(language))


def language_of(text: str) -> Language:
    """Chinese if a fifth of the letters are Chinese characters: an English answer may hold a Chinese word."""
    letters = re.findall(r"[^\W\d_]", text)
    han = sum("\u4e00" <= letter <= "\u9fff" for letter in letters)
    return "zh" if han > 0.2 * len(letters) else "en"


def names_twice(subject: Subject, text: str) -> bool:
    """Does one list, of lines or in a sentence, name one of the subject's items twice? A remark after it may name one
    again. Longer names first: a sweet potato is no potato."""
    lines = [line for line in text.splitlines() if LIST_LINE.match(line)]
    prose = "\n".join(line for line in text.splitlines() if not LIST_LINE.match(line))
    for part in ["\n".join(lines), *SENTENCE.findall(prose)]:
        rest = normalized(part)
        for item in sorted(map(normalized, subject.evidence), key=len, reverse=True):
            pattern = rf"\b{re.escape(item)}\b" if item.isascii() else re.escape(item)
            rest, times = re.subn(pattern, "|", rest)
            if times > 1:
                return True
    return False


def loops(text: str) -> bool:
    """Is a sentence or a line said twice?"""
    said = [normalized(sentence) for sentence in SENTENCE.findall(text)]
    long = [sentence for sentence in said if len(sentence) > 8]
    return len(set(long)) < len(long)


def is_listed(text: str) -> bool:
    return len(LIST_LINE.findall(text)) > 1


def follows_up(pair: Pair, text: str) -> bool:
    """Does the answer do what the last question of a conversation asks for?"""
    before, subject = pair.messages[-2][1], pair.subject
    evidence = {"example": subject.evidence[-1:], "hint": subject.evidence[1:2], "solution": subject.evidence[2:],
                "how": subject.evidence}  # fmt: skip
    if pair.followup in evidence:
        return any(holds(text, part) for part in evidence[pair.followup])
    if pair.followup == "other_language":
        wanted = subject.replies["other_language"]
        return language_of(text) == wanted.language and any(holds(text, part) for part in wanted.evidence)
    if subject.topic == "refusal" and pair.followup in {"why", "insist"}:
        return refuses(text, pair.language)
    style_kept = {
        "short": size(text, pair.language) < size(before, pair.language),
        "long": size(text, pair.language) > size(before, pair.language),
        "listed": is_listed(text),
        "again": normalized(text) != normalized(before),
    }
    return style_kept.get(pair.followup, True) and on_topic(subject, text)


def visible_style(text: str, language: Language) -> dict[str, bool]:
    """Which traits of a style can be seen in the answer."""
    manners, phrases, flat = load_banks(language).manners, ANSWERS[language], without_blanks(normalized(text))
    said = {
        "warm": (*manners.warm_openers, *manners.warm_closers),
        "flattering": manners.flattery,
        "formal": manners.formal_openers,
        "funny": manners.humour,
        "example": phrases["example_lead"],
    }
    seen = {name: any(without_blanks(normalized(one)) in flat for one in options) for name, options in said.items()}
    words = size(text, language) / (1 if language == "en" else 1.7)
    lengths = {"short": words <= 14, "medium": 14 < words <= 32, "long": words > 32}
    return seen | {"listed": is_listed(text)} | lengths
