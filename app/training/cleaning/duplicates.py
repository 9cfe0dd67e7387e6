"""Documents that were there before: exactly, or nearly.

Exact: a hash of the text without case, blanks and punctuation. Near: MinHash signatures of word trigrams (Broder 1997)
in bands of 3 rows find candidates (locality-sensitive hashing, rensa), and only an edit similarity of at least 0.9 with
a kept document (rapidfuzz) makes a duplicate, so that texts which share sentences in another order both stay.
"""

import hashlib
from collections.abc import Iterator, Sequence

import rensa
from rapidfuzz.distance import Indel
from rapidfuzz.process import extractOne

from app.training.cleaning.filters import words

SIMILARITY = 0.9
PERMUTATIONS, BANDS = 60, 20
SHINGLE = 3
SEED = 20_261_124


class Seen:
    """The kept documents so far. Memory: about twice their text, and 1 KB a document."""

    def __init__(self) -> None:
        self._hashes: set[bytes] = set()
        self._kept: list[str] = []
        self._index = rensa.RMinHashLSH(0.5, PERMUTATIONS, BANDS)

    def judge(self, texts: Sequence[str]) -> Iterator[str | None]:
        """For each text in turn: "exact duplicate", "near duplicate", or None, and then it counts as kept."""
        spoken = [words(text) for text in texts]
        signatures = rensa.RMinHash.from_token_sets([_shingles(each) for each in spoken], PERMUTATIONS, SEED)
        for found, signature in zip(spoken, signatures, strict=True):
            yield self._judge(" ".join(found), signature)

    def _judge(self, text: str, signature: rensa.RMinHash) -> str | None:
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        if digest in self._hashes:
            return "exact duplicate"
        candidates = [self._kept[key] for key in self._index.query(signature)]
        if extractOne(text, candidates, scorer=Indel.normalized_similarity, score_cutoff=SIMILARITY):
            return "near duplicate"
        self._hashes.add(digest)
        self._index.insert(len(self._kept), signature)
        self._kept.append(text)
        return None


def _shingles(found: Sequence[str]) -> list[str]:
    if len(found) < SHINGLE:
        return [" ".join(found)]
    return [" ".join(found[start : start + SHINGLE]) for start in range(len(found) - SHINGLE + 1)]
