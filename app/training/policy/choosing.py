"""Which of the answers drawn to a prompt are learned from: those whose scores differ most.

What is liked may be rare: of SmolLM2's answers one in twelve is a list, so that most prompts have none among four, and
a batch holds five. Writing and scoring an answer costs less than learning from it, so more are written than are learned
from. Xu et al. (2025), "Not all rollouts are useful: down-sampling rollouts in LLM reinforcement learning", section 3.2
(max-variance down-sampling), with the theorem that such a choice of m is the i lowest and the m - i highest for some i.
Pure functions of tensors.
"""

import torch
from torch import Tensor


def most_different(scores: Tensor, count: int) -> Tensor:
    """[B,D] -> [B,count] places, in rising order, of those whose scores have the largest variance in their row."""
    drawn = scores.shape[1]
    order = scores.argsort(dim=1, stable=True)
    choices = [torch.cat([order[:, :low], order[:, drawn - count + low :]], 1) for low in range(count + 1)]
    variances = torch.stack([scores.gather(1, each).var(1, correction=0) for each in choices], 1)
    best = variances.argmax(1)
    return torch.stack(choices, 1)[torch.arange(len(scores)), best].sort(1).values


def best(scores: Tensor, count: int) -> Tensor:
    """[B,D] -> [B,count] places, in rising order, of the highest."""
    return scores.topk(count, dim=1).indices.sort(1).values
