"""Which rankings DPO learns from, which it is judged on, and in what order and at what rate it takes them."""

import math
from collections.abc import Sequence

import torch

from app.kinds.train_dpo import DPOHparams
from app.saving import TrainingError
from app.training.reward.data import RankedGroup
from app.training.seeds import LAP_STRIDE, part_seed
from app.translation import _

LEAST_PROMPTS = 5  # fewer, and none of them is held out


def split_by_prompt(groups: Sequence[RankedGroup], hparams: DPOHparams) -> tuple[list[RankedGroup], list[RankedGroup]]:
    """For training, and held out: all rankings of a prompt go the same way."""
    prompts = sorted({group.prompt_id for group in groups})
    if len(prompts) < LEAST_PROMPTS:
        return list(groups), []
    order = torch.randperm(len(prompts), generator=torch.Generator().manual_seed(hparams.seed)).tolist()
    chosen = {prompts[place] for place in order[: max(1, round(hparams.held_out_fraction * len(prompts)))]}
    return [g for g in groups if g.prompt_id not in chosen], [g for g in groups if g.prompt_id in chosen]


def batch_of_step(count: int, step: int, size: int, seed: int) -> list[int]:
    """Indices of a step's rankings: all of them in a new order in each epoch, the last batch of which is smaller."""
    epoch, place = divmod(step, math.ceil(count / size))
    generator = torch.Generator().manual_seed(part_seed(seed, epoch, LAP_STRIDE))
    order: list[int] = torch.randperm(count, generator=generator).tolist()
    return order[place * size : (place + 1) * size]


def rate_factor(step: int, total: int, warmup: int) -> float:
    """Linear warm-up, then linear decay to zero."""
    return min(1.0, (step + 1) / max(1, warmup)) * (1.0 - step / total)


def prefers(group: RankedGroup) -> bool:
    """Whether one of its answers is better than one that is not the same."""
    return len(set(group.ranks)) > 1 and len(set(map(tuple, group.completions))) > 1


def told_apart(groups: Sequence[RankedGroup], hparams: DPOHparams) -> list[RankedGroup]:
    """The rankings that there is something to learn from. Raises TrainingError where no two answers are told apart."""
    strict = [group for group in groups if prefers(group)]
    if not strict:
        raise TrainingError(
            _(
                "No ranking tells two different answers apart: all of them are ties, or about answers that are the "
                "same. Rank some prompts whose answers differ, without ties, then train again. Nothing was trained."
            )
        )
    return strict if hparams.ties == "left_out" else list(groups)
