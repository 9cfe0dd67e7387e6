"""Which rankings are held out from what: always by prompt, and by its id and the seed alone."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from app.hparams import RewardHparams

FEWEST_PROMPTS = 16  # under this many a judge of its own would know nothing


@dataclass(frozen=True)
class Fold:
    """Indices of rankings to learn from, and to be judged on."""

    rows: list[int]
    held_out: list[int]


def split_folds(prompt_ids: Sequence[int], held_out_fraction: float, seed: int) -> list[list[int]]:
    """Indices of rankings in folds by prompt: 1 / held_out_fraction of them, fewer where there are fewer prompts."""
    prompts = _mixed(prompt_ids, str(seed))
    count = min(len(prompts), max(2, round(1.0 / held_out_fraction)))
    if count < 2:
        return []
    fold_of = {prompt: index % count for index, prompt in enumerate(prompts)}
    return [[i for i, prompt in enumerate(prompt_ids) if fold_of[prompt] == fold] for fold in range(count)]


def make_folds(prompt_ids: Sequence[int], hparams: RewardHparams) -> list[Fold]:
    """A single one where cross-validating so many rankings would take too long."""
    folds = split_folds(prompt_ids, hparams.held_out_fraction, hparams.seed)
    if len(prompt_ids) > hparams.cross_validate_up_to:
        folds = folds[:1]
    everything = set(range(len(prompt_ids)))
    return [Fold(sorted(everything.difference(held_out)), held_out) for held_out in folds]


def judge_split(prompt_ids: Sequence[int], hparams: RewardHparams) -> Fold:
    """What a policy is trained by learns from `rows`; what judges it from `held_out`, which is empty where there are
    too few prompts to share."""
    prompts = _mixed(prompt_ids, f"judge {hparams.seed}")
    kept = round(len(prompts) * hparams.judge_fraction) if len(prompts) >= FEWEST_PROMPTS else 0
    judging = set(prompts[:kept])
    rows = [i for i, prompt in enumerate(prompt_ids) if prompt not in judging]
    return Fold(rows, [i for i, prompt in enumerate(prompt_ids) if prompt in judging])


def _mixed(prompt_ids: Sequence[int], seed: str) -> list[int]:
    """Each once, in the order of their hashes."""
    return sorted(set(prompt_ids), key=lambda prompt: hashlib.sha256(f"{seed}:{prompt}".encode()).digest())
