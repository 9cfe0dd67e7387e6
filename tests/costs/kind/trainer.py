"""IPO of the policy on rankings (Azar et al. 2023). A generator: one Progress per step, the result at the end.

Every pair of answers that a ranking tells apart is an element of the loss, and a ranking's pairs weigh 1 together, as
in the reward model. The order of rankings comes from (seed, epoch), so that a resumed run equals an uninterrupted one.

Shapes: B rankings, K answers of a ranking, P pairs.
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch
from app.kinds.train_ipo import IPOHparams
from torch import Tensor

from app.lm.model import Llama
from app.lm.precision import autocast
from app.lm.text.end_tokens import EndTokens
from app.saving import TrainingError
from app.training.context import Progress, TrainingContext
from app.training.packing import Packed, lower_states, pack, token_states
from app.training.policy.rollout import token_logprobs
from app.training.policy.shared_weights import copy_to_train
from app.training.reward.data import RankedGroup
from app.training.seeds import part_seed


@dataclass(frozen=True)
class IPOResult:
    """`metrics` are the last step's, under the names that progress uses."""

    model: Llama
    metrics: dict[str, float]


def train_ipo(
    sft: Llama,
    groups: Sequence[RankedGroup],
    hparams: IPOHparams,
    *,
    ends: EndTokens,
    pad_id: int,
    context: TrainingContext,
) -> Generator[Progress, None, IPOResult]:
    """`sft` is the reference, and is never changed."""
    told_apart = [group for group in groups if len(set(group.ranks)) > 1]
    if not told_apart:
        raise TrainingError("No ranking tells two answers apart. Rank some without ties, then train again.")
    policy = copy_to_train(sft, 0).eval()
    optimizer = torch.optim.AdamW(policy.parameters(), lr=hparams.learning_rate, weight_decay=0.0)
    saved = context.load() or {"step": 0, "metrics": {}}
    if saved["step"]:
        policy.load_state_dict(saved["policy"])
        optimizer.load_state_dict(saved["optimizer"])
    metrics: dict[str, float] = dict(saved["metrics"])
    batches = batches_of_run(len(told_apart), hparams)
    for step, rows in enumerate(batches[saved["step"] :], start=saved["step"] + 1):
        batch = [told_apart[row] for row in rows]
        loss, metrics = batch_loss(policy, sft, batch, hparams.beta, ends, pad_id)
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(policy.parameters(), hparams.max_grad_norm)
        if not math.isfinite(norm.item()):
            raise TrainingError("IPO's gradient is not a number. Lower the learning rate and try again.")
        optimizer.step()
        state = {"policy": policy.state_dict(), "optimizer": optimizer.state_dict()}
        context.save({"step": step, "metrics": metrics, **state})
        yield Progress(step, len(batches), metrics, f"{step * hparams.batch_rankings:,} rankings")
    return IPOResult(policy, metrics)


def batches_of_run(count: int, hparams: IPOHparams) -> list[list[int]]:
    """Indices of rankings, step by step: all of them in a new order in each epoch."""
    batches = []
    for epoch in range(hparams.epochs):
        order = torch.randperm(count, generator=torch.Generator().manual_seed(part_seed(hparams.seed, epoch)))
        batches += [part.tolist() for part in order.split(hparams.batch_rankings)]
    return batches


def batch_loss(
    policy: Llama, reference: Llama, batch: Sequence[RankedGroup], beta: float, ends: EndTokens, pad_id: int
) -> tuple[Tensor, dict[str, float]]:
    """The mean over rankings, and what it says."""
    answers = [[ends.as_written(answer) for answer in group.completions] for group in batch]
    packed = pack([group.prompt_tokens for group in batch], answers, pad_id)
    ranks = torch.zeros(packed.last_index.shape, dtype=torch.int64)
    for row, group in enumerate(batch):
        ranks[row, : len(group.ranks)] = torch.tensor(group.ranks)
    with torch.no_grad():
        of_reference = answer_logprobs(reference, packed)
    margins, weights = preferred_margins(answer_logprobs(policy, packed) - of_reference, ranks, packed.answer_mask)
    losses = ipo_losses(margins, beta)
    return (weights * losses).sum() / len(batch), {
        "ipo/loss": losses.mean().item(),
        "ipo/accuracy": ((margins > 0).float() + 0.5 * (margins == 0).float()).mean().item(),
        "ipo/margin": margins.mean().item(),
    }


def answer_logprobs(model: Llama, packed: Packed) -> Tensor:
    """[B,K]: log-probability of each answer, summed over its tokens."""
    with autocast():
        final = token_states(model, lower_states(model, packed, 0), packed, 0)
        logprobs, _ = token_logprobs(model, final, packed, 1.0)
    return logprobs.sum(-1)


def preferred_margins(log_ratios: Tensor, ranks: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """[B,K] each -> of each pair that is told apart, the better answer's log-ratio less the worse one's, and its share
    of its ranking: [P] each."""
    better = (ranks.unsqueeze(2) < ranks.unsqueeze(1)) & mask.unsqueeze(2) & mask.unsqueeze(1)  # [B,K,K]
    margins = log_ratios.unsqueeze(2) - log_ratios.unsqueeze(1)
    shares = 1.0 / better.sum((1, 2)).clamp(min=1)
    return margins[better], shares[:, None, None].expand_as(margins)[better]


def ipo_losses(margins: Tensor, beta: float) -> Tensor:
    """(margin - 1 / (2 beta)) squared (Azar et al. 2023, eq. 17)."""
    return (margins - 1 / (2 * beta)).square()
