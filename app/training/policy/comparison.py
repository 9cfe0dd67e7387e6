"""A policy beside the SFT model on the same prompts: their answers, what scorers say of them, and the figures.

Both models draw by the same random numbers from the full softmax at one temperature, so answers are paired. Used by the
evaluation of a version and by the validations during a training. Changes no model and knows nothing of versions.

Shapes: P prompts, K answers of a prompt, A tokens of the longest answer.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import torch
from torch import Tensor

from app.hparams import SamplingParams
from app.lm.inference.offline import sample_batch
from app.lm.model import Llama
from app.lm.precision import autocast
from app.lm.text.end_tokens import EndTokens
from app.model_info.size import micro_batch_tokens
from app.training.packing import batches_by_length, lower_states, pack, token_states
from app.training.policy.losses import kl_estimates
from app.training.policy.rollout import token_logprobs
from app.training.reward.scoring import AnswerScorer, score_with_deviations, score_with_draws


@dataclass(frozen=True)
class Measured:
    """One model's answers, [P][K], and what was measured of each: sums over its tokens, in nats."""

    answers: list[list[list[int]]] = field(default_factory=list)
    scores: list[list[float]] = field(default_factory=list)
    """By the scorer that is optimized."""
    deviations: list[list[float]] = field(default_factory=list)
    """Of those scores: how far each may be off."""
    judged: list[list[float]] = field(default_factory=list)
    """By the judge."""
    logprob: list[list[float]] = field(default_factory=list)
    """Under the model that wrote it."""
    ref_logprob: list[list[float]] = field(default_factory=list)
    """Under the SFT model."""
    fits: list[list[bool]] = field(default_factory=list)
    """Whether the SFT model finds the answer likelier after its own prompt than after the next one."""
    kl_k3: list[list[float]] = field(default_factory=list)
    judged_draws: list[list[float]] = field(default_factory=list)
    """[P][S] means of the judge's scores of each prompt's answers, by heads drawn from its posterior."""

    def extend(self, more: "Measured") -> None:
        for each in fields(self):
            getattr(self, each.name).extend(getattr(more, each.name))


@dataclass(frozen=True)
class Comparison:
    """How answers are drawn and by whom they are judged."""

    reference: Llama
    scorer: AnswerScorer
    judge: AnswerScorer
    params: SamplingParams
    samples: int
    ends: EndTokens
    pad_id: int

    @torch.no_grad()
    def measured(self, model: Llama, prompts: Sequence[list[int]], others: Sequence[list[int]], seed: int) -> Measured:
        """The model's answers to `prompts`; `others` are prompts of the same number that they do not belong to."""
        generator = torch.Generator().manual_seed(seed)
        groups = sample_batch(model, self.ends.all, prompts, n=self.samples, params=self.params, generator=generator)
        answers = [[list(completion.token_ids) for completion in group] for group in groups]
        scores, deviations = score_with_deviations(self.scorer, prompts, answers, ends=self.ends)
        judged, draws = scores, torch.zeros(len(prompts), 0)
        if self.judge is not self.scorer:
            judged, draws = score_with_draws(self.judge, prompts, answers, ends=self.ends)
        own = ref = self._logprobs(self.reference, prompts, answers)
        if model is not self.reference:
            own = self._logprobs(model, prompts, answers)
        fits = ref.sum(-1) > self._logprobs(self.reference, others, answers).sum(-1)
        return Measured(
            answers,
            scores,
            deviations,
            judged,
            own.sum(-1).tolist(),
            ref.sum(-1).tolist(),
            fits.tolist(),
            kl_estimates(own, ref)[1].sum(-1).tolist(),  # 0 in the padding
            draws.tolist(),
        )

    def _logprobs(self, model: Llama, prompts: Sequence[list[int]], answers: list[list[list[int]]]) -> Tensor:
        return answer_logprobs(model, prompts, answers, self.params.temperature, self.pad_id)


@torch.no_grad()
def answer_logprobs(
    model: Llama,
    prompts: Sequence[Sequence[int]],
    answers: Sequence[Sequence[list[int]]],
    temperature: float,
    pad_id: int,
) -> Tensor:
    """[P,K,A] log-probabilities of each answer's tokens after its prompt, in nats; 0 in the padding."""
    lengths = [len(prompt) + sum(map(len, group)) for prompt, group in zip(prompts, answers, strict=True)]
    longest = max(len(answer) for group in answers for answer in group)
    whole = torch.zeros(len(prompts), len(answers[0]), longest)
    for rows in batches_by_length(lengths, micro_batch_tokens(model.config, model.config.num_hidden_layers)):
        packed = pack([prompts[i] for i in rows], [answers[i] for i in rows], pad_id)
        with autocast():
            final = token_states(model, lower_states(model, packed, 0), packed, 0)
            logprobs, _ = token_logprobs(model, final, packed, temperature)
        whole[rows, :, : logprobs.shape[2]] = logprobs
    return whole


