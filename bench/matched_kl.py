"""PPO as shipped beside TRL's PPO: the gold score at the same distance from the SFT model, and the time that it took.

    nice python -m bench.matched_kl --folder data/bench --tastes brief --seeds 5

Both are given the same prompts, the same SFT weights and the same reward model, ours, which TRL reads through a wrapper
(bench/speed/trl_policy.py). Each trains as it does: Fourfold with frozen layers, a value head and scores counted from
the SFT model's own answers, TRL with all layers, a value network and the raw scores. Checkpoints of both are measured
alike, on held-out prompts, one sample each: KL to the SFT model, and the taste's own utility over the SFT model's
answers, which nothing in training sees. Gold at a given KL is read between two checkpoints, linear in sqrt(KL).
Results: bench/results/matched_kl.json, kept after each run.
"""

import json
import math
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import torch
import typer
from torch import Tensor

from app.hparams import SERVED_TEMPERATURE, SamplingParams
from app.layout import SFT_MODEL
from app.lm.files.checkpoint import load_model
from app.policy_hparams import PPOHparams
from app.simulation.tastes import Taste
from app.training.context import drain
from app.training.policy.comparison import Comparison
from app.training.policy.episodes import PolicyTask
from app.training.ppo.trainer import train_policy
from app.training.reward.scoring import AnswerScorer
from bench.frontier import Kept, with_weights
from bench.peers import TRL_WITH_PPO, peer_python
from bench.pools import Group, PoolSettings, load_pool
from bench.reward import RewardBench, case_of, rankings_of
from bench.speed.race import OWN, ROOT, environment

RESULTS = Path(__file__).parent / "results" / "matched_kl.json"
TOKENS = 96
Point = dict[str, float]


def gold_at(points: Sequence[Point], kl: float) -> float | None:
    """Gold where the run first crosses this KL, linear in sqrt(KL) between two checkpoints, from (0, 0) on; None where
    it never comes so far."""
    before = {"kl": 0.0, "gold": 0.0}
    for point in points:
        if point["kl"] >= kl:
            low, here, high = (math.sqrt(each) for each in (before["kl"], kl, point["kl"]))
            share = (here - low) / (high - low) if high > low else 1.0
            return before["gold"] + share * (point["gold"] - before["gold"])
        before = point
    return None


def as_kept(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """A model's weights under the names that a checkpoint of a policy has: other names would be left out unsaid."""
    return {f"model.{name}": weight for name, weight in weights.items()}


def points_of(taste: Taste, groups: Sequence[Group], scorer: AnswerScorer, weights: Sequence[dict[str, Tensor]]) -> Any:
    """KL, gold in nats over the SFT model's answers, and the scorer's mean of each checkpoint."""
    reference, tokenizer = load_model(SFT_MODEL)
    params = SamplingParams(temperature=SERVED_TEMPERATURE, max_tokens=TOKENS)
    comparison = Comparison(reference, scorer, scorer, params, 2, tokenizer.ends, tokenizer.pad_id)
    tokens = [group.prompt_tokens for group in groups]
    points: list[Point] = []
    for model in [reference, *(with_weights(reference, each) for each in weights)]:
        measured = comparison.measured(model, tokens, [*tokens[1:], *tokens[:1]], 0)
        moved = torch.tensor(measured.logprob) - torch.tensor(measured.ref_logprob)
        gold = fmean(
            taste.utility(group.prompt, tokenizer.decode(answer))
            for group, answers in zip(groups, measured.answers, strict=True)
            for answer in answers
        )
        score = fmean(each for row in measured.scores for each in row)
        points.append({"kl": max(0.0, moved.mean().item()), "gold": gold, "score": score})
    start = points[0]["gold"]
    return [point | {"gold": point["gold"] - start} for point in points[1:]]


def ours(request: dict[str, Any], scorer: AnswerScorer) -> list[dict[str, Tensor]]:
    """Weights after every `every` batches of a run as shipped, without its stops."""
    reference, tokenizer = load_model(SFT_MODEL)
    hparams = PPOHparams(
        total_episodes=request["episodes"], checkpoint_every_batches=request["every"], early_stopping=False,
        kl_budget=None, max_tokens=TOKENS, seed=request["seed"],
    )  # fmt: skip
    kept = Kept()
    task = PolicyTask(reference, reference, scorer, request["prompts"], tokenizer.ends, tokenizer.pad_id)
    last = drain(train_policy(task, hparams, kept)).model
    return [*kept.policies, as_kept(last.state_dict())]


def theirs(request: dict[str, Any], folder: Path) -> list[dict[str, Tensor]]:
    """Raises CalledProcessError where TRL fails, with its words on standard error."""
    with tempfile.TemporaryDirectory() as temporary:
        asked, told = Path(temporary) / "request.json", Path(temporary) / "policies.pt"
        asked.write_text(json.dumps(request), encoding="utf-8")
        python = str(peer_python(folder, TRL_WITH_PPO))
        command = [python, "-m", "bench.speed.trl_policy", str(asked), str(told)]
        own = OWN | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(request["threads"])}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | own)
        policies: list[dict[str, Tensor]] = torch.load(told, weights_only=True)
    return [as_kept(weights) for weights in policies]


