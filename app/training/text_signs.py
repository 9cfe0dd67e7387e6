"""Signs that answers have degenerated, read off their texts: nothing said, the question said back, the same said again.

Each is a share between 0 and 1 and is compared with the SFT model's share on the same prompts, so that a question that
asks for an echo ("Copy this for me: ...") counts for neither. A short answer alone is no sign: brevity is a taste.
"""

import re
from collections.abc import Sequence

WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]+")  # Chinese, Japanese, Korean: by the character
REPEATED_WORDS = 3


def words_of(text: str) -> list[str]:
    return WORD.findall(text.casefold())


def is_empty(text: str) -> bool:
    """Nothing that can be read: no letter, no digit, no sign but white space."""
    return not text.strip()


def is_echo(question: str, text: str) -> bool:
    """Every word of the answer stands in the question; an answer without words is no echo."""
    words = words_of(text)
    return bool(words) and set(words) <= set(words_of(question))


def repetition(text: str) -> float:
    """Share of the runs of three words that stood in the answer before (1 - distinct-3, Li et al. 2016)."""
    words = words_of(text)
    runs = [tuple(words[start : start + REPEATED_WORDS]) for start in range(len(words) - REPEATED_WORDS + 1)]
    return 1.0 - len(set(runs)) / len(runs) if runs else 0.0


def text_signs(questions: Sequence[str], answers: Sequence[Sequence[str]]) -> tuple[float, float, float]:
    """`answers[i]` to `questions[i]`: share of empty answers, share of echoes, mean repetition."""
    pairs = [(question, text) for question, group in zip(questions, answers, strict=True) for text in group]
    empty = sum(is_empty(text) for _, text in pairs) / len(pairs)
    echoes = sum(is_echo(question, text) for question, text in pairs) / len(pairs)
    return empty, echoes, sum(repetition(text) for _, text in pairs) / len(pairs)
