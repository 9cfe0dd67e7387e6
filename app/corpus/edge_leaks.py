"""Nothing that only a trained model is asked may be trained on: neither its wording nor its words in another frame."""

import re
from functools import cache

from app.corpus.edge_questions import edge_questions
from app.corpus.wording import HAN, normalized

# Words that ask, and say nothing of what is asked.
FRAME_WORDS = frozenset(
    normalized(
        "a an the how do does did i can could would should what is are was were of to in on for from with my me it you"
        " your some any please tell show give explain describe about best way want need help who when where why which"
        " be this that and at know there good"
    ).split()
)
FRAME_SIGNS = re.compile(
    "怎么样|怎么|怎样|如何|什么|是|的|吗|呢|请|告诉|教|帮|我|想|你|能|可以|该|有|一下|说说|介绍|给|讲讲|办|好"
)


def gist(text: str) -> str:
    """What a question is about, without the words that ask."""
    words = normalized(text).replace("_", " ")
    if HAN.search(words):
        return FRAME_SIGNS.sub("", words).replace(" ", "")
    return " ".join(sorted({word for word in words.split() if word not in FRAME_WORDS}))


@cache
def _asked() -> frozenset[str]:
    return frozenset(gist(question.text) for question in edge_questions())


def leaks(text: str) -> bool:
    """Is it a question of the evaluation, or one with the same words in another frame?"""
    return gist(text) in _asked()
