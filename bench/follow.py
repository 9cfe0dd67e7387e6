"""What a policy makes of simulated rankings, in one process: the product's reward model and trainers, without a server.

    nice python -m bench.follow --folder /tmp/pools --tastes brief,list --ways ppo,rloo,grpo,dpo,best_of_n --rankings 80

Beside the taste's own verdict (win rate over the SFT model with its parts, on shipped held-out prompts that nothing was
trained or validated on) stand the report cards of the SFT model and of the policy, so that what was forgotten shows.
The SFT model's answers, and its card, are kept in the folder between runs. `--set name=value` changes hyper-parameters.
Results go to bench/results/follow.json, run by run, so that a run can be stopped.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from random import Random
from typing import Annotated, Any

import torch
import typer

from app.db.models.prompts import Prompt
from app.hparams import SERVED_TEMPERATURE, RewardHparams, SamplingParams
from app.kinds.registry import KINDS
from app.kinds.train_best_of_n import BestOfNHparams
from app.kinds.train_dpo import DPOHparams
from app.kinds.train_grpo import GRPOHparams
from app.layout import SFT_MODEL
from app.lm.files.checkpoint import load_model
from app.lm.inference.decoder import Decoder
from app.lm.inference.offline import sample_batch
from app.lm.model import Llama
from app.lm.precision import matmul_dtype
from app.policy_hparams import PPOHparams
from app.simulation.families import TASTES
from app.simulation.noise import Noise, rank
from app.simulation.tastes import Taste, report
from app.training.best_of_n import train_best_of_n
from app.training.context import FileContext, drain
from app.training.dpo import train_dpo
from app.training.grpo import train_grpo
from app.training.policy.comparison import Comparison, Measured
from app.training.policy.episodes import PolicyResult, PolicyTask
from app.training.policy.knowledge import Questions
from app.training.policy.validating import Watch
from app.training.ppo.trainer import train_policy
from app.training.report_card import write_report_card
from app.training.reward.data import RankedGroup
from app.training.reward.preference_scorer import Part, PreferenceScorer
from app.training.reward.sentences import sentence_ends
from app.training.reward.trainer import train_reward_model
from app.training.reward.words import Words
from app.worker.handlers.left_out import Readable
from app.worker.handlers.several_turns import questions_of
from app.worker.handlers.train_reward import blank_prompt
from bench.loop import code_commit
from bench.pools import Group, PoolSettings, load_pool, pool_path
from bench.reward import THREADS, KeptReader

RESULTS = Path(__file__).parent / "results" / "follow.json"
JUDGED_SAMPLES = 2
CARD_PROMPTS = 240
SHOWN = ("on topic", "follow-up understood", "refusals", "false refusals", "right language", "true facts",
         "correct arithmetic", "ordered steps")  # fmt: skip
MAX_TOKENS = 96
HPARAMS: dict[str, type[Any]] = {
    "ppo": PPOHparams, "rloo": GRPOHparams, "grpo": GRPOHparams, "dpo": DPOHparams, "best_of_n": BestOfNHparams,
}  # fmt: skip


@dataclass(frozen=True)
class Ranked:
    """A taste's rankings, and the reward models that learned from them."""

    taste: Taste
    groups: list[RankedGroup]
    scorers: dict[Part, PreferenceScorer]


