"""How many rankings the product's choice of the next group saves simulated labelers, against groups as they come.

    nice python -m bench.active_choice --folder /tmp/pools --tastes warm,people,list,brief --seeds 2

Both arms begin with the same rankings of groups as they come. Then one goes on so, and in the other each next group is
the one of CANDIDATES that the product's chooser (app/training/reward/choice.py) expects most of, a fifth of them apart,
which are as they come (the control arm that the product keeps). Between two trainings what was chosen counts as ranked.
A tenth of the pairs is turned. Accuracy is the share of held-out groups' pairs in the taste's own order. The columns
are fitted once, on as many answers as 250 rankings have, since they know of no ranking.
Results: bench/results/active_choice.json, kept after each run; bench.report writes the table.
"""

import json
from collections import deque
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Annotated, Any

import typer

from app.hparams import RewardHparams
from app.services.labeling.choosing import CANDIDATES, CONTROL_SHARE
from app.simulation.noise import Noise, rank, right_share
from app.training.reward.choice import USUAL, Chooser
from app.training.reward.columns import Columns
from app.training.reward.data import RankedGroup, prepare
from app.training.reward.head import Posterior, learn
from app.training.reward.pair_loss import Davidson
from app.training.reward.trainer import prompt_numbers
from bench.pools import Group
from bench.reward import THREADS, TIE_MARGIN, Case, RewardBench, ready
from bench.speed.race import environment

RESULTS = Path(__file__).parent / "results" / "active_choice.json"
SIZES = (20, 40, 60, 90, 120, 160)  # rankings at each training; the first are the same for both arms
FITTED = 250  # groups whose answers the columns are fitted on
FLIPS = 0.1
ROUNDS_AT_FIRST, ROUNDS = 20, 8  # of the precisions, then begun where those of fewer rankings ended


class Arms:
    """All groups as columns: `train` [G,K,D], `held_out` [H,K,D]."""

    def __init__(self, pool: Sequence[Group], bench: RewardBench) -> None:
        answers = [(group.prompt_tokens, answer) for group in pool for answer in group.answers]
        blocks, each = bench.read(answers), len(pool[0].answers)
        train = sum(group.split == "train" for group in pool)
        fitted = [each * at + k for at in Random("columns").sample(range(train), FITTED) for k in range(each)]
        columns, _ = Columns.fit([blocks[at] for at in fitted], prompt_numbers([answers[at] for at in fitted]))
        made = columns.of(blocks).unflatten(0, (len(pool), each))
        self.prior, self.train, self.held_out = columns.prior, made[:train], made[train:]

    def run(self, case: Case, seed: int, *, active: bool) -> list[float]:
        """Accuracy at each of SIZES."""
        order = Random(f"active {case.name} {seed}").sample(range(len(self.train)), len(self.train))
        chosen, waiting = order[: SIZES[0]], deque(order[SIZES[0] :])
        learned: Posterior | None = None
        accuracies = []
        for size, following in zip(SIZES, [*SIZES[1:], SIZES[-1]], strict=True):
            groups = [self._ranked(case, place, seed) for place in chosen]
            data = prepare(self.train[chosen].flatten(0, 1), groups, RewardHparams())
            rounds = ROUNDS_AT_FIRST if learned is None else ROUNDS
            learned = learn(data.likelihood, self.prior, learned, rounds)
            scores = (self.held_out @ learned.mean).tolist()
            accuracies.append(right_share(case.held_out_utilities, scores, TIE_MARGIN)[0])
            if not active:
                chosen += [waiting.popleft() for _ in range(following - size)]
            elif following > size:
                usual = [self.train[place] for place in list(waiting)[:USUAL]]
                assert isinstance(data.loss, Davidson), "the default"
                chooser = Chooser(learned.mean, learned.curvature.factor, data.loss.tie_strength, usual)
                chosen += self._chosen(chooser, waiting, following - size, Random(f"{case.name} {seed} {size}"))
        return accuracies

    def _chosen(self, chooser: Chooser, waiting: "deque[int]", count: int, rng: Random) -> list[int]:
        """What was not chosen waits behind all others."""
        chosen = []
        for _ in range(count):
            if rng.random() < CONTROL_SHARE:
                best = waiting.popleft()
            else:
                candidates = [waiting.popleft() for _ in range(CANDIDATES)]
                gains = chooser.gains([self.train[place] for place in candidates])
                best = candidates.pop(max(range(CANDIDATES), key=gains.__getitem__))
                waiting.extend(candidates)
            chooser.take(self.train[best])
            chosen.append(best)
        return chosen

    def _ranked(self, case: Case, place: int, seed: int) -> RankedGroup:
        """The same labels of a group in both arms."""
        group, noise = case.train[place], Noise(0.0, TIE_MARGIN, FLIPS)
        ranks = rank(case.train_utilities[place], noise, Random(f"{case.name} {seed} {place}"))
        return RankedGroup(place, group.prompt_tokens, group.answers, ranks)


