"""How fast a policy's update is computed: share of this machine's matrix peak, time by part, memory.

    python -m bench.update --rounds 5

PPO on one batch of 16 prompts with four answers each, as shipped and with all layers trained beside a value network;
each case in a process of its own. Times are of the processor, summed over threads, so that other programs on the
machine disturb them less than they do the clock; the median of the rounds. The peak is that of torch's square products
in the same format, measured between the rounds. Only what the algorithm needs is counted as products: tokens without
padding, each product once; attention's own are left out. Results: bench/results/update.json, of which
`python -m bench.report` makes the table.
"""

import json
import multiprocessing
import statistics
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch.profiler import ProfilerActivity, profile

from app.layout import SFT_MODEL
from app.lm import precision
from app.lm.files.checkpoint import load_model
from app.lm.text.end_tokens import EndTokens
from app.model_info.size import layer_parameters
from app.policy_hparams import PPOHparams
from app.training.packing import batches_by_length
from app.training.policy.rollout import Collector, Rollout
from app.training.ppo.trainer import Trainer
from bench.import_model import MIB, memory_bytes
from bench.sampling import prompts_of

RESULTS = Path(__file__).parent / "results" / "update.json"
CASES: dict[str, dict[str, Any]] = {
    "as shipped": {},
    "all layers and value": {"num_frozen_layers": 0, "separate_value": True},
}
PROMPTS = 16
PARTS = {  # by what the profiler calls an operation
    "products": ("aten::mm", "_JoinedProduct"),  # those of our own are in the node that calls them
    "attention": ("_Attend",),
    "softmax of the vocabulary": ("_LinearLogprobs",),
    "norms and gates": ("_AddAndNorm", "_Gate"),
    "optimizer": ("aten::_fused_adamw_", "Optimizer", "aten::linalg_vector_norm", "aten::_foreach"),
}


class LengthScorer:
    """Shorter is better: reading by a reward model is measured elsewhere."""

    def score(self, answers: Any, ends: EndTokens) -> tuple[torch.Tensor, torch.Tensor]:
        del ends
        return torch.tensor([-len(answer) / 20 for _, answer in answers]), torch.zeros(len(answers))


def processor_seconds(call: Callable[[], Any]) -> tuple[Any, float]:
    started = time.process_time()
    result = call()
    return result, time.process_time() - started


def peak_of_a_core(dtype: torch.dtype, side: int = 2048) -> float:
    """GFLOP a second of the processor's time: the best of some square products."""
    left, right = torch.randn(side, side).to(dtype), torch.randn(side, side).to(dtype)
    return 2e-9 * side**3 / min(processor_seconds(lambda: left @ right)[1] for _ in range(8))


def needed_gflop(trainer: Trainer, rollout: Rollout) -> float:
    """Of an update's products: forward, gradients of inputs, and of weights that are trained."""
    config, hparams = trainer.policy.model.config, trainer.hparams
    trained, networks = config.num_hidden_layers - hparams.num_frozen_layers, 1 + hparams.separate_value
    tokens, words = int((rollout.packed.segments >= 0).sum()), int(rollout.packed.token_mask.sum())
    layers = 6 * tokens * trained * layer_parameters(config) * networks
    head = (4 if hparams.num_frozen_layers else 6) * words * config.vocab_size * config.hidden_size
    return hparams.num_ppo_epochs * (layers + head) / 1e9


def parts_of(call: Callable[[], Any]) -> dict[str, float]:
    """Shares of the operations' own time."""
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        call()
    spent: Counter[str] = Counter()
    for event in profiler.key_averages():
        part = next((part for part, names in PARTS.items() if event.key.startswith(names)), "rest")
        spent[part] += event.self_cpu_time_total
    return {part: round(spent[part] / spent.total(), 2) for part in (*PARTS, "rest")}


def measure(case: str, name: str, threads: int, rounds: int) -> dict[str, Any]:
    torch.set_num_threads(threads)
    with precision.using(name):
        model, tokenizer = load_model(SFT_MODEL)
        trainer = Trainer(model, model, PPOHparams(target_kl=None, **CASES[case]))
        scorer: Any = LengthScorer()
        ends = EndTokens(tokenizer.end_id)
        collector = Collector(trainer.policy, model, scorer, trainer.hparams, ends, 0, trainer.shares_lower)
        rollout = collector.collect(prompts_of(SFT_MODEL, PROMPTS), seed=1)
        lengths = (rollout.packed.last_index.amax(1) + 1).tolist()
        batches = list(batches_by_length(lengths, trainer.hparams.tokens_per_micro_batch))
        experience, _ = trainer.experience(rollout)

        @torch.no_grad()
        def read() -> None:
            for rows in batches:
                collector.measure(rollout, rows)

        first, _ = processor_seconds(lambda: trainer.update(experience, 1))
        updates, readings, peaks = list[float](), list[float](), list[float]()
        for turn in range(rounds):
            peaks.append(peak_of_a_core(precision.matmul_dtype()))
            updates.append(processor_seconds(partial(trainer.update, experience, turn))[1])
            readings.append(processor_seconds(read)[1])
        parts = parts_of(lambda: trainer.update(experience, 0))
        needed, seconds = needed_gflop(trainer, rollout), statistics.median(updates)
    return {
        "case": case,
        "precision": name,
        "answer_tokens": int(rollout.packed.token_mask.sum()),
        "update_seconds": round(seconds, 2),
        "update_spread": [round(min(updates), 2), round(max(updates), 2)],
        "measuring_seconds": round(statistics.median(readings), 2),
        "needed_gflop": round(needed),
        "peak_gflops": round(max(peaks)),
        "share_of_peak": round(needed / seconds / max(peaks), 2),
        "parts": parts,
        "peak_mebibytes": round(memory_bytes()["peak"] / MIB),
        "first_ratio_off": abs(first["val/ratio_first"] - 1.0),
    }


def main(
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    threads: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """All cases in both formats."""
    measured = []
    for case in CASES:
        for name in precision.PRECISIONS:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                measured.append(pool.apply(measure, (case, name, threads, rounds)))
            print(json.dumps(measured[-1], indent=2), flush=True)
    result = {"rounds": rounds, "threads": threads, "cases": measured}
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
