"""A prompt as it is typed on a telephone: short forms, lower case, letters that changed places."""

import re
from random import Random

from app.corpus.banks import Language
from app.corpus.wording import HAN

SHORT_FORMS: dict[Language, tuple[tuple[str, str], ...]] = {
    "en": (
        (r"\byou\b", "u"), (r"\byour\b", "ur"), (r"\byou are\b", "ur"), (r"\bplease\b", "pls"), (r"\bi am\b", "im"),
        (r"\bwhat is\b", "whats"), (r"\bwho is\b", "whos"), (r"\bdo not\b", "dont"), (r"\band\b", "n"),
        (r"\bcannot\b", "cant"), (r"\bwant to\b", "wanna"), (r"\bgoing to\b", "gonna"), (r"\bbecause\b", "cuz"),
        (r"\bthanks\b", "thx"), (r"\bwithout\b", "w/o"), (r"\bwith\b", "w"), (r"\bsomebody\b", "sb"),
        (r"\btomorrow\b", "tmrw"), (r"\btonight\b", "2nite"), (r"\babout\b", "abt"), (r"\bto\b", "2"),
        (r"\bfor\b", "4"), (r"\bare\b", "r"), (r"\bbefore\b", "b4"), (r"'", ""), (r"\bhow do i\b", "how 2"),
    ),
    "zh": (
        ("怎么", "咋"), ("什么", "啥"), ("，", " "), ("一下", "下"), ("没有", "没"), ("吗", "么"), ("？", "??"),
        ("。", "…"), ("我们", "咱"), ("谢谢", "3q"), ("可以", "能"), ("如何", "咋"), ("请问", "问下"),
    ),
}  # fmt: skip
SHORTENED = 0.35  # of the forms that a prompt has
SLIPS = 0.3  # of the prompts, those with a slip
ENDS = ("", "!", "??", "...", " lol", " :)", " pls", "")


def typed(rng: Random, prompt: str, language: Language, kept: str = "") -> str:
    """The prompt in haste; `kept` and its long words stand in it as they were, whatever happens around them."""
    names = "|".join(map(re.escape, (kept, *re.findall(r"\w{4,}", kept))))
    parts = re.split(f"({names})", prompt, flags=re.IGNORECASE) if kept else [prompt]
    text = "".join(part if place % 2 else _hasty(rng, part, language) for place, part in enumerate(parts))
    text = text.rstrip(".?!。？！ ")
    return text + (rng.choice(ENDS) if language == "en" else rng.choice(("", "", "！", "？？", "啊", "…", "~")))


def _hasty(rng: Random, text: str, language: Language) -> str:
    if language == "en":
        text = text.lower()
    for form, short in SHORT_FORMS[language]:
        if rng.random() < SHORTENED:
            text = re.sub(form, short, text)
    return _slipped(rng, text) if rng.random() < SLIPS and not HAN.search(text) else text


def _slipped(rng: Random, text: str) -> str:
    """Two letters of a long word in the other order, or one left out."""
    words = list(re.finditer(r"[a-z]{4,}", text))
    if not words:
        return text
    word = rng.choice(words)
    place = word.start() + rng.randrange(1, len(word[0]) - 2)
    return text[:place] + rng.choice((text[place + 1] + text[place], text[place + 1])) + text[place + 2 :]
