"""Exact and near duplicates among the documents.

Exact: a hash of the text without case, blanks and punctuation. Near: MinHash signatures of word trigrams (Broder 1997)
in bands of 3 rows find candidates (locality-sensitive hashing, datasketch), and only an edit similarity of at least 0.9
with a kept document (rapidfuzz) makes a duplicate, so that texts which share sentences in another order both stay.
"""

import hashlib
import zlib
from collections.abc import Iterator, Sequence

from datasketch import MinHash, MinHashLSH
from rapidfuzz.distance import Indel
from rapidfuzz.process import extractOne

from app.corpus.cleaning.filters import words

SIMILARITY = 0.9
BANDS, ROWS = 24, 3
SHINGLE = 3
SEED = 20_261_124


class Seen:
    """The kept documents so far. Memory: about twice their text, and 7 KB a document."""

    def __init__(self) -> None:
        self._hashes: set[bytes] = set()
        self._kept: list[str] = []
        self._index = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))

    def judge(self, texts: Sequence[str]) -> Iterator[str | None]:
        """For each text in turn: "exact duplicate", "near duplicate", or None, and then it counts as kept."""
        spoken = [words(text) for text in texts]
        shingles = map(_shingles, spoken)
        signatures = MinHash.generator(shingles, num_perm=BANDS * ROWS, seed=SEED, hashfunc=zlib.crc32)
        for said, signature in zip(spoken, signatures, strict=True):
            yield self._judge(" ".join(said), signature)

    def _judge(self, text: str, signature: MinHash) -> str | None:
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        if digest in self._hashes:
            return "exact duplicate"
        candidates = [self._kept[key] for key in self._index.query(signature)]
        if extractOne(text, candidates, scorer=Indel.normalized_similarity, score_cutoff=SIMILARITY):
            return "near duplicate"
        self._hashes.add(digest)
        self._index.insert(len(self._kept), signature, check_duplication=False)
        self._kept.append(text)
        return None


def _shingles(said: Sequence[str]) -> list[bytes]:
    if len(said) < SHINGLE:
        return [" ".join(said).encode()]
    return [" ".join(said[start : start + SHINGLE]).encode() for start in range(len(said) - SHINGLE + 1)]