def compared(runs: Sequence[dict[str, Any]], kls: Sequence[float]) -> list[dict[str, float]]:
    """Fourfold's gold less TRL's at each KL that both reached: mean over runs and its standard error."""
    rows = []
    for kl in kls:
        pairs = [(gold_at(run["fourfold"], kl), gold_at(run["trl"], kl)) for run in runs]
        known = [(a, b) for a, b in pairs if a is not None and b is not None]
        if known:
            less = [a - b for a, b in known]
            error = statistics.stdev(less) / math.sqrt(len(less)) if len(less) > 1 else math.nan
            rows.append({"kl": kl, "n": len(known), "fourfold": fmean(a for a, _ in known), "error": error,
                         "trl": fmean(b for _, b in known), "difference": fmean(less)})  # fmt: skip
    return rows


def one_run(taste: str, groups: Sequence[Group], settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    train, held_out = ([group for group in groups if group.split == split] for split in ("train", "held_out"))
    bench = RewardBench(train)
    case = case_of(taste, groups, "", bench.tokenizer)
    ranked = rankings_of(case, settings["rankings"], settings["flips"], settings["seed"])
    scorer = bench.trained(ranked, settings["seed"])
    request = settings | {
        "prompts": [group.prompt_tokens for group in train], "rankings": [asdict(each) for each in ranked],
        "pool": [asdict(group) for group in train], "model": str(SFT_MODEL.resolve()), "tokens": TOKENS,
        "temperature": SERVED_TEMPERATURE,
    }  # fmt: skip
    run: dict[str, Any] = {"taste": taste} | settings
    for side in ("fourfold", "trl"):
        started = time.perf_counter()
        weights = ours(request, scorer) if side == "fourfold" else theirs(request, folder)
        run[f"{side}_seconds"] = time.perf_counter() - started
        run[side] = points_of(case.taste, held_out, scorer, weights)
    return run


def main(
    folder: Annotated[Path, typer.Option(help="Where sampled answers and the peer's environment are kept.")],
    tastes: Annotated[str, typer.Option(help="Comma-separated.")] = "brief",
    seeds: Annotated[int, typer.Option(min=1)] = 5,
    episodes: Annotated[str, typer.Option(help="Of a run, and batches of 64 between two checkpoints.")] = "1024,2",
    peer: Annotated[str, typer.Option(help="TRL's learning rate and KL coefficient.")] = "1e-4,0.05",
    prompts: Annotated[str, typer.Option(help="To train on (200 of them ranked), and held-out ones.")] = "200,60",
    threads: Annotated[int, typer.Option(min=1)] = 2,
    out: Annotated[Path, typer.Option(help="Where the results go; kept after each run.")] = RESULTS,
) -> None:
    """Both sides of each taste and seed."""
    torch.set_num_threads(threads)
    train, held_out = (int(part) for part in prompts.split(","))
    total, every = (int(part) for part in episodes.split(","))
    rate, coefficient = (float(part) for part in peer.split(","))
    groups = load_pool(folder, PoolSettings(train=train, held_out=held_out))
    known = environment(threads)
    runs: list[dict[str, Any]] = []
    for seed in range(seeds):
        for taste in tastes.split(","):
            settings = {
                "rankings": min(200, train), "flips": 0.1, "episodes": total, "every": every, "learning_rate": rate,
                "kl_coef": coefficient, "seed": seed, "threads": threads,
            }  # fmt: skip
            runs.append(one_run(taste, groups, settings, folder))
            told = {"environment": known, "compared": compared(runs, (1, 2, 4, 6)), "runs": runs}
            print(json.dumps(told["compared"]), flush=True)
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
