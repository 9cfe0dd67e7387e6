"""Which tokens never go on so in a training set's answers: parts that make no word together, characters that stay
broken, a script that the conversation has nothing of. A small model gives each of them little, and all together enough
for a broken word in every thirtieth answer; a penalty on what they have together makes them rarer and leaves all else
alone (linear_cross_entropy.py).

Words are told by bytes: one goes on while a letter, or a part of a character, follows a letter or a part of one. A word
so far says what never follows where Good-Turing's estimate of all that was not heard yet, the share of what was heard
once (Good 1953, section 3), is at most STILL_UNHEARD. Words that answers have from their question are no evidence
before OFTEN_ASKED of them do: names are new in each pair, and nearly everything may follow their parts. Of parts of
characters it is known without evidence what may follow.

Shapes: V vocabulary, S sets of tokens, T tokens of a conversation, n targets.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from app.lm.text.tokenizer import BROKEN

STILL_UNHEARD = 0.02
OFTEN_ASKED = 10
LATIN, HAN = 1, 2
SCRIPTS = 3
ENDS = -1  # in place of a token: what was no part of the word followed

Begun = tuple[int, ...]  # the tokens of a word so far
Answer = tuple[Sequence[int], Sequence[int]]  # a conversation's tokens, and which places of it are answers
COMPLETE, UNFINISHED = 0, 1  # the sets of words of which no more is known than whether their last character is whole


@dataclass(frozen=True)
class Pieces:
    """What the bytes of each token say."""

    written: Sequence[bytes]
    goes_on: list[bool]  # begins with a letter or a part of a character
    left_open: list[bool]  # ends with a letter or a character
    scripts: list[int]  # LATIN, HAN or 0

    @classmethod
    def of(cls, pieces: Sequence[bytes]) -> Self:
        """pieces: of each token the bytes, none for special ones."""
        return cls(
            pieces,
            [_letter(piece[:1]) or _inside(piece[:1]) for piece in pieces],
            [_letter(piece[-1:]) or piece[-1:] >= b"\x80" for piece in pieces],
            [_script(piece) for piece in pieces],
        )

    def words_begun(self, tokens: Sequence[int]) -> Iterator[Begun]:
        """Of each place the word that may go on behind it; () where none may."""
        word: Begun = ()
        for token in tokens:
            word = (*word, token) if self.goes_on[token] else (token,)
            word = word if self.left_open[token] else ()
            yield word

    def text(self, word: Begun) -> bytes:
        """As it is compared: without the space before it, in small letters."""
        return b"".join(self.written[token] for token in word).strip().lower()

    def unfinished(self, word: Begun) -> bool:
        return self.text(word).decode("utf-8", "replace").endswith(BROKEN)

    def missing(self, tokens: Sequence[int]) -> int:
        """The script that a conversation has nothing of, 0 where it has both or neither."""
        had = {self.scripts[token] for token in tokens} - {0}
        return LATIN + HAN - had.pop() if len(had) == 1 else 0


def _letter(byte: bytes) -> bool:
    return byte.isalpha()


def _inside(byte: bytes) -> bool:
    """Not the first one of a character."""
    return b"\x80" <= byte <= b"\xbf"


def _script(piece: bytes) -> int:
    """By whole characters: 4E00 to 9FFF are Han; its first bytes alone are, too."""
    if any(0xE4 <= byte <= 0xE9 for byte in piece):
        return HAN
    return LATIN if piece.strip().isalpha() else 0


@dataclass(frozen=True)
class Unheard:
    """`sets` [S,V] bool: of what never follows; `of_word`: which of them is a word's, if enough of it was heard."""

    pieces: Pieces
    sets: Tensor
    of_word: dict[Begun, int]
    of_script: Tensor  # [SCRIPTS,V] bool: the tokens of a script

    @classmethod
    def learned(cls, pieces: Sequence[bytes], answers: Iterable[Answer]) -> Self:
        told = Pieces.of(pieces)
        goes_on = torch.tensor(told.goes_on)
        inside = torch.tensor([_inside(piece[:1]) for piece in pieces])
        sets, numbers, of_word = [inside, ~inside], dict[bytes, int](), dict[Begun, int]()
        for word, heard in _heard(told, answers).items():
            if not _well_known(heard):
                continue
            never = goes_on.clone() if ENDS in heard else torch.ones_like(goes_on)
            never[[token for token in heard if token != ENDS]] = False
            of_word[word] = numbers.setdefault(never.numpy().tobytes(), len(sets))
            if of_word[word] == len(sets):
                sets.append(never)
        scripts = torch.tensor(told.scripts)
        of_script = torch.stack([(scripts == script) & (scripts > 0) for script in range(SCRIPTS)])
        return cls(told, torch.stack(sets), of_word, of_script)

    def numbers(self, tokens: Sequence[int]) -> Tensor:
        """[T] int64: what never follows each token of a conversation, as `never` reads it."""
        missing = self.pieces.missing(tokens)
        sets = [self._set_of(word) for word in self.pieces.words_begun(tokens)]
        return torch.tensor([number * SCRIPTS + missing for number in sets])

    def _set_of(self, word: Begun) -> int:
        known = self.of_word.get(word)
        if known is not None:
            return known
        return UNFINISHED if self.pieces.unfinished(word) else COMPLETE

    def never(self, numbers: Tensor) -> Tensor:
        """[n] of `numbers` -> [n,V] bool."""
        return self.sets[numbers // SCRIPTS] | self.of_script[numbers % SCRIPTS]


def _heard(pieces: Pieces, answers: Iterable[Answer]) -> dict[Begun, Counter[int]]:
    """How often each token followed a word so far, what is no part of it counted together."""
    heard: dict[Begun, Counter[int]] = defaultdict(Counter)
    copied: dict[bytes, list[tuple[Begun, int]]] = defaultdict(list)
    for tokens, places in answers:
        begun = list(pieces.words_begun(tokens))
        answered = set(places)
        asked = {pieces.text(word) for place, word in enumerate(begun) if place not in answered}
        whole = b""
        for place in reversed(places):  # from its end, so that the whole word is known first
            word, follows = begun[place - 1], tokens[place] if pieces.goes_on[tokens[place]] else ENDS
            whole = pieces.text(word) if follows == ENDS else whole
            if word and whole in asked:
                copied[whole].append((word, follows))
            elif word:
                heard[word][follows] += 1
    for each in copied.values():
        if sum(follows == ENDS for _, follows in each) >= OFTEN_ASKED:
            for word, follows in each:
                heard[word][follows] += 1
    return heard


def _well_known(heard: Counter[int]) -> bool:
    once = sum(count == 1 for count in heard.values())
    return max(once, 1) <= STILL_UNHEARD * heard.total()
