"""Pretraining speed: Fourfold's step against a plain loop over the same model in `transformers`, in one run.

    OMP_WAIT_POLICY=PASSIVE python -m bench.pretraining --rounds 8

Each round takes one whole step (forward, backward, clipping, AdamW) of every contestant in turn; medians and the median
of the ratios of a round. The share of the peak is 6 N D floating-point operations (Kaplan et al. 2020) over the time
and over the best matrix product measured in the same run. Results: bench/results/pretraining.json.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from app.hparams import model_config
from app.lm.files.checkpoint import config_json
from app.lm.model import Llama
from app.lm.precision import autocast
from app.training.supervised import Batch, batch_loss, compiled_states, make_optimizer
from bench.limits import peak_gflops
from bench.model_size import CONTEXT, ROWS

RESULTS = Path(__file__).parent / "results" / "pretraining.json"
CONFIG = model_config(256, 8, 4096)  # the shipped model
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
PEAK_SHAPES = ((ROWS * CONTEXT, 256, 704), (ROWS * CONTEXT, 256, 1024), (2048, 2048, 2048))


def fourfold_step(batch: Batch, dtype: torch.dtype, *, compiled: bool) -> Callable[[], None]:
    model = Llama(CONFIG)
    optimizer = make_optimizer(model, 0.1)
    states = compiled_states(model) if compiled else model.hidden_states

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        batch_loss(model, batch, states, dtype).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


def transformers_step(batch: Batch, dtype: torch.dtype) -> Callable[[], None]:
    """What a tutorial writes: the model's own loss, AdamW, clipping."""
    settings = {name: value for name, value in config_json(CONFIG, dtype=dtype).items() if "dtype" not in name}
    model: Any = LlamaForCausalLM(LlamaConfig(**settings))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with autocast(dtype):
            loss = model(input_ids=batch.ids, labels=batch.ids, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


def seconds(step: Callable[[], None]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def measure(precision: str, rounds: int) -> dict[str, Any]:
    dtype = PRECISIONS[precision]
    ids = torch.randint(5, CONFIG.vocab_size, (ROWS, CONTEXT + 1))
    batch = Batch(ids[:, :-1], ids[:, 1:])
    sides = {
        "fourfold": fourfold_step(batch, dtype, compiled=True),
        "fourfold, not compiled": fourfold_step(batch, dtype, compiled=False),
        "transformers": transformers_step(batch, dtype),
    }
    for step in sides.values():
        seconds(step), seconds(step)
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, step in sides.items():
            times[name].append(seconds(step))
    parameters = sum(weight.numel() for weight in Llama(CONFIG).parameters())
    peak = peak_gflops(dtype, PEAK_SHAPES)
    tokens = ROWS * CONTEXT
    contestants = {}
    for name, taken in times.items():
        median = statistics.median(taken)
        ratios = [other / mine for other, mine in zip(times["transformers"], taken, strict=True)]
        contestants[name] = {
            "tokens_per_second": round(tokens / median),
            "times_as_fast": round(statistics.median(ratios), 2),
            "share_of_peak": round(6 * parameters * tokens / median / 1e9 / peak, 3),
        }
    return {"rounds": rounds, "peak_gflops": round(peak), "parameters": parameters, "contestants": contestants}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    results = {precision: measure(precision, arguments.rounds) for precision in PRECISIONS}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
