"""How much a word tells: the rarer it is among answers, the more (inverse document frequency, Spärck Jones 1972).

Shapes: N answers, V words of the vocabulary, W words of an answer, M of the references to its prompt.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

FEWEST = 3  # answers in which a word of the vocabulary stands: what stands in one alone cannot be learned from it
TINY = 1e-9


@dataclass(frozen=True)
class RareWords:
    """`vocabulary` [V] int64 in order; `rarity` [V+1] float64 in nats, the last one that of any other
    word."""

    vocabulary: Tensor
    rarity: Tensor

    @classmethod
    def of_answers(cls, answers: Sequence[Tensor]) -> "RareWords":
        """From the different words [W] of each answer."""
        words, counts = torch.cat(list(answers)).unique(return_counts=True)
        enough, among = counts >= FEWEST, math.log(len(answers) + 1)
        return cls(words[enough], among - torch.cat([counts[enough], torch.ones(1)]).double().log())

    def presence(self, words: Tensor) -> Tensor:
        """[W] -> [V]: the rarity of each word of the vocabulary that is there, else 0."""
        present = torch.zeros_like(self.rarity)
        places = self._places(words)
        present[places] = self.rarity[places]
        return present[:-1]

    def likeness(self, words: Tensor, references: Tensor) -> Tensor:
        """[W] and [M,2] (the reference's number, its word) -> [4]: the cosine with each reference on average, at the
        most and at the least, each word as long as it is rare; and the share of the answer's words, by their squared
        rarity, that any reference has. All 0 without references or words."""
        if len(references) == 0 or len(words) == 0:
            return torch.zeros(4, dtype=torch.float64)
        numbers, places = references[:, 0].unique(return_inverse=True)
        told = references[:, 1].contiguous()
        own, theirs = self._weights(words), self._weights(told)
        shared = theirs * torch.isin(told, words)
        both = torch.zeros(2, len(numbers), dtype=torch.float64).index_add_(1, places, torch.stack([theirs, shared]))
        each = both[1] / (own.sum() * both[0] + TINY).sqrt()
        covered = own[torch.isin(words, told)].sum() / (own.sum() + TINY)
        return torch.stack([each.mean(), each.amax(), each.amin(), covered])

    def _weights(self, words: Tensor) -> Tensor:
        return self.rarity[self._places(words)].square()

    def _places(self, words: Tensor) -> Tensor:
        """Where each word stands in the vocabulary; V for one that is not there."""
        places = torch.searchsorted(self.vocabulary, words)
        known = torch.cat([self.vocabulary, self.vocabulary.new_zeros(1)])[places] == words
        return torch.where(known, places, len(self.vocabulary))
