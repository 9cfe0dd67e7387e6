"""How well the reward model learns each simulated taste: held-out pairs right, beside what the label noise allows.

    nice python -m bench.reward --folder /tmp/pools --families brief,list --rankings 60,200 --flips 0,0.1,0.25 --seeds 5

The answers are the SFT model's own, sampled once into the folder (bench/pools.py); labels are given by the taste, with
the share of turned pairs that is asked for; the head is the product's own. Held-out prompts were never ranked.
Where the model's own answers hardly show what a taste is about, a second row has foils in its groups (bench/foils.py).
Results go to bench/results/reward.json, run by run, so that a run can be stopped, and goes on where it was when it is
started again with the same settings and code; bench.report writes the table.
How many rankings TRL's RewardTrainer needs for as much: bench/label_efficiency.py.
"""

import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Annotated, Any

import torch
import typer
from torch import Tensor

from app.hparams import RewardHparams
from app.layout import SFT_MODEL
from app.lm.files.checkpoint import load_model
from app.lm.model import Llama
from app.lm.text.end_tokens import EndTokens
from app.lm.text.tokenizer import Tokenizer
from app.simulation.families import TASTES
from app.simulation.noise import Noise, agreement, rank, right_share
from app.simulation.tastes import Taste
from app.training.reward.columns import Columns
from app.training.reward.data import RankedGroup, Rankings, prepare
from app.training.reward.head import learn
from app.training.reward.preference_scorer import Head, PreferenceScorer
from app.training.reward.reading import Blocks, Reader
from app.training.reward.scoring import Answered, AnswerScorer
from app.training.reward.sentences import sentence_ends
from app.training.reward.trainer import prompt_numbers
from app.training.reward.words import Words
from app.worker.handlers.train_reward import blank_prompt
from bench.foils import FOILS
from bench.loop import code_commit
from bench.pools import Group, PoolSettings, load_pool

RESULTS = Path(__file__).parent / "results" / "reward.json"
THREADS = 1  # small products: a second thread waits more than it computes, and much more on a machine that is busy
TIE_MARGIN = 0.5  # nats: answers closer than this are alike to the labeler, and no pair of the test
STEPS_POOL = PoolSettings(train=200, held_out=100, topics=("howto", "lookalike"))
# What each row is made of: the taste, and where its groups come from; "" is the model's own answers alone.
FOILED = {"relevant": "other prompts", "true": "other facts", "order": "shuffled"}
POOLS = {"order": STEPS_POOL}
LARGE_POOL = PoolSettings(train=1000, held_out=200)

Scores = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Case:
    """One row: `train` and `held_out` groups with the taste's utilities of their answers, in nats."""

    name: str
    taste: Taste
    foil: str
    train: list[Group]
    held_out: list[Group]
    train_utilities: list[list[float]]
    held_out_utilities: list[list[float]]

    @property
    def spread(self) -> float:
        """Share of the training groups in which the taste sees a difference at all: the others teach nothing."""
        return fmean(max(row) - min(row) >= TIE_MARGIN for row in self.train_utilities)


def case_of(name: str, groups: Sequence[Group], foil: str, tokenizer: Tokenizer) -> Case:
    taste, rng = TASTES[name], Random(f"{name} {foil}")
    splits = [[group for group in groups if group.split == split] for split in ("train", "held_out")]
    train, held_out = [FOILS[foil](split, tokenizer, rng) if foil else split for split in splits]
    utilities = [
        [[taste.utility(group.prompt, text) for text in group.texts] for group in split] for split in (train, held_out)
    ]
    return Case(f"{name}, foils" if foil else name, taste, foil, train, held_out, *utilities)


def rankings_of(case: Case, count: int, flips: float, seed: int) -> list[RankedGroup]:
    """The same for the same case and seed; fewer rankings are the first of more. Raises ValueError where the pool has
    fewer prompts."""
    rng = Random(f"{case.name} {seed}")
    chosen, noise = rng.sample(range(len(case.train)), len(case.train))[:count], Noise(0.0, TIE_MARGIN, flips)
    if len(chosen) < count:
        raise ValueError(f"The pool has {len(case.train)} prompts to rank, not {count}.")
    return [
        RankedGroup(
            place, case.train[place].prompt_tokens, case.train[place].answers,
            rank(case.train_utilities[place], noise, rng),
        )
        for place in chosen
    ]  # fmt: skip