def figures_of(after: Measured, before: Measured, ends: EndTokens) -> dict[str, float]:
    """`after`: the policy's answers, `before`: the SFT model's. Errors are standard errors over prompts: the answers to
    one prompt are not independent."""
    scores, ref_scores = torch.tensor(after.scores), torch.tensor(before.scores)
    judged, ref_judged = torch.tensor(after.judged), torch.tensor(before.judged)
    wins, gains = wins_of(judged, ref_judged), gains_of(judged, ref_judged)
    k1 = torch.tensor(after.logprob) - torch.tensor(after.ref_logprob)
    new = [answer for group in after.answers for answer in group]
    old = [answer for group in before.answers for answer in group]
    tokens, old_tokens = sum(map(len, new)), sum(map(len, old))
    return {
        "win_rate": wins.mean().item(),
        "win_rate_error": error_over_prompts(wins),
        "judge/gain": gains.mean().item(),
        "judge/gain_error": error_over_prompts(gains.unsqueeze(1)),
        "reward/win_rate": wins_of(scores, ref_scores).mean().item(),
        "reward/gain": gains_of(scores, ref_scores).mean().item(),
        "reward/mean": scores.mean().item(),
        "reward/reference_mean": ref_scores.mean().item(),
        "reward/difference_error": error_over_prompts(scores - ref_scores),
        "reward/reference_max": ref_scores.max().item(),
        "reward/beyond_share": (scores > ref_scores.max()).float().mean().item(),
        "deviation": torch.tensor(after.deviations).mean().item(),
        "deviation_reference": torch.tensor(before.deviations).mean().item(),
        "kl": k1.mean().item(),
        "kl_error": error_over_prompts(k1),
        "kl_k3": torch.tensor(after.kl_k3).mean().item(),
        "entropy": -torch.tensor(after.logprob).sum().item() / tokens,
        "entropy_reference": -torch.tensor(before.logprob).sum().item() / old_tokens,
        "likelihood_under_reference": torch.tensor(after.ref_logprob).sum().item() / tokens,
        "relevance": torch.tensor(after.fits).float().mean().item(),
        "relevance_reference": torch.tensor(before.fits).float().mean().item(),
        "length_mean": tokens / len(new),
        "length_reference_mean": old_tokens / len(old),
        "distinct_share": distinct_share([ends.as_written(answer) for answer in new]),
        "distinct_reference_share": distinct_share([ends.as_written(answer) for answer in old]),
        "end_rate": sum(map(ends.ended, new)) / len(new),
        "end_reference_rate": sum(map(ends.ended, old)) / len(old),
        "num_prompts": float(len(after.answers)),
    }


def wins_of(after: Tensor, before: Tensor) -> Tensor:
    """[P,K]: 1 where the policy's answer scores higher than the SFT model's of the same number, ties half."""
    return (after > before).float() + 0.5 * (after == before).float()


def gains_of(after: Tensor, before: Tensor) -> Tensor:
    """[P] how much higher the policy's answers [P,K] score on each prompt than the SFT model's, in deviations of those
    within a prompt: so two scorers of different scales can be compared."""
    gains: Tensor = (after.mean(1) - before.mean(1)) / unit_of(before)
    return gains


def unit_of(before: Tensor) -> float:
    """The deviation of the SFT model's answers [P,K] within a prompt, in which gains count; 1 where there is none."""
    scale = before.var(1).mean().sqrt().item() if before.shape[1] > 1 else before.std().item()
    return scale if math.isfinite(scale) and scale > 1e-6 else 1.0


def drawn_gains(after: Measured, before: Measured) -> list[float]:
    """[S] mean gain over the prompts by each of the heads drawn from the judge's posterior, in its own unit."""
    if not after.judged_draws or not after.judged_draws[0]:
        return []
    apart = torch.tensor(after.judged_draws) - torch.tensor(before.judged_draws)
    gains: list[float] = (apart.mean(0) / unit_of(torch.tensor(before.judged))).tolist()
    return gains


def error_over_prompts(values: Tensor) -> float:
    """Standard error of the mean of [P,K], from the prompts' means; 0 for a single prompt."""
    means = values.mean(1)
    return float(means.std() / math.sqrt(len(means))) if len(means) > 1 else 0.0


def distinct_share(answers: Sequence[Sequence[int]]) -> float:
    """Share of different answers among all: near 1 for a lively policy, near 0 for one that always says the same."""
    return len({tuple(answer) for answer in answers}) / len(answers)
