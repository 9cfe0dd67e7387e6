"""Which merges made a token: byte-pair encoding replayed on the token alone.

What is merged inside of a token does not depend on what stands around it: a merge across its edge would have made
another token. So the merges of tokenizer.json, applied in their order to the token's own symbols, are those that made
it wherever it stands.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

import tokenizers

from app.chat import MergeTree

MOST_SYMBOLS = 64  # of a token whose merges are shown: no tree gets deeper


@dataclass(frozen=True)
class _Part:
    written: str
    """As the vocabulary has it."""
    tree: MergeTree


class Merges:
    """Of a byte-pair encoding; `bytes_of` gives the bytes of one symbol of its alphabet. `is_known` is False for
    tokenizers of another kind, and for those that mark the beginnings or ends of words in their symbols."""

    def __init__(self, backend: tokenizers.Tokenizer, bytes_of: Callable[[str], bytes]) -> None:
        self._bytes_of = bytes_of
        model = json.loads(backend.model.__getstate__()) if isinstance(backend.model, tokenizers.models.BPE) else {}
        marked = model.get("continuing_subword_prefix") or model.get("end_of_word_suffix")
        pairs = [] if marked else model.get("merges", [])
        self._ranks = {(first, second): rank for rank, (first, second) in enumerate(map(_pair, pairs))}

    @property
    def is_known(self) -> bool:
        return bool(self._ranks)

    def tree(self, written: str) -> MergeTree | None:
        """Of a token as the vocabulary has it; None where merges do not make it: it was added to the vocabulary as a
        whole, or is too long to show."""
        if not self.is_known or not 0 < len(written) <= MOST_SYMBOLS:
            return None
        parts = [_Part(symbol, _leaf(self._bytes_of(symbol))) for symbol in written]
        while len(parts) > 1:
            ranked = [
                (rank, place)
                for place in range(len(parts) - 1)
                if (rank := self._ranks.get((parts[place].written, parts[place + 1].written))) is not None
            ]
            if not ranked:
                return None
            rank, place = min(ranked)
            parts[place : place + 2] = [_joined(rank, parts[place], parts[place + 1])]
        return parts[0].tree


def _pair(merge: str | list[str]) -> tuple[str, str]:
    """tokenizer.json has "a b" or ["a", "b"]."""
    first, second = merge.split(" ") if isinstance(merge, str) else merge
    return first, second


def _leaf(symbol: bytes) -> MergeTree:
    return MergeTree(_text(symbol), tuple(symbol))


def _joined(rank: int, first: _Part, second: _Part) -> _Part:
    whole = bytes((*first.tree.bytes, *second.tree.bytes))
    return _Part(first.written + second.written, MergeTree(_text(whole), tuple(whole), rank, (first.tree, second.tree)))


def _text(of: bytes) -> str:
    return of.decode("utf-8", "replace")
