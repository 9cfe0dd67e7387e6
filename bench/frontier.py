"""Gold score against the distance from the SFT model: best-of-n and PPO, by a taste whose utility is known exactly.

    nice python -m bench.frontier --folder /tmp/pools --rankings 200 --flips 0.1 --seeds 1

The distance is d = sqrt(KL). Best-of-n of n from 1 to 64 is computed exactly from 64 answers to each held-out prompt:
by the reward model's choice, and by the taste's own, which no choice can beat; its KL is at most log n - (n - 1) / n.
PPO runs with a weak KL penalty and without stopping, and each of its checkpoints is measured on the same prompts, one
sample each. Gold counts from the SFT model's mean. Fits are those of Gao et al. 2022: d (a - b d) for best-of-n,
d (a - b log d) for RL. Results go to bench/results/frontier.json; bench.report writes table and plots.
"""

import copy
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import torch
import typer

from app.hparams import SERVED_TEMPERATURE, SamplingParams
from app.layout import SFT_MODEL
from app.lm.files.checkpoint import load_model
from app.lm.model import Llama
from app.model_info.size import fit_ppo
from app.policy_hparams import PPOHparams
from app.simulation.tastes import Taste, report
from app.training.context import drain
from app.training.policy.comparison import Comparison, Measured
from app.training.policy.episodes import PolicyTask
from app.training.ppo.trainer import train_policy
from app.training.reward.scoring import AnswerScorer, score_answers
from bench.loop import code_commit
from bench.pools import Group, PoolSettings, load_pool
from bench.reward import THREADS, RewardBench, case_of, numbers, rankings_of

RESULTS = Path(__file__).parent / "results" / "frontier.json"
MOST = 64
CHOICES = (1, 2, 4, 8, 16, 32, 64)
TWELVE = (
    "brief", "long", "about-25", "list", "warm", "plain", "no-flattery", "animal", "matter-first", "second-i",
    "by-kind", "warm-and-brief",
)  # fmt: skip
"""One of each kind that SFT answers show at all; "relevant" and "true" need foils, "order" a pool of its own."""
KL_COEF = 0.02  # weak: the run has to go far


def most_kl(n: int) -> float:
    """Nats that best-of-n is at most away from the model that it samples from."""
    return math.log(n) - (n - 1) / n


def best_of(n: int, scores: Sequence[float], gold: Sequence[float]) -> float:
    """Expected gold of the highest score among n of these answers drawn without putting back: exact."""
    total = len(scores)
    order = sorted(range(total), key=lambda index: -scores[index])
    chances = [math.comb(total - place - 1, n - 1) / math.comb(total, n) for place in range(total)]
    return sum(chance * gold[index] for chance, index in zip(chances, order, strict=True))


def fit(distances: Sequence[float], gains: Sequence[float], *, rl: bool) -> tuple[float, float]:
    """(a, b) of d (a - b d), or of d (a - b log d), by least squares; points at 0 say nothing, and without
    others both are 0."""
    d = torch.tensor([one for one in distances if one > 0], dtype=torch.float64)
    y = torch.tensor([gain for one, gain in zip(distances, gains, strict=True) if one > 0], dtype=torch.float64)
    if not len(d):
        return 0.0, 0.0
    bent = d * d.log() if rl else d * d
    a, b = torch.linalg.lstsq(torch.stack([d, -bent], 1), y.unsqueeze(1)).solution[:, 0].tolist()
    return a, b


class Kept:
    """A context that keeps the policy of every checkpoint in memory, and resumes nothing."""

    def __init__(self) -> None:
        self.policies: list[dict[str, torch.Tensor]] = []

    def load(self) -> dict[str, Any] | None:
        return None

    def save(self, state: dict[str, Any]) -> None:
        self.policies.append({name: weight.clone() for name, weight in state["policy"].items()})


def with_weights(reference: Llama, weights: dict[str, torch.Tensor]) -> Llama:
    """The reference with the trained weights of a checkpoint, without a value function's and a head that is the
    embeddings. Raises ValueError for another name that the reference does not have: it would not be measured."""
    model, wanted = copy.deepcopy(reference), set(reference.state_dict())
    named = {name.removeprefix("model."): each for name, each in weights.items() if not name.startswith("value_")}
    if reference.config.tie_word_embeddings:
        named.pop("lm_head.weight", None)  # transformers names it beside them
    if unknown := sorted(named.keys() - wanted):
        raise ValueError(f"The reference has no weights named {', '.join(unknown)}. Name them as its trainer does.")
    model.load_state_dict(named, strict=False)
    return model


