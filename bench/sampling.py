"""Speed and memory of sampling, beside `transformers` generate with the same weights, in one run.

    python -m bench.sampling --rounds 8

A B A B: four answers to one prompt, and 64 answers to 64 prompts, of 64 tokens each (`--tokens`), in fp32 and bf16; no
early end in either. Prints medians of the pairwise ratios, the peak memory of a process that does nothing else, whether
an answer is the same alone and among 64, and how far a decode step is from the least time that this machine's memory
bandwidth and matrix products allow, both measured in the same run. Results: bench/results/sampling.json; with `--random
135M` (or 494M) of a random model of that size, to sampling-135M.json.
"""

import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from transformers import AutoModelForCausalLM

from app.hparams import SamplingParams
from app.lm.files.checkpoint import load_model, read_tokenizer
from app.lm.inference.decoder import Decoder
from app.lm.inference.offline import sample_batch
from app.lm.inference.scheduler import Scheduler
from app.lm.inference.sequence import SequenceGroup, new_sequences
from app.settings.config import Settings
from app.training.report_card import held_out_prompts
from bench.import_model import MIB, SHAPES, make_model, memory_bytes
from bench.limits import peak_gflops, read_gigabytes_per_second
from bench.speed.race import environment

RESULTS = Path(__file__).parent / "results"
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
NEVER_ENDS = -1  # no token has this id: each answer runs to its limit, in both programs
CASES = {"four answers to one prompt": (1, 4), "64 sequences": (64, 1)}

Sample = Callable[[list[list[int]], int, int], None]  # prompts, answers to each, tokens of an answer


def fourfold(directory: Path, dtype: torch.dtype) -> Sample:
    model = load_model(directory, dtype=dtype)[0]
    decoder = Decoder(model, dtype, in_place_of_model=True)  # as the server loads a version

    def sample(prompts: list[list[int]], n: int, tokens: int) -> None:
        params = SamplingParams(max_tokens=tokens, seed=1)
        groups = sample_batch(decoder, frozenset({NEVER_ENDS}), prompts, n=n, params=params)
        assert all(len(one.token_ids) == tokens for group in groups for one in group)

    return sample


def transformers(directory: Path, dtype: torch.dtype) -> Sample:
    model: Any = AutoModelForCausalLM.from_pretrained(directory, dtype=dtype)
    model.requires_grad_(False)

    def sample(prompts: list[list[int]], n: int, tokens: int) -> None:
        longest = max(map(len, prompts))
        ids = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in prompts for _ in range(n)])
        with torch.inference_mode():
            written = model.generate(
                ids, attention_mask=(ids != 0).long(), do_sample=True, temperature=1.0, top_k=0, top_p=1.0,
                min_new_tokens=tokens, max_new_tokens=tokens, pad_token_id=0,
            )  # fmt: skip
        assert written.shape == (len(ids), longest + tokens)

    return sample


SIDES: dict[str, Callable[[Path, torch.dtype], Sample]] = {"fourfold": fourfold, "transformers": transformers}


def prompts_of(directory: Path, count: int) -> list[list[int]]:
    tokenizer = read_tokenizer(directory)
    pairs = [pair for pair in held_out_prompts(4 * count) if len(pair.messages) == 1][:count]
    return [tokenizer.encode_conversation([{"role": "user", "content": pair.messages[0][1]}]) for pair in pairs]


def seconds(call: Callable[[], object]) -> float:
    return both_seconds(call)[0]


def both_seconds(call: Callable[[], object]) -> tuple[float, float]:
    """By the clock, and of all threads on processors: on a machine that others use as well these say more."""
    started, worked = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - started, time.process_time() - worked


def race(directory: Path, precision: str, rounds: int, tokens: int) -> dict[str, Any]:
    sides = {name: make(directory, PRECISIONS[precision]) for name, make in SIDES.items()}
    measured = {}
    for case, (count, n) in CASES.items():
        prompts = prompts_of(directory, count)
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
        for turn in range(rounds + 1):
            for name, sample in sides.items():
                taken = both_seconds(partial(sample, prompts, n, tokens))
                if turn:  # the first round warms up
                    times[name].append(taken)
        pairs = list(zip(times["fourfold"], times["transformers"], strict=True))
        by_clock, by_processor = ([other[kind] / mine[kind] for mine, other in pairs] for kind in (0, 1))
        median = statistics.median(clock for clock, _ in times["fourfold"])
        measured[case] = {
            "times_as_fast": round(statistics.median(by_clock), 2),
            "spread": [round(min(by_clock), 2), round(max(by_clock), 2)],
            "times_less_processor_time": round(statistics.median(by_processor), 2),
            "tokens_per_second": round(count * n * tokens / median),
            "milliseconds": round(1_000 * median),
        }
    return measured