def needed(accuracy: float, curve: Sequence[float]) -> float:
    """Rankings at which a curve over SIZES, taken as rising, has this accuracy: in between on a straight line; the ends
    where it lies beyond them."""
    best = [max(curve[: at + 1]) for at in range(len(curve))]
    if accuracy <= best[0]:
        return SIZES[0]
    for at in range(1, len(best)):
        if accuracy <= best[at]:
            share = (accuracy - best[at - 1]) / (best[at] - best[at - 1])
            return SIZES[at - 1] + share * (SIZES[at] - SIZES[at - 1])
    return SIZES[-1]


def saved(runs: Sequence[dict[str, Any]]) -> float:
    """Share of rankings saved at equal accuracy: by the mean curves of both arms, the mean over what the random one has
    reached from its third training on."""
    random, active = ([fmean(run[arm][at] for run in runs) for at in range(len(SIZES))] for arm in ("random", "active"))
    return fmean(1 - needed(random[at], active) / SIZES[at] for at in range(2, len(SIZES)))


def interval(runs: Sequence[dict[str, Any]], draws: int = 2_000) -> tuple[float, float]:
    """95% of it, by a bootstrap over tastes and over the seeds of each."""
    rng, of_taste = Random(0), dict[str, list[dict[str, Any]]]()
    for run in runs:
        of_taste.setdefault(run["case"], []).append(run)
    each = []
    for _ in range(draws):
        tastes = rng.choices(list(of_taste), k=len(of_taste))
        each.append(saved([one for taste in tastes for one in rng.choices(of_taste[taste], k=len(of_taste[taste]))]))
    each.sort()
    return each[round(0.025 * draws)], each[round(0.975 * draws) - 1]


def main(
    folder: Annotated[Path, typer.Option(help="Where sampled answers are kept.")],
    tastes: Annotated[str, typer.Option(help="Comma-separated.")] = "warm,people,list,about-25,brief,relevant,plain",
    seeds: Annotated[int, typer.Option(min=1)] = 2,
    out: Annotated[Path, typer.Option(help="Where the results go; kept after each run.")] = RESULTS,
) -> None:
    """Every taste once before any twice."""
    pool, bench, cases = ready(folder, tastes)
    arms = Arms(pool, bench)
    runs: list[dict[str, Any]] = []
    for seed, (taste, case) in product(range(seeds), cases.items()):
        curves = {arm: arms.run(case, seed, active=arm == "active") for arm in ("random", "active")}
        runs.append({"case": taste, "seed": seed} | curves)
        print(json.dumps(runs[-1]), flush=True)
        known: dict[str, Any] = {"environment": environment(THREADS), "sizes": SIZES, "runs": runs}
        if seed:
            known |= {"saved": saved(runs), "interval": interval(runs)}
        out.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
