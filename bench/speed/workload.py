"""What all contestants of a race work on: prompts, and rankings of the SFT model's own answers, as token ids.

The order of four answers is a taste's, ties broken by place, so that every ranking has the same number of pairs on
every side: TRL knows no ties.
"""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from app.simulation.families import TASTES
from bench.pools import Group, PoolSettings, load_pool

TASTE = "brief"
NORMALIZATION = 128  # answers; what the product takes

Ranking = dict[str, Any]


def strict_ranks(utilities: Sequence[float]) -> list[int]:
    """From 1 (best), no two alike."""
    order = sorted(range(len(utilities)), key=lambda place: (-utilities[place], place))
    return [order.index(place) + 1 for place in range(len(utilities))]


def ranking(number: int, group: Group, answers: int) -> Ranking:
    """Of the group's first answers; its fields are those of RankedGroup."""
    utilities = [TASTES[TASTE].utility(group.prompt, text) for text in group.texts[:answers]]
    return {
        "prompt_id": number,
        "prompt_tokens": group.prompt_tokens,
        "completions": group.answers[:answers],
        "ranks": strict_ranks(utilities),
    }


def pairs_of(rankings: Sequence[Ranking]) -> list[dict[str, list[int]]]:
    """Every pair of every ranking as TRL reads it: prompt, chosen and rejected answer."""
    pairs = []
    for each in rankings:
        for a, b in combinations(range(len(each["ranks"])), 2):
            better, worse = (a, b) if each["ranks"][a] < each["ranks"][b] else (b, a)
            pairs.append(
                {
                    "prompt_ids": each["prompt_tokens"],
                    "chosen_ids": each["completions"][better],
                    "rejected_ids": each["completions"][worse],
                }
            )
    return pairs


def load_groups(folder: Path, count: int) -> list[Group]:
    """So many prompts with four answers each; sampled once and kept in the folder."""
    return load_pool(folder, PoolSettings(train=count, held_out=0))


def normalization_of(groups: Sequence[Group]) -> list[tuple[list[int], list[int]]]:
    """(prompt, answer) samples of the SFT model."""
    samples = [(group.prompt_tokens, answer) for group in groups for answer in group.answers if answer]
    return samples[:NORMALIZATION]
