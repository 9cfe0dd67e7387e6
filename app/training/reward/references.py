"""What the SFT model itself would answer: an answer that shares no rare word with any of its answers is astray.

Of the answers that are about something else, likelihood finds nine in ten: once the first wrong word is written, all
that follows is likely. The model seldom makes the same mistake twice. A prompt's references are a function of its
tokens and of the weights alone: whoever is scored beside it, and whenever.

Shapes: M words of all references of a prompt.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from app.hparams import SamplingParams
from app.lm.inference.decoder import Decoder
from app.lm.inference.scheduler import Scheduler
from app.lm.inference.sequence import SequenceGroup, new_sequences
from app.lm.text.end_tokens import EndTokens
from app.model_info.operations import passed
from app.training.reward.words import Words

COUNT = 3  # answers to a prompt
MOST_TOKENS = 48
TEMPERATURE = 0.8
REMEMBERED = 4_096  # prompts
AT_ONCE = 192  # answers that are written side by side: the wider a step, the less each of its tokens costs
MOST_BYTES = 128 * 2**20  # of their keys and values
Prompt = tuple[int, ...]


class References:
    """Samples with `decoder`, whose model reads so many tokens."""

    def __init__(self, decoder: Decoder, context_tokens: int, words: Words) -> None:
        self._decoder, self._context, self._words = decoder, context_tokens, words
        self._known: dict[Prompt, Tensor] = {}
        self.flops = 0.0

    def of(self, prompts: Iterable[Sequence[int]], ends: EndTokens) -> list[Tensor]:
        """For each prompt the words of its references, [M,2]: number of the reference, and word. Without a row where
        nothing fits behind the prompt."""
        asked = [tuple(prompt) for prompt in prompts]
        missing = [prompt for prompt in dict.fromkeys(asked) if prompt not in self._known]
        if len(self._known) + len(missing) > REMEMBERED:
            missing, self._known = list(dict.fromkeys(asked)), {}
        for prompt, answers in zip(missing, self._sampled(missing, ends), strict=True):
            rows = [_numbered(place, self._words.of(answer)) for place, answer in enumerate(answers)]
            self._known[prompt] = torch.cat([torch.zeros(0, 2, dtype=torch.int64), *rows])
        return [self._known[prompt] for prompt in asked]

    def _sampled(self, prompts: Sequence[Prompt], ends: EndTokens) -> list[list[list[int]]]:
        scheduler = Scheduler(self._decoder, max_sequences=AT_ONCE, max_bytes=MOST_BYTES)
        groups = list[SequenceGroup]()
        for prompt in prompts:
            room = min(MOST_TOKENS, self._context - len(prompt))
            params = SamplingParams(temperature=TEMPERATURE, max_tokens=max(room, 1))
            sequences = new_sequences(COUNT if room > 0 else 0, params, ends.all, seed_of(prompt))
            groups.append(SequenceGroup(list(prompt), sequences))
            if room > 0:
                scheduler.add(groups[-1])
        while scheduler.busy:
            scheduler.admit()
            scheduler.step()
        answers = [[sequence.completion.token_ids for sequence in group.sequences] for group in groups]
        written = sum(len(answer) for each in answers for answer in each)
        self.flops += passed(self._decoder.config, sum(map(len, prompts)) + written, written)
        return [[ends.as_written(answer)[:-1] for answer in each] for each in answers]


def seed_of(prompt: Sequence[int]) -> int:
    return int.from_bytes(hashlib.sha256(json.dumps(list(prompt)).encode()).digest()[:7], "big")


def _numbered(place: int, words: Tensor) -> Tensor:
    return torch.stack([torch.full_like(words, place), words], 1)