class KeptReader(Reader):
    """Reads each answer once in a whole benchmark: what the SFT model notices hangs on no ranking."""

    def __init__(self, sft: Llama, blank: Sequence[int], stops: frozenset[int], words: Words | None = None) -> None:
        super().__init__(sft, blank, stops, words)
        self._kept: dict[tuple[tuple[int, ...], tuple[int, ...]], Blocks] = {}

    def read(self, answers: Sequence[Answered], ends: EndTokens) -> list[Blocks]:
        rows = [(tuple(prompt), tuple(ends.as_written(answer))) for prompt, answer in answers]
        new = list(dict.fromkeys(row for row in rows if row not in self._kept))
        self._kept.update(zip(new, super().read(new, ends), strict=True))
        return [self._kept[row] for row in rows]


class RewardBench:
    """The head that has learned from all rankings, as the product's trainer makes it, and nothing beside it: no folds,
    no heads for policies, no student. What the SFT model reads is kept, and what follows from the answers alone is kept
    while the same answers are ranked with other noise."""

    def __init__(self, normalization: Sequence[Group], model: Path = SFT_MODEL) -> None:
        self._sft, self.tokenizer = load_model(model)
        self._samples: list[Answered] = [
            (group.prompt_tokens, answer) for group in normalization for answer in group.answers
        ]
        self._reader = KeptReader(
            self._sft,
            blank_prompt(self.tokenizer, []),
            sentence_ends(self.tokenizer),
            Words.of_tokenizer(self.tokenizer),
        )
        self._made: tuple[list[Answered], Columns, Tensor] | None = None
        self._held_out: tuple[Columns, list[Answered], Tensor] | None = None

    def scores(self, rankings: Sequence[RankedGroup], held_out: Sequence[Group], seed: int) -> tuple[Scores, float]:
        """Scores of the held-out groups, and the seconds of the processor that training took."""
        started = time.process_time()
        columns, head = self._learned(rankings, RewardHparams(seed=seed))
        taken = time.process_time() - started
        asked: list[Answered] = [(group.prompt_tokens, answer) for group in held_out for answer in group.answers]
        if self._held_out is None or self._held_out[0] is not columns or self._held_out[1] != asked:
            self._held_out = columns, asked, columns.of(self._reader.read(asked, self.tokenizer.ends))
        each = iter(head.scores(self._held_out[2]).tolist())
        return [[next(each) for _ in group.answers] for group in held_out], taken

    def trained(self, rankings: Sequence[RankedGroup], seed: int) -> AnswerScorer:
        """A reward model of these rankings, as the product makes it."""
        columns, head = self._learned(rankings, RewardHparams(seed=seed))
        return PreferenceScorer(self._reader, columns, head)

    def read(self, answers: Sequence[Answered]) -> list[Blocks]:
        return self._reader.read(answers, self.tokenizer.ends)

    def prepared(self, rankings: Sequence[RankedGroup], hparams: RewardHparams) -> tuple[Rankings, Columns]:
        """What the head learns from."""
        columns, made = self._columns(rankings, hparams)
        return prepare(made[: sum(len(group.completions) for group in rankings)], rankings, hparams), columns

    def _learned(self, rankings: Sequence[RankedGroup], hparams: RewardHparams) -> tuple[Columns, Head]:
        data, columns = self.prepared(rankings, hparams)
        made = self._columns(rankings, hparams)[1]
        prompts, answers = prompt_numbers(self._everything(rankings, hparams)), int(data.mask.sum())
        posterior = learn(data.likelihood, columns.prior)
        return columns, Head.normalized(posterior, made, prompts, range(answers, len(made)))

    def _everything(self, rankings: Sequence[RankedGroup], hparams: RewardHparams) -> list[Answered]:
        answers: list[Answered] = [(group.prompt_tokens, answer) for group in rankings for answer in group.completions]
        return [*answers, *self._samples[: hparams.normalization_samples]]

    def _columns(self, rankings: Sequence[RankedGroup], hparams: RewardHparams) -> tuple[Columns, Tensor]:
        """And those of the answers, then of the samples [N,D]; the same answers have them once."""
        everything = self._everything(rankings, hparams)
        if self._made is None or self._made[0] != everything:
            blocks = self._reader.read(everything, self.tokenizer.ends)
            self._made = everything, *Columns.fit(blocks, prompt_numbers(everything))
        return self._made[1:]


def ready(folder: Path, tastes: str) -> tuple[list[Group], RewardBench, dict[str, Case]]:
    """What a benchmark of the product's own reward model begins with: the large pool, what reads it, and the cases of
    these tastes (with commas between them)."""
    torch.set_num_threads(THREADS)
    pool = load_pool(folder, LARGE_POOL)
    bench = RewardBench([group for group in pool if group.split == "train"])
    return pool, bench, {taste: case_of(taste, pool, "", bench.tokenizer) for taste in tastes.split(",")}


