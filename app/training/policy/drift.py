"""How far a policy has moved from its reference, measured by answers that it samples itself: KL, length, ends.

For trainers that do not sample as they go. Changes neither model.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from app.hparams import SamplingParams
from app.lm.inference.offline import sample_batch
from app.lm.model import Llama
from app.lm.precision import autocast
from app.lm.text.end_tokens import EndTokens
from app.model_info.size import micro_batch_tokens
from app.training.context import SHOWN_PROMPTS, Answer, Answers
from app.training.packing import Packed, batches_by_length, lower_states, pack, token_states
from app.training.policy.comparison import gains_of
from app.training.policy.rollout import token_logprobs
from app.training.reward.scoring import Groups


@dataclass(frozen=True)
class Drift:
    """Means over answers: KL (k1) in nats at temperature 1, tokens, and the share that ended by themselves."""

    kl: float
    length: float
    end_rate: float
    answers: list[list[list[int]]]
    """By which it was measured, [P][K]."""

    def told(self, step: int, prompts: Sequence[list[int]], gains: Sequence[float] = ()) -> Answers:
        """The first answer to each of the first prompts; `gains` of these, where a scorer was asked."""
        padded = [*gains, *[None] * (len(prompts) - len(gains))]
        shown = zip(prompts, self.answers, padded, strict=True)
        first = (Answer(prompt, group[0], gain) for prompt, group, gain in islice(shown, SHOWN_PROMPTS))
        return Answers(step, self.kl, tuple(first))


class Gains:
    """How far the first answers to a few prompts are above the reference's own to them, in deviations of those.
    `score`: of answers [P][K] to these prompts."""

    def __init__(self, score: Callable[[Groups], list[list[float]]], own: Drift) -> None:
        self._score, self._before = score, torch.tensor(score(own.answers))

    def of(self, moved: Drift) -> list[float]:
        """The answers may be to more prompts, of which these are the first."""
        scores = torch.tensor(self._score(moved.answers[: len(self._before)]))
        gains: list[float] = gains_of(scores[:, :1], self._before).tolist()
        return gains


@torch.no_grad()
def drift(
    policy: Llama,
    reference: Llama,
    prompts: Sequence[Sequence[int]],
    *,
    num_answers: int,
    max_tokens: int,
    ends: EndTokens,
    pad_id: int,
    seed: int,
) -> Drift:
    """By at least `num_answers` answers, equally many to each of the prompts."""
    params, each = SamplingParams(temperature=1.0, max_tokens=max_tokens), math.ceil(num_answers / len(prompts))
    generator = torch.Generator().manual_seed(seed)
    asked = [list(prompt) for prompt in prompts]
    groups = sample_batch(policy, ends.all, asked, n=each, params=params, generator=generator)
    answers = [[list(completion.token_ids) for completion in group] for group in groups]
    whole, total = pack(prompts, answers, pad_id), 0.0
    limit = micro_batch_tokens(policy.config, policy.config.num_hidden_layers)
    for rows in batches_by_length((whole.last_index.amax(1) + 1).tolist(), limit):
        packed = whole.rows(rows)
        total += float((_logprobs(policy, packed) - _logprobs(reference, packed)).sum())
    written = [answer for group in answers for answer in group]
    return Drift(
        kl=total / len(written),
        length=sum(map(len, written)) / len(written),
        end_rate=sum(map(ends.ended, written)) / len(written),
        answers=answers,
    )


def _logprobs(model: Llama, packed: Packed) -> Tensor:
    with autocast():
        below = lower_states(model, packed, 0)
    return answer_logprobs(model, packed, below, 0)


def answer_logprobs(
    model: Llama, packed: Packed, below: Tensor, first_layer: int, *, recompute: bool = False
) -> Tensor:
    """[B,K] of each answer, summed over its tokens, from the states [B,T,H] below `first_layer`; at temperature 1.
    `recompute`: as the model's layers say."""
    with autocast():
        final = token_states(model, below, packed, first_layer, recompute=recompute)
        logprobs, _ = token_logprobs(model, final, packed, 1.0)
    return logprobs.sum(-1)
