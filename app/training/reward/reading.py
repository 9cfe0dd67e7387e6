"""What the SFT model notices while it reads an answer: all that a reward model learns from (docs/reward-model.md).

An answer is read twice: behind its prompt, and behind an empty one. The states of three heights say what it is about,
how it is written and in which order; the two log-probabilities say whether it is likely, and whether it belongs to its
prompt; its words are kept beside those of what the model itself would answer (references.py), and how it is laid out
(layout.py). Each answer's bits are the same whatever is read beside it (app/lm/inference/decoder.py), in one number
format.

Shapes: N answers, T tokens of an answer, P of its prompt, H hidden size, V vocabulary, W words of an answer, M of the
references to its prompt.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from app.lm.inference.decoder import Decoder
from app.lm.inference.kv_cache import KVCache
from app.lm.model import Llama
from app.lm.precision import matmul_dtype
from app.lm.text.end_tokens import EndTokens
from app.model_info.operations import passed
from app.saving import TrainingError
from app.training.reward.layout import layout_of
from app.training.reward.references import References
from app.training.reward.scoring import Answered
from app.training.reward.sentences import least_window, sentence_spans, sentence_statistics
from app.training.reward.words import Words
from app.translation import _

TOKENS_AT_ONCE = 4096
LOGIT_ROWS = 64
FEW = 4  # tokens that are the beginning or the end of an answer
WINDOWS = (4, 8, 16)  # tokens in a row, the least likely of which are looked for
REMEMBERED = 512  # answers: a policy's are scored by two scorers, one after the other
MANY = 20.0  # tokens: sums of states are of the size of means in an answer of so many
Blocks = dict[str, Tensor]
Tokens = tuple[int, ...]
Row = tuple[Tokens, Tokens]  # a prompt's and an answer's tokens


@dataclass(frozen=True)
class Pass:
    """What one pass says about an answer's tokens."""

    prompt: list[Tensor]  # [P,H] normed states at each height
    states: list[Tensor]  # [T,H] the same of the answer, its end mark the last
    logprobs: Tensor  # [T] nats, of each token after those before it
    gaps: Tensor  # [T] the same less the likeliest token's


