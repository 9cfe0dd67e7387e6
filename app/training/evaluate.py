"""Compare a policy with the reference it came from, on held-out prompts. A generator: progress, then an Evaluation.

Both models answer the same prompts with the same random numbers at the policy's own temperature from the full
softmax, so answers are paired. Changes neither model and knows nothing of versions.

Shapes: P prompts, K samples of a prompt, A tokens of the longest answer.
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from app.hparams import EvaluationHparams, SamplingParams
from app.lm.inference.offline import sample_batch
from app.lm.model import Llama
from app.lm.precision import autocast
from app.lm.text.end_tokens import EndTokens
from app.model_info.size import micro_batch_tokens
from app.saving import TrainingError
from app.training.context import Progress
from app.training.packing import batches_by_length, lower_states, pack
from app.training.policy.losses import gather_logprobs, kl_estimates
from app.training.policy.rollout import token_states, unflatten
from app.training.reward.scoring import AnswerScorer, score_answers
from app.training.seeds import part_seed
from app.translation import _

PROMPTS_PER_STEP = 16


@dataclass(frozen=True)
class EvaluationSample:
    """One shown prompt: its index, and both models' first answers as token ids."""

    prompt_index: int
    before: list[int]
    after: list[int]


@dataclass(frozen=True)
class Answers:
    """What both models answered to the prompts so far, [P][K] each, with scores and sums over an answer's tokens
    [P][K]."""

    before: list[list[list[int]]] = field(default_factory=list)
    after: list[list[list[int]]] = field(default_factory=list)
    before_scores: list[list[float]] = field(default_factory=list)
    after_scores: list[list[float]] = field(default_factory=list)
    before_logprob: list[list[float]] = field(default_factory=list)
    """Of the reference's answers under the reference."""
    after_logprob: list[list[float]] = field(default_factory=list)
    """Of the policy's answers under the policy."""
    after_ref_logprob: list[list[float]] = field(default_factory=list)
    """Of the policy's answers under the reference."""
    before_fits: list[list[bool]] = field(default_factory=list)
    """Whether the reference finds the answer likelier after its own prompt than after the next one."""
    after_fits: list[list[bool]] = field(default_factory=list)
    kl_k1: list[list[float]] = field(default_factory=list)
    kl_k3: list[list[float]] = field(default_factory=list)


@dataclass(frozen=True)
class Evaluation:
    metrics: dict[str, float]
    samples: list[EvaluationSample]
    answers: Answers


def evaluate_policy(
    policy: Llama,
    reference: Llama,
    reward_model: AnswerScorer,
    prompts: Sequence[list[int]],
    hparams: EvaluationHparams,
    *,
    ends: EndTokens,
    pad_id: int,
) -> Generator[Progress, None, Evaluation]:
    """`prompts` are held-out ones; the first `num_prompts` of them are used."""
    used = [list(prompt) for prompt in prompts[: hparams.num_prompts]]
    if not used:
        raise TrainingError("There are no held-out prompts to evaluate on. Add some, then evaluate again.")
    so_far = Answers()
    starts = range(0, len(used), PROMPTS_PER_STEP)
    for step, first in enumerate(starts, start=1):
        chosen = used[first : first + PROMPTS_PER_STEP]
        answer_prompts(so_far, policy, reference, chosen, hparams, part_seed(hparams.seed, first), ends)
        part = slice(first, first + len(chosen))
        for answers, scores in ((so_far.before, so_far.before_scores), (so_far.after, so_far.after_scores)):
            scores += score_answers(reward_model, chosen, answers[part], ends=ends)
        others = [used[(place + 1) % len(used)] for place in range(first, first + len(chosen))]
        measure(so_far, part, policy, reference, chosen, others, hparams.temperature, pad_id)
        yield Progress(step, len(starts), {}, _("{n} of {all} prompts", n=first + len(chosen), all=len(used)))
    return Evaluation(metrics_of(so_far, ends), shown(so_far, hparams.shown_prompts), so_far)


def answer_prompts(
    so_far: Answers,
    policy: Llama,
    reference: Llama,
    prompts: list[list[int]],
    hparams: EvaluationHparams,
    seed: int,
    ends: EndTokens,
) -> None:
    params = SamplingParams(temperature=hparams.temperature, max_tokens=hparams.max_tokens)
    for model, answers in ((reference, so_far.before), (policy, so_far.after)):
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            groups = sample_batch(
                model, ends.all, prompts, n=hparams.samples_per_prompt, params=params, generator=generator
            )
        answers += [[list(completion.token_ids) for completion in group] for group in groups]


