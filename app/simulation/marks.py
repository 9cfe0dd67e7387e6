"""What can be seen in an answer's text, whatever was asked: words, sentences, list lines, ornaments, phrases, names.

Each works in English and in Chinese. Pure functions of the text; tastes are made of them.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache

from app.corpus.banks import LANGUAGES, load_banks
from app.corpus.checks import SENTENCE

CJK_CHARACTERS_PER_WORD = 1.5
_LIST_LINE = re.compile(r"^[ \t]*(?:[-*•]|\d+[.)、])[ \t]*(\S.*)$", re.MULTILINE)
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+")
_CJK = re.compile(r"[\u3400-\u9fff]")
_ORNAMENTS = re.compile(
    r"[!！]"
    r"|\*\*|__|`|^#+[ ]"  # Markdown
    r"|[\u2600-\u27bf\U0001f300-\U0001faff]",  # pictures
    re.MULTILINE,
)
# Words that say that what they introduce comes first, later or last; looked for where a sentence or a clause begins.
ORDER_WORDS = (
    ("first", "to begin", "start ", "首先", "先", "第一"),
    ("then", "next", "after that", "然后", "接着", "再", "之后", "第二"),
    ("finally", "last", "now just", "最后", "末了"),
)
_NUMBERED_LINE = re.compile(r"^[ \t]*(\d+)[.)、]", re.MULTILINE)
_CLAUSE_END = re.compile(r"(?<=[.!?。！？：:；，,])\s*|\n+")


def said_once(text: str) -> str:
    """The text without the sentences that stood in it before."""
    return " ".join(dict.fromkeys(sentences(text)))


def count_words(text: str) -> float:
    """Words of a Latin text; Chinese characters count two thirds of a word each."""
    characters = len(_CJK.findall(text))
    return len(_WORD.findall(_CJK.sub(" ", text))) + characters / CJK_CHARACTERS_PER_WORD


def count_list_lines(text: str) -> int:
    """Lines that begin with a mark or a number, each line of words counted once."""
    return len({line.strip().casefold() for line in _LIST_LINE.findall(text)})


def count_ornaments(text: str) -> int:
    """Exclamation marks, Markdown, pictures, list lines."""
    return len(_ORNAMENTS.findall(text)) + count_list_lines(text)


def sentences(text: str) -> list[str]:
    """With the marks that end them; a list line is one."""
    return [sentence.strip() for sentence in SENTENCE.findall(text) if sentence.strip()]


@cache
def manners(*kinds: str) -> tuple[str, ...]:
    """The corpus's phrases of these kinds (warm_openers, warm_closers, flattery, formal_openers, humour)."""
    told = [load_banks(language).manners for language in LANGUAGES]
    return tuple(phrase for style in told for kind in kinds for phrase in getattr(style, kind))


def count_phrases(text: str, phrases: Iterable[str]) -> int:
    """How many different ones are in the text."""
    return sum(phrase in text for phrase in phrases)


def order_words_in_order(text: str) -> float:
    """From 0 to 1: a third each for words that say "first", "then" behind that, "finally" behind those; or numbered
    lines from 1 on, none of them out of its place."""
    numbers = [int(number) for number in _NUMBERED_LINE.findall(text)]
    if len(numbers) > 1:
        return float(numbers == list(range(1, len(numbers) + 1)))
    clauses = [clause.casefold() for clause in _CLAUSE_END.split(text)]
    place, steps = 0, 0
    for words in ORDER_WORDS:
        at = next((i for i in range(place, len(clauses)) if clauses[i].startswith(words)), None)
        if at is not None:
            place, steps = at + 1, steps + 1
    return steps / 3


@cache
def names_of(*categories: str) -> frozenset[str]:
    """What the corpus's categories hold ("birds", "鸟"), English names in the plural and in the singular."""
    items = {
        item.casefold()
        for language in LANGUAGES
        for category in load_banks(language).categories
        if category.plural in categories
        for item in category.items
    }
    return frozenset(items | {singular(item) for item in items})


def singular(plural: str) -> str:
    """Of a regular English plural; anything else stays."""
    for ending, replacement in (("ies", "y"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"), ("s", "")):
        if plural.isascii() and plural.endswith(ending) and not plural.endswith("ss"):
            return plural.removesuffix(ending) + replacement
    return plural


def naming(words: Iterable[str]) -> Callable[[str], int]:
    """A function that counts how many of these words a text holds: whole words of English, anywhere in Chinese."""
    known = sorted(set(words), key=len, reverse=True)
    latin = [re.escape(word) for word in known if word.isascii()]
    han = [re.escape(word) for word in known if not word.isascii()]
    pattern = re.compile("|".join([*([rf"\b(?:{'|'.join(latin)})\b"] if latin else []), *han]), re.IGNORECASE)

    def count(text: str) -> int:
        return len({match.casefold() for match in pattern.findall(text)})

    return count