def best_of_points(taste: Taste, groups: Sequence[Group], scores: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
    """Gold of each n by both choosers, in nats, less the SFT model's mean."""
    gold = [[taste.utility(group.prompt, text) for text in group.texts] for group in groups]
    start = fmean(fmean(row) for row in gold)
    return [
        {
            "n": n,
            "kl": most_kl(n),
            "gold": fmean(best_of(n, s, g) for s, g in zip(scores, gold, strict=True)) - start,
            "gold_by_taste": fmean(best_of(n, g, g) for g in gold) - start,
        }
        for n in CHOICES
    ]


def ppo_points(
    taste: Taste, groups: Sequence[Group], prompts: list[list[int]], scorer: AnswerScorer, hparams: PPOHparams
) -> list[dict[str, Any]]:
    """Every checkpoint of a run: KL and gold on the held-out groups' prompts, and the report against the SFT model."""
    reference, tokenizer = load_model(SFT_MODEL)
    hparams = fit_ppo(hparams, reference.config)
    params = SamplingParams(temperature=hparams.temperature, max_tokens=hparams.max_tokens)
    comparison = Comparison(reference, scorer, scorer, params, 1, tokenizer.ends, tokenizer.pad_id)
    asked = [group.prompt for group in groups]
    tokens = [group.prompt_tokens for group in groups]

    def measured(model: Llama) -> Measured:
        return comparison.measured(model, tokens, [*tokens[1:], *tokens[:1]], hparams.seed)

    def texts(of: Measured) -> list[str]:
        return [tokenizer.decode(answer) for group in of.answers for answer in group]

    kept, before = Kept(), texts(measured(reference))
    task = PolicyTask(reference, reference, scorer, prompts, tokenizer.ends, tokenizer.pad_id)
    last = drain(train_policy(task, hparams, kept)).model
    gold = fmean(taste.utility(group.prompt, text) for group in groups for text in group.texts)
    points = []
    for number, model in enumerate([*(with_weights(reference, one) for one in kept.policies), last], start=1):
        after = measured(model)
        kl = fmean(own[0] - ref[0] for own, ref in zip(after.logprob, after.ref_logprob, strict=True))
        utilities = [taste.utility(prompt, text) for prompt, text in zip(asked, texts(after), strict=True)]
        told = asdict(report(taste, asked, texts(after), before))
        episodes = number * hparams.checkpoint_every_batches * hparams.batch_size
        points.append({"episodes": episodes, "kl": max(0.0, kl), "gold": fmean(utilities) - gold, "report": told})
    return points


def frontier(
    bench: RewardBench,
    name: str,
    groups: tuple[Sequence[Group], Sequence[Group]],
    settings: dict[str, Any],
    seed: int,
) -> dict[str, Any]:
    """`groups`: those to rank and train on, and the held-out ones with MOST answers each. What the reward model reads
    of these is kept in `bench` for all families."""
    pool, held_out = groups
    started = time.perf_counter(), time.process_time()
    case = case_of(name, pool, "", bench.tokenizer)
    ranked = rankings_of(case, settings["rankings"], settings["flips"], seed)
    scorer = bench.trained(ranked, seed)
    prompts, answers = [group.prompt_tokens for group in held_out], [group.answers for group in held_out]
    scores = score_answers(scorer, prompts, answers, ends=bench.tokenizer.ends)
    chosen = best_of_points(case.taste, held_out, scores)
    hparams = PPOHparams(
        total_episodes=settings["episodes"], kl_coef=KL_COEF, kl_target=None, kl_budget=None, early_stopping=False,
        checkpoint_every_batches=max(1, settings["episodes"] // 64 // settings["checkpoints"]), seed=seed,
    )  # fmt: skip
    trained = ppo_points(case.taste, held_out, [group.prompt_tokens for group in case.train], scorer, hparams)
    fits = {
        "best_of_n": fit([math.sqrt(p["kl"]) for p in chosen], [p["gold"] for p in chosen], rl=False),
        "ppo": fit([math.sqrt(p["kl"]) for p in trained], [p["gold"] for p in trained], rl=True),
    }
    taken = {"seconds": time.perf_counter() - started[0], "cpu_seconds": time.process_time() - started[1]}
    return {"case": name, "seed": seed, "best_of_n": chosen, "ppo": trained, "fits": fits} | settings | taken


def line_of(run: dict[str, Any]) -> str:
    """What is looked at while it runs."""
    best = max(run["ppo"], key=lambda point: float(point["gold"]))
    chosen = [point for point in run["best_of_n"] if point["n"] <= 16][-1]
    said = f"{run['case']}, seed {run['seed']}: gold of best of {chosen['n']} {chosen['gold']:+.2f}, of"
    said += f" PPO at its best {best['gold']:+.2f} (KL {best['kl']:.1f}, {best['episodes']} episodes)"
    return f"{said}, {run['cpu_seconds']:.0f} s of the processor"


def main(
    folder: Annotated[Path, typer.Option(help="Where sampled answers are kept between runs.")],
    families: Annotated[str, typer.Option(help="Names of tastes, comma-separated.")] = ",".join(TWELVE),
    rankings: Annotated[int, typer.Option(min=1)] = 200,
    flips: Annotated[float, typer.Option(min=0, max=0.5, help="Share of turned pairs.")] = 0.1,
    seeds: Annotated[int, typer.Option(min=1)] = 1,
    ppo: Annotated[str, typer.Option(help="Episodes of PPO, and how many checkpoints are measured.")] = "1536,8",
    prompts: Annotated[str, typer.Option(help="Prompts to rank, and held-out ones with 64 answers each.")] = "400,40",
    out: Annotated[Path, typer.Option(help="Where the results go; kept after each run.")] = RESULTS,
) -> None:
    """Measure each family and seed; keep each run's figures."""
    torch.set_num_threads(THREADS)
    train, asked = map(int, numbers(prompts))
    episodes, checkpoints = map(int, numbers(ppo))
    pool = load_pool(folder, PoolSettings(train=train, temperature=SERVED_TEMPERATURE))
    held_out = load_pool(folder, PoolSettings(train=0, held_out=asked, answers=MOST, temperature=SERVED_TEMPERATURE))
    bench = RewardBench([group for group in pool if group.split == "train"])
    settings = {"rankings": rankings, "flips": flips, "episodes": episodes, "checkpoints": checkpoints}
    runs: list[dict[str, Any]] = []
    for seed in range(seeds):
        for name in families.split(","):
            runs.append(frontier(bench, name, (pool, held_out), settings, seed))
            typer.echo(line_of(runs[-1]))
            out.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps({"environment": {"commit": code_commit()}, "runs": runs}, indent=1, ensure_ascii=False)
            out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