def step_limits(directory: Path, precision: str) -> dict[str, Any]:
    """A decode step of 4 and of 64 rows with 64 tokens behind each, against the least time it could take: all weights
    read once and 2 N operations a row, whichever takes longer."""
    dtype = PRECISIONS[precision]
    model, tokenizer = load_model(directory)
    decoder, weights = Decoder(model, dtype), sum(weight.numel() for weight in model.parameters())
    width = 2 if dtype == torch.bfloat16 else 4
    bandwidth, peak = read_gigabytes_per_second(), peak_gflops(dtype)
    limits: dict[str, Any] = {"read_gigabytes_per_second": round(bandwidth, 1), "peak_gflops": round(peak)}
    for rows in (4, 64):
        scheduler, params = Scheduler(decoder), SamplingParams(max_tokens=80)
        scheduler.add(SequenceGroup([tokenizer.end_id] * 64, new_sequences(rows, params, frozenset(), 1)))
        scheduler.admit()
        scheduler.step()
        taken = statistics.median(seconds(scheduler.step) for _ in range(60))
        least = max(weights * width / bandwidth / 1e9, 2 * weights * rows / peak / 1e9)
        limits[f"{rows} rows"] = {
            "times_the_limit": round(taken / least, 1),
            "limit_milliseconds": round(1e3 * least, 2),
        }
    return limits


def row_invariant(directory: Path, precision: str, tokens: int) -> bool:
    """Whether answers written alone equal those written among 64, log-probabilities included: greedy, so that no seed
    hangs on the place in the batch."""
    decoder = Decoder(load_model(directory)[0], PRECISIONS[precision])
    prompts, params = prompts_of(directory, 64), SamplingParams(temperature=0.0, max_tokens=tokens)

    def written(chosen: list[list[int]]) -> list[Any]:
        groups = sample_batch(decoder, frozenset({NEVER_ENDS}), chosen, n=1, params=params, logprobs=True)
        return [(one.token_ids, one.logprobs) for group in groups for one in group]

    together = written(prompts)
    return all(written([prompts[place]]) == [together[place]] for place in (0, 31, 63))


def _peak_mebibytes(side: str, directory: Path, precision: str, threads: int, tokens: int) -> float:
    torch.set_num_threads(threads)
    SIDES[side](directory, PRECISIONS[precision])(prompts_of(directory, 64), 1, tokens)
    return memory_bytes()["peak"] / MIB


def peak_mebibytes(side: str, directory: Path, precision: str, threads: int, tokens: int) -> float:
    """Of a fresh process that samples the 64 sequences once."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return round(pool.apply(_peak_mebibytes, (side, directory, precision, threads, tokens)))


def main(
    rounds: Annotated[int, typer.Option(min=3, help="Interleaved rounds, after one warm-up.")] = 8,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    tokens: Annotated[int, typer.Option(min=1, help="Of each answer.")] = 64,
    random: Annotated[str, typer.Option(help=f"A random model of this size instead: {', '.join(SHAPES)}.")] = "",
) -> None:
    """Race, weigh and compare with the machine's limits."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) if random else Settings().model_dir
        if random:
            make_model(directory, random)
        results: dict[str, Any] = {}
        for precision in PRECISIONS:
            memory = {side: peak_mebibytes(side, directory, precision, threads, tokens) for side in SIDES}
            torch.set_num_threads(threads)
            cases = race(directory, precision, rounds, tokens)
            step = step_limits(directory, precision)
            same = row_invariant(directory, precision, tokens)
            results[precision] = {"cases": cases, "step": step, "peak_mebibytes": memory, "row_invariant": same}
    known = {"environment": environment(threads), "rounds": rounds, "threads": threads, "tokens": tokens}
    text = json.dumps(known | results, indent=2)
    print(text)
    (RESULTS / f"sampling-{random}.json" if random else RESULTS / "sampling.json").write_text(text + "\n")


if __name__ == "__main__":
    typer.run(main)
