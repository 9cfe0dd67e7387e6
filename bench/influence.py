"""How often a ranking that hurt the reward model is a slip: simulated rankings, some of which are turned round.

    nice python -m bench.influence --folder /tmp/pools --tastes warm,brief,people --rankings 60,200 --seeds 2

A share of the rankings that decide anything has its order turned round; the rest is ranked with the labeler's usual
noise. Of the most harmful rankings by their influence (app/training/reward/influence.py) it is counted how many were
turned, and of those whose order surprises most the weights that never saw them: the same cross-validation gives both.
Results: bench/results/influence.json, kept after each run; bench.report writes the table.
"""

import json
from collections.abc import Sequence
from itertools import product
from math import ceil
from pathlib import Path
from random import Random
from typing import Annotated, Any

import torch
import typer

from app.hparams import RewardHparams
from app.simulation.noise import Noise, rank
from app.training.reward.data import RankedGroup
from app.training.reward.folds import make_folds
from app.training.reward.head import learn
from app.training.reward.validation import cross_validate
from bench.reward import THREADS, TIE_MARGIN, Case, RewardBench, ready
from bench.speed.race import environment

RESULTS = Path(__file__).parent / "results" / "influence.json"
TURNED = 0.1  # of the rankings
MOST_HARMFUL = 0.1  # of them, that are looked at
SHOWN = 3  # on the page


def turned_rankings(case: Case, count: int, seed: int) -> tuple[list[RankedGroup], list[int]]:
    """The rankings, and which of them were turned round."""
    rng, noise = Random(f"influence {case.name} {seed}"), Noise(tie_margin=TIE_MARGIN)
    chosen = rng.sample(range(len(case.train)), count)
    ranks = [rank(case.train_utilities[place], noise, rng) for place in chosen]
    deciding = [at for at, each in enumerate(ranks) if max(each) > 1]
    turned = rng.sample(deciding, min(len(deciding), round(TURNED * count)))
    for at in turned:
        ranks[at] = [max(ranks[at]) + 1 - each for each in ranks[at]]
    groups = [
        RankedGroup(place, case.train[place].prompt_tokens, case.train[place].answers, each)
        for place, each in zip(chosen, ranks, strict=True)
    ]
    return groups, turned


def found(suspicion: Sequence[float], turned: Sequence[int], looked_at: int) -> float:
    """Share of turned ones among so many with the highest suspicion."""
    order = sorted(range(len(suspicion)), key=lambda at: -suspicion[at])
    return len(set(order[:looked_at]) & set(turned)) / looked_at


def measured(bench: RewardBench, case: Case, count: int, seed: int) -> dict[str, Any]:
    hparams = RewardHparams(seed=seed)
    groups, turned = turned_rankings(case, count, seed)
    data, columns = bench.prepared(groups, hparams)
    folds = make_folds([group.prompt_id for group in groups], hparams)
    whole = learn(data.likelihood, columns.prior)
    surprise = torch.zeros(count, dtype=torch.float64)
    for number, checks in enumerate(cross_validate(data, folds, columns.prior, whole)):
        rows = folds[number].held_out
        surprise[rows] = checks.unseen[-1].losses.double()
    harm = [0.0 if one is None else one.change for one in checks.influences]
    many = ceil(MOST_HARMFUL * count)
    return {
        "turned": len(turned) / count,
        "harmful": found(harm, turned, many),
        "harmful_shown": found(harm, turned, SHOWN),
        "surprising": found(surprise.tolist(), turned, many),
    }


def main(
    folder: Annotated[Path, typer.Option(help="Where sampled answers are kept.")],
    tastes: Annotated[str, typer.Option(help="Comma-separated.")] = "warm,brief,people,list,about-25,relevant",
    rankings: Annotated[str, typer.Option(help="How many, comma-separated.")] = "60,200",
    seeds: Annotated[int, typer.Option(min=1)] = 2,
    out: Annotated[Path, typer.Option(help="Where the results go; kept after each run.")] = RESULTS,
) -> None:
    """Every taste once before any twice."""
    _pool, bench, cases = ready(folder, tastes)
    runs: list[dict[str, Any]] = []
    for seed, count, taste in product(range(seeds), map(int, rankings.split(",")), cases):
        runs.append({"case": taste, "rankings": count, "seed": seed} | measured(bench, cases[taste], count, seed))
        print(json.dumps(runs[-1]), flush=True)
        out.write_text(
            json.dumps({"environment": environment(THREADS), "runs": runs}, indent=1) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    typer.run(main)