class FollowBench:
    """The SFT model loaded once, its answers sampled once, and what the reward model reads of them kept."""

    def __init__(self, folder: Path, pool: PoolSettings) -> None:
        self.sft, self.tokenizer = load_model(SFT_MODEL)
        self.folder, self.pool, self.golds = folder, pool, list[float]()
        groups = load_pool(folder, pool)
        self.train = [group for group in groups if group.split == "train"]
        self.held_out = [group for group in groups if group.split == "held_out"]
        words = Words.of_tokenizer(self.tokenizer)
        self.reader = KeptReader(self.sft, blank_prompt(self.tokenizer, []), sentence_ends(self.tokenizer), words)

    def ranked(self, name: str, count: int, noise: Noise, seed: int) -> Ranked:
        """The same for the same taste and seed; fewer rankings are the first of more."""
        taste, rng = TASTES[name], Random(f"{name} {seed}")
        groups = []
        for place in rng.sample(range(len(self.train)), count):
            group = self.train[place]
            utilities = [taste.utility(group.prompt, text) for text in group.texts]
            groups.append(RankedGroup(place, group.prompt_tokens, group.answers, rank(utilities, noise, rng)))
        hparams = RewardHparams(seed=seed)
        samples = [(group.prompt_tokens, answer) for group in self.train for answer in group.answers]
        trainer = train_reward_model(
            self.sft, groups, samples[: hparams.normalization_samples], hparams, ends=self.tokenizer.ends,
            pad_id=self.tokenizer.pad_id, context=FileContext(Path()), reader=self.reader,
        )  # fmt: skip
        return Ranked(taste, groups, drain(trainer).scorers)

    def answers(self, model: Llama, temperature: float, seed: int) -> list[str]:
        """To the held-out prompts, one after the other."""
        params = SamplingParams(temperature=temperature, max_tokens=MAX_TOKENS, seed=seed)
        prompts = [group.prompt_tokens for group in self.held_out]
        decoder = Decoder(model, matmul_dtype())
        sampled = sample_batch(decoder, self.tokenizer.end_ids, prompts, n=JUDGED_SAMPLES, params=params)
        return [self.tokenizer.decode(one.token_ids) for group in sampled for one in group]

    def judged(self, taste: Taste, model: Llama, temperature: float, seed: int) -> dict[str, Any]:
        """The taste's own verdict on held-out prompts, ties half, and the parts of both models' answers."""
        asked = [group.prompt for group in self.held_out for _ in range(JUDGED_SAMPLES)]
        return asdict(
            report(taste, asked, self.answers(model, temperature, seed), self.answers(self.sft, temperature, seed))
        )

    def card(self, model: Llama) -> dict[str, dict[str, float | None]]:
        card = drain(write_report_card(model, self.tokenizer, prompts=CARD_PROMPTS))
        parts = {name: getattr(card, name) for name in ("greedy", "sampled", "topics", "followups")}
        return {part: {name: share.value for name, share in shares.items()} for part, shares in parts.items()}

    def sft_card(self) -> dict[str, dict[str, float | None]]:
        path = pool_path(self.folder, SFT_MODEL, self.pool).with_suffix(f".card{CARD_PROMPTS}")
        if not path.exists():
            path.write_text(json.dumps(self.card(self.sft)), encoding="utf-8")
        return dict(json.loads(path.read_text(encoding="utf-8")))

    def gold(self, taste: Taste, after: Measured, before: Measured) -> float:
        """Nats by which the taste itself likes the policy's answers to the validation's prompts better."""
        asked = self.train[-len(after.answers) :]

        def mean(of: Measured) -> float:
            each = [
                taste.utility(group.prompt, self.tokenizer.decode(answer))
                for group, answers in zip(asked, of.answers, strict=True)
                for answer in answers
            ]
            return sum(each) / len(each)

        return mean(after) - mean(before)

    def questions(self, groups: Sequence[Group]) -> Questions:
        prompts = [Prompt(text=group.prompt, messages=[{"role": "user", "content": group.prompt}]) for group in groups]
        readable = Readable(prompts, [group.prompt_tokens for group in groups], 0)
        return questions_of(self.tokenizer, readable, self.sft.config.context_tokens - MAX_TOKENS)

    def policy(self, ranked: Ranked, way: str, hparams: Any) -> PolicyResult:
        """Trained as the product does."""
        ends, pad_id, nowhere = self.tokenizer.ends, self.tokenizer.pad_id, Nowhere()
        if way == "dpo":
            return drain(train_dpo(self.sft, ranked.groups, hparams, ends=ends, pad_id=pad_id, context=nowhere))
        prompts = [group.prompt_tokens for group in self.train]
        optimized, judge = ranked.scorers["optimized"], ranked.scorers["judge"]
        if way == "best_of_n":
            task = PolicyTask(self.sft, self.sft, optimized, prompts, ends, pad_id)
            return drain(train_best_of_n(task, hparams, nowhere))
        params = SamplingParams(temperature=hparams.temperature, max_tokens=hparams.max_tokens)
        comparison = Comparison(self.sft, optimized, judge, params, hparams.validation_samples, ends, pad_id)
        aside = hparams.validation_prompts
        self.golds.clear()

        def signs(after: Measured, before: Measured, _figures: dict[str, float]) -> list[str]:
            self.golds.append(self.gold(ranked.taste, after, before))
            return []

        watch = Watch(comparison, prompts[-aside:], signs, self.questions(self.train[-aside:]))
        task = PolicyTask(self.sft, self.sft, optimized, prompts[:-aside], ends, pad_id, watch)
        return drain((train_policy if way == "ppo" else train_grpo)(task, hparams, nowhere))


class Nowhere:
    """A context that keeps nothing."""

    def load(self) -> dict[str, Any] | None:
        return None

    def save(self, state: dict[str, Any]) -> None:
        del state


