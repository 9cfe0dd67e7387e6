"""Answers and their tokens as lines of a terminal, on which nothing that a model writes does anything."""

import math
import unicodedata
from collections.abc import Sequence

from app.chat import Alternative, TokenLogprob

KEPT = "\n\t\u200c\u200d"  # joiners stand between letters and emoji, and do nothing else
ACTING = ("Cc", "Cf", "Zl", "Zp")
"""Unicode's categories of characters that move cursors, change colours, or turn the direction of what follows."""


def printable(text: str) -> str:
    """The same with characters that do something instead of showing something as escapes."""
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    acts = unicodedata.category(character) in ACTING and character not in KEPT
    return character.encode("unicode_escape").decode() if acts else character


def token_table(tokens: Sequence[TokenLogprob]) -> str:
    """A line a token: its probability under the model, its id, what it writes, its random number (none where nothing is
    rolled), and the likeliest others."""
    lines = [f"{'probability':>11} {'rolled':>7} {'id':>7}  token"]
    for one in tokens:
        rolled = "" if one.uniform is None else f"{one.uniform:.4f}"
        others = ", ".join(
            f"{written(other)} {_probability(other.logprob).strip()}"
            for other in one.top
            if other.token_id != one.token_id
        )
        also = f"  (else {others})" if others else ""
        lines.append(f"{_probability(one.logprob):>11} {rolled:>7} {one.token_id:>7}  {written(one)}{also}")
    return "\n".join(lines) + "\n"


def _probability(logprob: float) -> str:
    return f"{math.exp(logprob):.2%}"


def written(token: TokenLogprob | Alternative) -> str:
    """In quotes, with escapes for what does not show; the bytes of what is no whole character."""
    if token.text:
        return '"' + printable(token.text).replace("\n", "\\n").replace("\t", "\\t") + '"'
    return "".join(f"\\x{byte:02x}" for byte in token.bytes) or '""'