def measure(
    so_far: Answers,
    part: slice,
    policy: Llama,
    reference: Llama,
    prompts: Sequence[list[int]],
    others: Sequence[list[int]],
    temperature: float,
    pad_id: int,
) -> None:
    """How likely this part's answers are: under both models, and under the reference after another prompt."""

    def logprobs(model: Llama, asked: Sequence[list[int]], answers: list[list[list[int]]]) -> Tensor:
        return answer_logprobs(model, asked, answers[part], temperature, pad_id)

    own, ref = logprobs(policy, prompts, so_far.after), logprobs(reference, prompts, so_far.after)
    before = logprobs(reference, prompts, so_far.before).sum(-1)
    k1, k3 = kl_estimates(own, ref)  # 0 in the padding
    after_fits = ref.sum(-1) > logprobs(reference, others, so_far.after).sum(-1)
    before_fits = before > logprobs(reference, others, so_far.before).sum(-1)
    so_far.kl_k1.extend(k1.sum(-1).tolist())
    so_far.kl_k3.extend(k3.sum(-1).tolist())
    so_far.after_logprob.extend(own.sum(-1).tolist())
    so_far.after_ref_logprob.extend(ref.sum(-1).tolist())
    so_far.before_logprob.extend(before.tolist())
    so_far.after_fits.extend(after_fits.tolist())
    so_far.before_fits.extend(before_fits.tolist())


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
            logits = model.logits(token_states(model, lower_states(model, packed, 0), packed, 0))
        logprobs = unflatten(gather_logprobs(logits, packed.tokens[packed.token_mask], temperature), packed)
        whole[rows, :, : logprobs.shape[2]] = logprobs
    return whole


def metrics_of(answers: Answers, ends: EndTokens) -> dict[str, float]:
    """Errors are standard errors over prompts: the answers to one prompt are not independent."""
    after, before = torch.tensor(answers.after_scores), torch.tensor(answers.before_scores)
    wins = (after > before).float() + 0.5 * (after == before).float()
    k1, k3 = torch.tensor(answers.kl_k1), torch.tensor(answers.kl_k3)
    new = [answer for group in answers.after for answer in group]
    old = [answer for group in answers.before for answer in group]
    tokens, old_tokens = sum(map(len, new)), sum(map(len, old))
    return {
        "reward/mean": after.mean().item(),
        "reward/reference_mean": before.mean().item(),
        "reward/difference_error": error_over_prompts(after - before),
        "reward/reference_max": before.max().item(),
        "reward/beyond_share": (after > before.max()).float().mean().item(),
        "win_rate": wins.mean().item(),
        "win_rate_error": error_over_prompts(wins),
        "kl": k1.mean().item(),
        "kl_error": error_over_prompts(k1),
        "kl_k3": k3.mean().item(),
        "entropy": -torch.tensor(answers.after_logprob).sum().item() / tokens,
        "entropy_reference": -torch.tensor(answers.before_logprob).sum().item() / old_tokens,
        "likelihood_under_reference": torch.tensor(answers.after_ref_logprob).sum().item() / tokens,
        "relevance": torch.tensor(answers.after_fits).float().mean().item(),
        "relevance_reference": torch.tensor(answers.before_fits).float().mean().item(),
        "length_mean": tokens / len(new),
        "length_reference_mean": old_tokens / len(old),
        "distinct_share": distinct_share([ends.as_written(answer) for answer in new]),
        "distinct_reference_share": distinct_share([ends.as_written(answer) for answer in old]),
        "end_rate": sum(map(ends.ended, new)) / len(new),
        "end_reference_rate": sum(map(ends.ended, old)) / len(old),
        "num_prompts": float(len(answers.after)),
    }


def error_over_prompts(values: Tensor) -> float:
    """Standard error of the mean of [P,K], from the prompts' means; 0 for a single prompt."""
    means = values.mean(1)
    return float(means.std() / math.sqrt(len(means))) if len(means) > 1 else 0.0


def distinct_share(answers: Sequence[Sequence[int]]) -> float:
    """Share of different answers among all: near 1 for a lively policy, near 0 for one that always says the same."""
    return len({tuple(answer) for answer in answers}) / len(answers)


def shown(answers: Answers, count: int) -> list[EvaluationSample]:
    """Spread over the prompts, the same ones every time."""
    total = len(answers.after)
    picked = sorted({round(place * (total - 1) / max(1, count - 1)) for place in range(min(count, total))})
    return [EvaluationSample(index, answers.before[index][0], answers.after[index][0]) for index in picked]
