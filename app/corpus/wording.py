"""Small grammar for both languages: joining, capitals, definite forms, measuring and normalizing.

Pure functions over strings.
"""

import re
import unicodedata
from collections.abc import Sequence
from random import Random

from app.corpus.banks import Language

HAN, LATIN = re.compile("[\u4e00-\u9fff]"), re.compile("[A-Za-z]")
ARTICLE = re.compile(r"\b([Aa])n? (?=(\w+))")
VOWEL = re.compile(
    r"(?!(?i:uni(?!m|n)|us[eu]|ut[eio]|uku|eu|onc?e\b))(?i:[aeiou]|hour|honest|heir)(?![A-Z]{1,3}\b)"
    r"|[AEFHILMNORSX][A-Z]{0,3}\b"  # spelled out: an MRI, a URL
)
MEASURED = re.compile(
    "^一(?:口袋|[只个位名头条匹把张本块颗枚封朵盏座面支枝根口件双片幅顶艘辆串袋盒杯棵粒群列对团捆架桶罐篮瓶副])"
)


def size(text: str, language: Language) -> int:
    """Words of English, characters of Chinese: the unit in which answers are measured."""
    return len(text.split()) if language == "en" else len(re.sub(r"\s", "", text))


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def lowered(sentence: str) -> str:
    """The sentence as it stands after a connective."""
    return sentence[:1].lower() + sentence[1:]


def bare(sentence: str) -> str:
    """The sentence without its full stop."""
    return sentence.rstrip(".。")


def join(parts: Sequence[str], language: Language) -> str:
    """Sentences one after the other. A word in the other language, said by itself, gets a stop before the next."""
    said = [part for part in parts if part]
    foreign, stop = (HAN, ".") if language == "en" else (LATIN, "。")
    stopped = [part + stop if foreign.fullmatch(part[-1]) else part for part in said[:-1]] + said[-1:]
    return ("" if language == "zh" else " ").join(stopped)


def listing(items: Sequence[str], language: Language) -> str:
    """ "a, b and c", or the Chinese way with its own comma."""
    if language == "zh":
        return "、".join(items)
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def definite(name: str, language: Language) -> str:
    """ "a young fox" -> "the young fox"; Chinese drops number and measure word."""
    if language == "zh":
        return MEASURED.sub("", name)
    return re.sub(r"^(an?) ", "the ", name)


def without_article(name: str) -> str:
    return re.sub(r"^(?:an?|the) ", "", name, flags=re.IGNORECASE)


def with_article(text: str) -> str:
    """ "a" or "an", as the sound after it wants."""
    return ARTICLE.sub(lambda found: f"{found[1]}{'n' * bool(VOWEL.match(found[2]))} ", text)


def said_back(task: str, language: Language) -> str:
    """The asker's "my shoes" are "your shoes" in the answer."""
    return re.sub(r"\bmy\b", "your", task) if language == "en" else task.replace("我的", "你的")


def sentence_for(template: str, language: Language, **values: str) -> str:
    """Fill `{x}` and, for a capital, `{X}`."""
    both = values | {capital(key): capital(value) for key, value in values.items()}
    filled = template.format(**both)
    return capital(filled) if language == "en" else filled


def normalized(text: str) -> str:
    """What makes two prompts the same: letters, digits and signs, without case, punctuation or blanks."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub(r"[^\w+\-=]+", " ", folded).split())


def pick(rng: Random, options: Sequence[str]) -> str:
    return options[rng.randrange(len(options))]