def run_once(
    bench: FollowBench, ranked: Ranked, way: str, changes: dict[str, Any], seed: int, card: bool = True
) -> dict[str, Any]:
    extra = {"baseline": way} if way in ("rloo", "grpo") else {}
    given = HPARAMS[way](**{"seed": seed} | extra | changes)
    kind = next(kind for kind in KINDS.values() if kind.hparams is HPARAMS[way])
    hparams = given if kind.effort is None else kind.effort.fit(given, bench.sft.config)
    started, busy = time.perf_counter(), time.process_time()
    result = bench.policy(ranked, way, hparams)
    taken = {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - busy}
    run = {"taste": ranked.taste.name, "way": way, "seed": seed, "rankings": len(ranked.groups), "changes": changes}
    run |= taken | {"metrics": result.metrics, "verdict": None if result.verdict is None else result.verdict.as_json()}
    run["history"] = [
        dict(v.figures)
        | {"episodes": v.episodes, "kl": v.kl, "optimized": v.optimized_gain, "judged": v.judged_gain}
        | {"gold": gold}
        for v, gold in zip(result.history, bench.golds, strict=False)
    ]
    run["ways"] = [  # the first is the whole way, which the history has
        dict(v.figures) | {"way": v.way, "optimized": v.optimized_gain, "judged": v.judged_gain, "gold": gold}
        for v, gold in zip(result.ways[1:], bench.golds[len(result.history) :], strict=False)
    ]
    run["served"] = bench.judged(ranked.taste, result.model, SERVED_TEMPERATURE, seed)
    run["at_one"] = bench.judged(ranked.taste, result.model, 1.0, seed)
    if card:
        run["card"], run["sft_card"] = bench.card(result.model), bench.sft_card()
    return run


def line_of(run: dict[str, Any]) -> str:
    """What is looked at while it runs."""
    served, sft = run["served"]["challengers"], run["served"]["champions"]
    said = f"{run['taste']} {run['way']} {json.dumps(run['changes'])}: win {run['served']['win_rate']:.2f}"
    said += f" (at temperature 1 {run['at_one']['win_rate']:.2f})"
    for part in ("thing", "words", "on_topic", "empty", "distinct"):
        said += f", {part} {sft[part]:.2f} to {served[part]:.2f}"
    if run["verdict"]:
        kept = next(each for each in run["history"] if each["episodes"] == run["verdict"]["episodes"])
        said += f"\n  {run['verdict']['fit']}, {run['verdict']['reason']}, kept {kept['episodes']} of"
        said += f" {run['history'][-1]['episodes']}, KL {kept['kl']:.1f}, judge {kept['win_rate']:.2f}"
        said += f", knowledge {kept.get('knowledge', 1.0):.2f}, way {run['verdict']['way']:.2f}"
    for part in ("greedy", "sampled") if "card" in run else ():
        before, after = run["sft_card"][part], run["card"][part]
        told = [f"{name} {before[name]:.3f} to {after[name]:.3f}" for name in SHOWN if before[name] is not None]
        said += f"\n  {part}: " + ", ".join(told)
    return said


def main(
    folder: Annotated[Path, typer.Option(help="Where sampled answers are kept between runs.")],
    tastes: Annotated[str, typer.Option(help="Comma-separated; all where it is empty.")] = "",
    ways: Annotated[str, typer.Option(help="Of ppo, rloo, grpo, dpo, best_of_n.")] = "ppo",
    rankings: Annotated[int, typer.Option(min=1)] = 80,
    flips: Annotated[float, typer.Option(min=0, max=0.5, help="Share of turned pairs.")] = 0.0,
    seeds: Annotated[int, typer.Option(min=1)] = 1,
    change: Annotated[str, typer.Option("--set", help="Changed hyper-parameters, as JSON.")] = "{}",
    out: Annotated[Path, typer.Option(help="Where the results go; kept after each run.")] = RESULTS,
) -> None:
    """Each taste by each way, on the same rankings and reward models."""
    torch.set_num_threads(THREADS)
    bench = FollowBench(folder, PoolSettings(train=400, held_out=100, temperature=SERVED_TEMPERATURE))
    runs: list[dict[str, Any]] = []
    for seed, name in product(range(seeds), tastes.split(",") if tastes else list(TASTES)):
        ranked = bench.ranked(name, rankings, Noise(flips=flips), seed)
        for way in ways.split(","):
            runs.append(run_once(bench, ranked, way, json.loads(change), seed))
            typer.echo(line_of(runs[-1]))
            kept = {"commit": code_commit(), "runs": runs}
            out.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