class Reader:
    """Reads with one SFT model, in the number format that is in use, or with its decoder, in that one's. `blank` are
    the tokens of an empty prompt in its template; `stops` the tokens that end a sentence; `words` knows which tokens
    make a word."""

    def __init__(
        self, sft: Llama | Decoder, blank: Sequence[int], stops: frozenset[int], words: Words | None = None
    ) -> None:
        self.config, self.blank, self.stops = sft.config, tuple(blank), stops
        layers = sft.config.num_hidden_layers
        self.heights = sorted({0, layers // 2, layers})
        self._decoder = sft if isinstance(sft, Decoder) else Decoder(sft, matmul_dtype())
        self.dtype = self._decoder.weights
        self.words = words or Words()
        self._references = References(self._decoder, sft.config.context_tokens, self.words)
        self._last: dict[Row, Blocks] = {}
        self._flops = 0.0

    @property
    def flops(self) -> float:
        """What all reading so far took (app/model_info/operations.py)."""
        return self._flops + self._references.flops

    @torch.inference_mode()
    def read(self, answers: Sequence[Answered], ends: EndTokens) -> list[Blocks]:
        """The blocks of features of each answer, all [F] but "sentences", [S,6] (sentences.py), "words" [W] and
        "reference words" [M,2] (references.py); equal answers to equal prompts are read once, and those of the call
        before not again. Raises TrainingError where the model's states are not numbers."""
        rows = [(tuple(prompt), tuple(ends.as_written(answer))) for prompt, answer in answers]
        before = self._last
        blocks = {row: before[row] for row in rows if row in before}
        distinct = sorted(set(rows).difference(blocks), key=lambda row: (len(row[0]), row))  # equal prompts together
        for part in _parts(distinct):
            alone = self._passes([(self.blank, answer) for _, answer in part])
            for row, behind, without in zip(part, self._passes(part), alone, strict=True):
                blocks[row] = self._blocks(*row, behind, without)
        if not all(bool(block.isfinite().all()) for each in blocks.values() for block in each.values()):
            raise TrainingError(_("The SFT model's states are not numbers. Its weights are damaged: restore them."))
        for row, told in zip(distinct, self._references.of([row[0] for row in distinct], ends), strict=True):
            said = row[1][:-1]
            blocks[row] |= {
                "words": self.words.of(said),
                "reference words": told,
                "layout": layout_of(self.words.text(said)),
            }
        self._last = blocks if len(blocks) <= REMEMBERED else {}
        return [blocks[row] for row in rows]

    def _passes(self, rows: Sequence[Row]) -> list[Pass]:
        """A prompt that several rows begin with is read once for all of them."""
        places: dict[Tokens, list[int]] = {}
        for place, row in enumerate(rows):
            places.setdefault(row[0], []).append(place)
        prompts, answers = list(places), [answer for _, answer in rows]
        of_prompts = self._decoder.new_cache(len(prompts), max(map(len, prompts)))
        written = sum(map(len, answers))
        self._flops += passed(self.config, sum(map(len, prompts)) + written, written)
        above_prompts = self._states(prompts, [0] * len(prompts), of_prompts)
        cache = self._decoder.new_cache(len(rows), max(len(prompt) + len(answer) for prompt, answer in rows))
        number = [0] * len(rows)
        for each, (prompt, targets) in enumerate(places.items()):
            cache.take(of_prompts, each, targets, len(prompt))
            for place in targets:
                number[place] = each
        above = self._states(answers, [len(prompt) for prompt, _ in rows], cache)
        normed_prompts = [[_normed(states[each]) for states in above_prompts] for each in range(len(prompts))]
        before = [above_prompts[-1][each][-1:] for each in number]
        tops = [torch.cat([first, top[:-1]]) for first, top in zip(before, above[-1], strict=True)]
        passes = []
        for place, (logprobs, gaps) in enumerate(self._log_probabilities(tops, answers)):
            states = [_normed(height[place]) for height in above]
            passes.append(Pass(normed_prompts[number[place]], states, logprobs, gaps))
        return passes

    def _states(self, texts: Sequence[Tokens], starts: Sequence[int], cache: KVCache) -> list[tuple[Tensor, ...]]:
        """At each height the states [T,H] of each text's tokens, which stand in the cache's rows behind so many."""
        lengths = [len(text) for text in texts]
        places = torch.arange(len(texts)).repeat_interleave(torch.tensor(lengths))
        positions = torch.cat([torch.arange(len(text)) + start for text, start in zip(texts, starts, strict=True)])
        ids = torch.tensor([token for text in texts for token in text])
        return [
            states.split(lengths) for states in self._decoder.states_above(self.heights, ids, places, positions, cache)
        ]

    def _log_probabilities(
        self, states: Sequence[Tensor], answers: Sequence[Tokens]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Of each answer's tokens out of the states [T,H] before them: [T] nats, and the same less the likeliest's. By
        blocks of one size: tables of a large vocabulary in all sizes leave gigabytes of holes in memory."""
        every, tokens = torch.cat(list(states)), torch.tensor([token for answer in answers for token in answer])
        logprobs, gaps = list[Tensor](), list[Tensor]()
        for some, theirs in zip(every.split(LOGIT_ROWS), tokens.split(LOGIT_ROWS), strict=True):
            logits = self._decoder.logits(some)  # [LOGIT_ROWS,V]
            most = logits.amax(1)
            gaps.append(logits.gather(1, theirs.unsqueeze(1))[:, 0] - most)
            logprobs.append(gaps[-1] - logits.sub_(most.unsqueeze(1)).exp_().sum(1).log())
        lengths = [len(answer) for answer in answers]
        return zip(torch.cat(logprobs).split(lengths), torch.cat(gaps).split(lengths), strict=True)

    def _blocks(self, prompt: tuple[int, ...], answer: tuple[int, ...], behind: Pass, without: Pass) -> Blocks:
        low, middle, top = behind.states[0], behind.states[len(behind.states) // 2], behind.states[-1]
        body = slice(0, max(1, len(answer) - 1))  # without the end mark
        blocks = {f"mean {place}": states.mean(0) for place, states in enumerate(behind.states)}
        blocks["sum"] = low[body].sum(0) / MANY
        blocks["end"] = torch.cat([middle[-1], top[-1]])
        blocks["beginning"] = torch.cat([states[body][:FEW].mean(0) for states in (low, middle)])
        blocks["finish"] = torch.cat([states[body][-FEW:].mean(0) for states in (low, middle)])
        place = self._second_sentence(answer)
        blocks["second"] = torch.cat([states[place : place + 2].mean(0) for states in (low, middle)])
        blocks["prompt"] = torch.cat([behind.prompt[len(behind.prompt) // 2].mean(0), behind.prompt[-1][-1]])
        blocks["likelihood"] = _likelihood(behind, without)
        gained = behind.logprobs - without.logprobs
        blocks["where"] = torch.cat([_where(behind.logprobs), _where(gained), gained.std(correction=0).unsqueeze(0)])
        spans = sentence_spans(answer, self.stops)
        blocks["sentences"] = sentence_statistics(spans, behind.logprobs, gained)
        blocks["similarity"] = _similarity(prompt, answer, behind)
        blocks["shape"] = _shape(answer)
        return blocks

    def _second_sentence(self, answer: Sequence[int]) -> int:
        """Where the second sentence begins; the end mark where there is none."""
        last = len(answer) - 1
        stop = next((place for place, token in enumerate(answer) if token in self.stops), last)
        later = (place for place in range(stop, last) if answer[place] not in self.stops)
        return next(later, last)


def _normed(states: Tensor) -> Tensor:
    return F.rms_norm(states, states.shape[-1:])


def _parts(rows: Sequence[Row]) -> list[list[Row]]:
    parts: list[list[Row]] = []
    filled = TOKENS_AT_ONCE
    for row in rows:
        size = len(row[0]) + len(row[1])
        if filled + size > TOKENS_AT_ONCE:
            parts.append([])
            filled = 0
        parts[-1].append(row)
        filled += size
    return parts


def _likelihood(behind: Pass, without: Pass) -> Tensor:
    """In nats: of the answer behind its prompt and alone, and of the difference, which says how much of the answer
    the prompt explains."""
    gained = behind.logprobs - without.logprobs
    values = [
        behind.logprobs.mean(), behind.logprobs.amin(), behind.logprobs.sum(), behind.logprobs[-1], behind.logprobs[0],
        behind.gaps.mean(), behind.gaps.amin(), behind.logprobs.std(correction=0),
        without.logprobs.mean(), without.logprobs.sum(),
        gained.mean(), gained.sum(), gained.amin(), gained.amax(), gained[: 2 * FEW].mean(),
        gained.clamp(min=0).sum().sqrt(),
    ]  # fmt: skip
    return torch.stack(values)


def _where(values: Tensor) -> Tensor:
    """Of values [T] in nats: the mean of the first half, of the second, and of the least windows."""
    half = len(values) // 2
    windows = [least_window(values, tokens) for tokens in WINDOWS]
    return torch.stack([values[: half + 1].mean(), values[half:].mean(), *windows])


def _similarity(prompt: Sequence[int], answer: Sequence[int], behind: Pass) -> Tensor:
    """Cosines of prompt and answer at each height: of their means, and of each token of the prompt with the token of
    the answer that is most like it, on average and at the least; and how many tokens of one occur in the other."""
    values = []
    for asked, said in zip(behind.prompt, behind.states, strict=True):
        values.append(F.cosine_similarity(asked.mean(0), said.mean(0), dim=0))
        each = (F.normalize(asked) @ F.normalize(said).T).amax(1)  # [P]
        values += [each.mean(), each.amin()]
    asked_ids, said_ids = set(prompt), set(answer)
    told = sum(token in said_ids for token in prompt) / len(prompt)
    echoed = sum(token in asked_ids for token in answer) / len(answer)
    return torch.cat([torch.stack(values), torch.tensor([told, echoed])])


def _shape(answer: Sequence[int]) -> Tensor:
    """Log of the length in tokens, and the shares of different tokens and pairs."""
    pairs = list(pairwise(answer))
    return torch.tensor([math.log(len(answer)), len(set(answer)) / len(answer), len(set(pairs)) / max(1, len(pairs))])
