"""How an answer is laid out, as numbers: its lines and what they begin with, its marks, digits and capitals.

The model's states hardly keep them, and people see them first: lists, questions back, exclamations, paragraphs. Marks
of Chinese texts count as their kin of English ones. Only the text is looked at, whatever the prompt.

Shape: F features.
"""

import re
from collections.abc import Callable

import torch
from torch import Tensor

from app.training.reward.words import CHARACTER

BULLET = re.compile(r"\s*[-*•·‣◦–—]\s*\S")
NUMBERED = re.compile(r"\s*[(（]?(?:\d{1,3}|[一二三四五六七八九十]{1,3}|[a-zA-Z])[.)）、:：]\s*\S")
HEADING = re.compile(r"\s*(?:#{1,6}\s|\*\*[^*]+\*\*:?\s*$)")
WORD = re.compile(rf"[{CHARACTER}]|[^\W\d_]+(?:['’][^\W\d_]+)*")
SENTENCE = re.compile(r"[^.!?。！？\n]+")
MARKS = {
    "stop": ".。", "comma": ",，、", "question": "?？", "exclamation": "!！", "colon": ":：", "semicolon": ";；",
    "quote": "\"“”„«»「」『』‘", "bracket": "()（）[]【】<>《》", "dash": "-–—~～", "ellipsis": "…", "star": "*_#`|",
}  # fmt: skip
ENDINGS = ("stop", "question", "exclamation", "colon")  # of the text
SYMBOL = re.compile(rf"[^\w\s\x00-\x7f{re.escape(''.join(MARKS.values()))}]")  # emoji, arrows, …


def layout_of(text: str) -> Tensor:
    """[F] float32, numbers as logarithms and shares from 0 to 1; all finite, whatever the text; 0 for an empty one."""
    body = text.strip()
    lines = [line for line in body.split("\n") if line.strip()]
    words = WORD.findall(body)
    values = [*_of_lines(body, lines), *_of_marks(body), *_of_ends(body), *_of_words(body, words)]
    return torch.tensor(values, dtype=torch.float64).log1p().float()


def _of_lines(body: str, lines: list[str]) -> list[float]:
    """How many there are, blank ones too; of items by kind how many and what share; how long the lines are."""
    kinds: tuple[Callable[[str], object], ...] = (BULLET.match, NUMBERED.match, HEADING.match)
    counts = [sum(bool(of_kind(line)) for line in lines) for of_kind in kinds]
    shares = [_share(count, len(lines)) for count in counts]
    paragraphs = len(re.findall(r"\n\s*\n", body))
    longest = max(map(len, lines), default=0)
    return [len(lines), paragraphs, *counts, *shares, longest, _share(len(body), len(lines))]


def _of_marks(body: str) -> list[float]:
    """Of each kind how many, and how many in a hundred characters."""
    counts = [sum(map(body.count, marks)) for marks in MARKS.values()]
    counts.append(len(SYMBOL.findall(body)))
    return [*counts, *(100 * _share(count, len(body)) for count in counts)]


def _of_ends(body: str) -> list[float]:
    """What it begins and ends with, as 0 or 1."""
    first, last = body[:1], body[-1:]
    begins = (first.isupper(), first.islower(), first.isdigit(), first.isalpha(), bool(BULLET.match(body)))
    return [
        float(true) for true in (*begins, *(last != "" and last in MARKS[kind] for kind in ENDINGS), last.isalnum())
    ]


def _of_words(body: str, words: list[str]) -> list[float]:
    """Digits and capitals; how long words and sentences are."""
    digits = sum(map(str.isdigit, body))
    shouted = sum(len(word) > 1 and word.isupper() for word in words)
    capitals = sum(word[0].isupper() for word in words)
    sentences = [said for said in SENTENCE.findall(body) if WORD.search(said)]
    longest = max((len(WORD.findall(said)) for said in sentences), default=0)
    letters = sum(map(len, words))
    return [
        digits, 100 * _share(digits, len(body)), shouted, capitals, _share(capitals, len(words)),
        len(sentences), _share(len(words), len(sentences)), longest, _share(letters, len(words)),
    ]  # fmt: skip


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
