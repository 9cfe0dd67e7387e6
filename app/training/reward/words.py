"""An answer's words as numbers: a single word may be what people like, and a mean over sixty tokens hardly shows it.

A word of a script with spaces is what stands between them, in lower case; of Chinese and Japanese, which have none,
each character and each two that follow one another are words.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from app.lm.text.tokenizer import Tokenizer

CHARACTER = r"\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[{CHARACTER}]+|(?:(?![{CHARACTER}_])[\w'’])+")
_CHARACTER = re.compile(rf"[{CHARACTER}]")


class Words:
    """`pieces` is the text of each token; without them each token is a word."""

    def __init__(self, pieces: Sequence[str] = ()) -> None:
        self._pieces = pieces

    @classmethod
    def of_tokenizer(cls, tokenizer: Tokenizer) -> "Words":
        return cls(tokenizer.pieces(range(tokenizer.vocab_size)))

    @property
    def are_tokens(self) -> bool:
        return not self._pieces

    @property
    def digest(self) -> str:
        """Of the way in which tokens become words."""
        return hashlib.sha256("\0".join(self._pieces).encode("utf-8", "replace")).hexdigest()

    def text(self, tokens: Iterable[int]) -> str:
        """Empty where tokens are words."""
        return "".join(self._pieces[token] for token in tokens if token < len(self._pieces))

    def of(self, tokens: Iterable[int]) -> Tensor:
        """The numbers of the different words [W] int64, in order. Equal words have equal numbers in every process."""
        if not self._pieces:
            return torch.tensor(sorted(set(tokens)), dtype=torch.int64)
        return torch.tensor(sorted(map(_number, words_of(self.text(tokens)))), dtype=torch.int64)


def words_of(text: str) -> set[str]:
    words = set[str]()
    for said in _WORD.findall(text.casefold()):
        if _CHARACTER.match(said):
            words.update(said, (first + second for first, second in pairwise(said)))
        else:
            words.add(said.strip("'’"))
    return words - {""}


def _number(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "big", signed=True)
