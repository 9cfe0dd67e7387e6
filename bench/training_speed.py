"""How fast PPO, reward models and DPO train, beside TRL with the same weights and data, interleaved in one run.

    python -m bench.training_speed --folder data/bench --rows ppo,ppo-shipped,reward,dpo

The folder keeps sampled answers and the peers' environments (bench/peers.py) between runs. Each contestant has a
process of its own (bench/speed/race.py); rates are medians over the rounds, ratios are made round by round, and the
peak of memory is the process's, its libraries included. Results: bench/results/training_speed.json, every round kept;
bench.report writes the table.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from app.layout import SFT_MODEL
from bench.peers import TRL, TRL_WITH_PPO, peer_python
from bench.pools import Group
from bench.speed.race import Contestant, race
from bench.speed.workload import load_groups, normalization_of, pairs_of, ranking

RESULTS = Path(__file__).parent / "results" / "training_speed.json"
OURS, PPO_PEER, PAIRS_PEER = "bench.speed.ours", "bench.speed.trl_ppo", "bench.speed.trl_pairs"
POOL = 200  # prompts with four answers each
ASIDE = 48  # prompts that a PPO run as shipped validates on


@dataclass(frozen=True)
class Sizes:
    """How much a round does; `--tiny` tries the machinery."""

    episodes: int = 64  # a batch
    batches: int = 2  # of ours as shipped: the validation comes with every second one
    rankings: int = 60
    dpo_rankings: int = 12


TINY = Sizes(16, 1, 8, 4)


@dataclass(frozen=True)
class Bench:
    """Where the peers live, and what all sides work on."""

    folder: Path
    groups: list[Group]
    sizes: Sizes

    def ours(self, name: str, **request: Any) -> Contestant:
        return Contestant(name, Path(sys.executable), OURS, request)

    def peer(self, name: str, requirement: str, module: str, **request: Any) -> Contestant:
        request |= {"model": str(SFT_MODEL.resolve())}
        return Contestant(name, peer_python(self.folder, requirement), module, request, is_peer=True)

    def rankings(self, count: int, answers: int) -> list[dict[str, Any]]:
        return [ranking(number, group, answers) for number, group in enumerate(self.groups[:count])]


def same_ppo(bench: Bench, tokens: int, *, ends: bool) -> list[Contestant]:
    prompts = [group.prompt_tokens for group in bench.groups[:64]]
    request = {
        "task": "ppo", "same": True, "prompts": prompts, "batch": bench.sizes.episodes, "batches": 1, "answers": 4,
        "epochs": 4, "mini_batches": 2, "tokens": tokens, "temperature": 0.8, "ends": ends,
    }  # fmt: skip
    return [
        bench.ours("Fourfold", **request),
        bench.ours("Fourfold, one answer a prompt", **request | {"answers": 1}),
        bench.peer("TRL", TRL_WITH_PPO, PPO_PEER, **request, precision="fp32"),
    ]


def ppo(bench: Bench) -> list[Contestant]:
    """Same algorithm and precision; answers of at most 96 tokens end by themselves, so that what is padded counts."""
    return same_ppo(bench, 96, ends=True)


def ppo_fixed(bench: Bench) -> list[Contestant]:
    """The same with 64 tokens in every answer: nothing is padded on either side."""
    return same_ppo(bench, 64, ends=False)


def ppo_shipped(bench: Bench) -> list[Contestant]:
    """Each as it is shipped, answers of at most 96 tokens that end by themselves: Fourfold with its reward model,
    validations and judge, TRL with a reward model of the SFT model's size, in both precisions."""
    prompts = [group.prompt_tokens for group in bench.groups]
    ours = {
        "task": "ppo", "same": False, "prompts": prompts, "batches": bench.sizes.batches,
        "rankings": bench.rankings(bench.sizes.rankings, 4), "normalization": normalization_of(bench.groups),
    }  # fmt: skip
    peer = {
        "same": False, "prompts": prompts[:-ASIDE], "batch": bench.sizes.episodes, "batches": 1, "answers": 1,
        "epochs": 4, "mini_batches": 2, "tokens": 96, "temperature": 0.8, "ends": True,
    }  # fmt: skip
    return [
        bench.ours("Fourfold", **ours),
        *(
            bench.peer(f"TRL, {precision}", TRL_WITH_PPO, PPO_PEER, **peer, precision=precision)
            for precision in ("fp32", "bf16")
        ),
    ]


def reward(bench: Bench) -> list[Contestant]:
    """Rankings of four: Fourfold from cold, its reading and posterior and cross-validation; TRL one epoch of full
    fine-tuning over their pairs."""
    rankings = bench.rankings(bench.sizes.rankings, 4)
    normalization = normalization_of(bench.groups)
    ours = {"task": "reward", "rankings": rankings, "normalization": normalization}
    peer = {"task": "reward", "pairs": pairs_of(rankings), "epochs": 1, "work": len(rankings)}
    return [
        bench.ours("Fourfold", **ours, same=False),
        bench.peer("TRL", TRL, PAIRS_PEER, **peer),
    ]


def dpo(bench: Bench) -> list[Contestant]:
    """Pairs seen by the update: the reference's log-probabilities, then three epochs, all layers, fp32. A ranking of
    four is six pairs, which share their answers in a row of ours; rankings of two share nothing but the prompt."""
    epochs, count = 3, bench.sizes.dpo_rankings
    fours, twos = bench.rankings(count, 4), bench.rankings(6 * count, 2)
    request = {"task": "dpo", "epochs": epochs, "batch": 24}
    pairs = pairs_of(twos)
    peer = {"task": "dpo", "pairs": pairs, "epochs": epochs, "work": epochs * len(pairs)}
    return [
        bench.ours("Fourfold, rankings of four", **request, same=True, rankings=fours),
        bench.ours("Fourfold, pairs", **request, same=True, rankings=twos),
        bench.ours(
            "Fourfold as shipped, rankings of four",
            **request,
            same=False,
            rankings=bench.rankings(bench.sizes.rankings, 4),
        ),
        bench.peer("TRL, reference ahead", TRL, PAIRS_PEER, **peer, precompute=True),
        bench.peer("TRL, reference in the loop", TRL, PAIRS_PEER, **peer, precompute=False),
    ]


ROWS: dict[str, Callable[[Bench], list[Contestant]]] = {
    "ppo": ppo,
    "ppo-fixed": ppo_fixed,
    "ppo-shipped": ppo_shipped,
    "reward": reward,
    "dpo": dpo,
}


def main(
    folder: Annotated[Path, typer.Option(help="Where sampled answers and the peers' environments are kept.")],
    rows: Annotated[str, typer.Option(help="Comma-separated.")] = ",".join(ROWS),
    rounds: Annotated[int, typer.Option(min=1, help="Counted ones, after one that warms up.")] = 3,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    tiny: Annotated[bool, typer.Option(help="Small rounds, to see that it runs.")] = False,
    out: Annotated[Path, typer.Option(help="Where the results go; kept after each row.")] = RESULTS,
) -> None:
    """Race each row and keep its rounds; rows that are not raced keep what they had."""
    bench = Bench(folder.resolve(), load_groups(folder, POOL), TINY if tiny else Sizes())
    for name in rows.split(","):
        measured = race(ROWS[name](bench), rounds, threads) | {"sizes": asdict(bench.sizes)}
        known = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(known | {name: measured}, indent=1) + "\n", encoding="utf-8")
        print(json.dumps({"row": name, "ratios": measured["ratios"]}), flush=True)


if __name__ == "__main__":
    typer.run(main)
