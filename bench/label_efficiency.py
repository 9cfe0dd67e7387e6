"""How many rankings Fourfold's reward model needs to be as good as TRL's RewardTrainer with more of them.

    nice python -m bench.label_efficiency --folder data/bench --tastes warm,order,people --ours 60,125,250 --peer 500

The same SFT weights, the same rankings (fewer are the first of more), labels turned with the share that is asked for,
the same held-out pairs. TRL fine-tunes all layers in float32 on the rankings' pairs and chooses among the settings on a
fifth of the ranked prompts; Fourfold chooses its precisions by evidence, on the same rankings. Results:
bench/results/label_efficiency.json, kept after each run.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from bench.peer import PeerBench, Setting
from bench.pools import PoolSettings, load_pool
from bench.reward import THREADS, RewardBench, case_of, judged, numbers, rankings_of
from bench.speed.race import environment

RESULTS = Path(__file__).parent / "results" / "label_efficiency.json"
HELD_OUT = 150  # prompts whose pairs judge


def settings_of(text: str) -> list[Setting]:
    """Of "3e-5:2,1e-4:2": learning rates and epochs."""
    parted = [part.split(":") for part in text.split(",")]
    return [{"learning_rate": float(rate), "epochs": float(epochs)} for rate, epochs in parted]


def main(
    folder: Annotated[Path, typer.Option(help="Where sampled answers and the peer's environment are kept.")],
    tastes: Annotated[str, typer.Option(help="Comma-separated.")] = "warm,order,people",
    ours: Annotated[str, typer.Option(help="Rankings that Fourfold gets, comma-separated.")] = "60,125,250",
    peer: Annotated[int, typer.Option(min=10, help="Rankings that TRL gets.")] = 500,
    flips: Annotated[float, typer.Option(min=0, max=0.5, help="Share of turned pairs.")] = 0.1,
    seeds: Annotated[int, typer.Option(min=1)] = 1,
    settings: Annotated[str, typer.Option(help="What TRL chooses from: rate:epochs, comma-separated.")] = "",
    out: Annotated[Path, typer.Option(help="Where the results go; kept after each run.")] = RESULTS,
) -> None:
    """Each taste and seed on both sides; every run is kept."""
    torch.set_num_threads(THREADS)
    groups = load_pool(folder, PoolSettings(train=peer, held_out=HELD_OUT))
    bench = RewardBench([group for group in groups if group.split == "train"])
    chosen = settings_of(settings) if settings else []
    trl = PeerBench(folder, bench.tokenizer.ends, THREADS, settings=chosen)
    sides = [("Fourfold", bench.scores, int(size)) for size in numbers(ours)] + [("TRL", trl.scores, peer)]
    runs: list[dict[str, Any]] = []
    for seed in range(seeds):
        for taste in tastes.split(","):
            case = case_of(taste, groups, "", bench.tokenizer)
            for side, scores, size in sides:
                made, taken = scores(rankings_of(case, size, flips, seed), case.held_out, seed)
                named = {"side": side, "case": taste, "rankings": size, "flips": flips, "seed": seed}
                runs.append(named | {"seconds": round(taken, 1)} | judged(case, made, flips, seed))
                print(json.dumps(runs[-1]), flush=True)
                known = environment(THREADS) | {"settings": chosen}
                out.parent.mkdir(parents=True, exist_ok=True)
                out.write_text(json.dumps({"environment": known, "runs": runs}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
