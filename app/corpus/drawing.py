"""Which subject is asked about, and how people type it: drawn by the topics' shares."""

from functools import cache
from itertools import accumulate
from random import Random

from app.corpus.banks import LANGUAGES, Language
from app.corpus.edges import edges_by_topic
from app.corpus.everyday import everyday_subject
from app.corpus.frames import task_asked
from app.corpus.fresh import FRESH, FRESH_SHARES
from app.corpus.phrases import PROMPTS
from app.corpus.subject import Subject, is_held_out
from app.corpus.subjects import subjects_by_topic
from app.corpus.topics import EDGE_SHARE, EDGE_SHARES, EVERYDAY_SHARE, PRACTICE, TOPIC_SHARES
from app.corpus.wording import normalized, pick

CHINESE_SHARE = 1 / 3
EDGE_CHINESE_SHARE = 0.45  # names that are to be copied come in more characters than in English words
FRAMED_SHARE = 0.3  # in training, of tasks of the banks, those that are asked in everyday talk


def available_languages() -> tuple[Language, ...]:
    return tuple(language for language in LANGUAGES if subjects_by_topic(language))


@cache
def _drawable(language: Language, held_out: bool, edges: bool) -> dict[str, tuple[list[Subject], list[float]]]:
    """By topic, the subjects with a wording on this side of the split, and their weights summed up."""
    drawable = {}
    by_topic = edges_by_topic(language) if edges else subjects_by_topic(language)
    for topic, subjects in by_topic.items():
        kept = [subject for subject in subjects if subject.has_on_side(held_out=held_out)]
        if kept:
            drawable[topic] = (kept, list(accumulate(subject.weight for subject in kept)))
    return drawable


def draw_subject(rng: Random, *, held_out: bool = False, edges: bool = False) -> Subject:
    """A language, then a topic by its share (in training: and by its need of practice), then an entry; each has a
    wording that is (not) held out. With `edges`, some are about the edges of the corpus, some what people ask first."""
    languages = available_languages()
    at_edge = edges and rng.random() < EDGE_SHARE
    chinese = EDGE_CHINESE_SHARE if at_edge else CHINESE_SHARE
    language = "zh" if "zh" in languages and rng.random() < chinese else languages[0]
    if at_edge:
        return _at_edge(rng, language)
    if edges and rng.random() < EVERYDAY_SHARE:
        return everyday_subject(rng, language)
    topics, shares = _drawable(language, held_out, False), TOPIC_SHARES
    practice = dict.fromkeys(topics, 1.0) if held_out else PRACTICE
    topic = rng.choices(list(topics), [shares[name] * practice.get(name, 1.0) for name in topics])[0]
    subjects, weights = topics[topic]
    return rng.choices(subjects, cum_weights=weights)[0]


def _at_edge(rng: Random, language: Language) -> Subject:
    """One of the banks' subjects at the edge, or one made up for this pair alone."""
    topics = _drawable(language, False, True)
    topic = rng.choices(list(EDGE_SHARES), list(EDGE_SHARES.values()))[0]
    while rng.random() < FRESH_SHARES.get(topic, 0.0):
        subject = FRESH[topic](rng, language)
        if subject.split(held_out=False):
            return subject
    subjects, weights = topics[topic]
    return rng.choices(subjects, cum_weights=weights)[0]


def in_context(rng: Random, prompt: str, language: Language) -> str:
    """With a word before or after it, as people have a reason to ask."""
    phrases = PROMPTS[language]
    blank = " " if language == "en" else ""
    before = pick(rng, phrases["before"]) + blank if rng.random() < 0.7 else ""
    after = blank + pick(rng, phrases["after"]) if not before or rng.random() < 0.3 else ""
    return f"{before}{prompt}{after}"


def ask(rng: Random, subject: Subject, *, held_out: bool = False, frames: bool = False) -> str:
    """One of its wordings, as people type it; with `frames`, some of its tasks in everyday talk (frames.py)."""
    asked = pick(rng, subject.split(held_out=held_out))
    if frames and subject.tasks and rng.random() < FRAMED_SHARE:
        framed = task_asked(rng, pick(rng, subject.tasks), subject.language)
        asked = framed if is_held_out(framed) == held_out else asked
    return casual(rng, asked, subject.language)


def casual(rng: Random, prompt: str, language: Language) -> str:
    """The prompt as people type it: one in five in lower case, one in five without its final mark."""
    if rng.random() < 0.2:
        prompt = prompt.rstrip(".?!。？！")
    if language == "en" and rng.random() < 0.2:
        prompt = prompt.lower() if normalized(prompt.lower()) == normalized(prompt) else prompt
    return prompt