def judged(case: Case, scores: Scores, flips: float, seed: int) -> dict[str, Any]:
    """`right`: of the held-out pairs that differ, without noise. `of_ceiling`: agreement with noisy labels of held-out
    pairs over the taste's own agreement with them."""
    right, pairs = right_share(case.held_out_utilities, scores, TIE_MARGIN)
    noisy = agreement(case.held_out_utilities, scores, Noise(0.0, TIE_MARGIN, flips), seed=seed)
    return {
        "right": right,
        "pairs": pairs,
        "agreement": noisy.scorer,
        "ceiling": noisy.ceiling,
        "of_ceiling": noisy.scorer / noisy.ceiling,
        "spread": case.spread,
    }


def run(
    cases: Sequence[Case],
    sizes: Sequence[int],
    flips: Sequence[float],
    seeds: int,
    trained: Callable[[Sequence[RankedGroup], Sequence[Group], int], tuple[Scores, float]],
    keep: Callable[[list[dict[str, Any]]], None],
    runs: list[dict[str, Any]],
) -> list[dict[str, Any]]:
    """Every case once before any case twice; `keep` is told after each run. What is among `runs` is not run again."""
    done = {(run["case"], run["rankings"], run["flips"], run["seed"]) for run in runs}
    for seed, size, case, share in product(range(seeds), sizes, cases, flips):
        if size > len(case.train) or (case.name, size, share, seed) in done:
            continue
        scores, taken = trained(rankings_of(case, size, share, seed), case.held_out, seed)
        named = {"case": case.name, "family": case.taste.family, "foil": case.foil}
        settings = {"rankings": size, "flips": share, "seed": seed, "seconds": round(taken, 2)}
        runs.append(named | settings | judged(case, scores, share, seed))
        print(json.dumps(runs[-1]), flush=True)
        keep(runs)
    return runs


def runs_of_before(out: Path, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of a run that was stopped, with the same settings and code; none where there is no such file."""
    if not out.is_file():
        return []
    before = json.loads(out.read_text(encoding="utf-8"))
    runs: list[dict[str, Any]] = before.pop("runs")
    return runs if before == json.loads(json.dumps(settings)) else []


def all_cases(names: Sequence[str], folder: Path, pool: PoolSettings, tokenizer: Tokenizer) -> list[Case]:
    pools = {settings: load_pool(folder, settings) for settings in {POOLS.get(name, pool) for name in names} | {pool}}
    wanted = [(name, foil) for name in names for foil in dict.fromkeys(("", FOILED.get(name, "")))]
    return [case_of(name, pools[POOLS.get(name, pool)], foil, tokenizer) for name, foil in wanted]


def numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def main(
    folder: Annotated[Path, typer.Option(help="Where sampled answers are kept between runs.")],
    families: Annotated[str, typer.Option(help="Names of tastes, comma-separated; all where it is empty.")] = "",
    rankings: Annotated[str, typer.Option(help="How many rankings, comma-separated.")] = "60,200",
    flips: Annotated[str, typer.Option(help="Shares of turned pairs, comma-separated.")] = "0,0.1,0.25",
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each, seeds 0, 1, …")] = 5,
    prompts: Annotated[str, typer.Option(help="Prompts of the pool, to rank and to judge on.")] = "400,300",
    out: Annotated[Path, typer.Option(help="Where the results go; kept after each run.")] = RESULTS,
) -> None:
    """Train on each family, size, noise and seed; keep each run's figures."""
    torch.set_num_threads(THREADS)
    train, held_out = map(int, numbers(prompts))
    pool = PoolSettings(train=train, held_out=held_out)
    bench = RewardBench([group for group in load_pool(folder, pool) if group.split == "train"])
    cases = all_cases(families.split(",") if families else list(TASTES), folder, pool, bench.tokenizer)
    environment = {"processor": platform.processor() or platform.machine(), "commit": code_commit()}
    settings = {"pool": asdict(pool), "tie_margin": TIE_MARGIN, "environment": environment}

    def keep(runs: list[dict[str, Any]]) -> None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(settings | {"runs": runs}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    sizes, shares = [int(size) for size in numbers(rankings)], numbers(flips)
    run(cases, sizes, shares, seeds, bench.scores, keep, runs_of_before(out, settings))


if __name__ == "__main__":
    typer.run(main)
