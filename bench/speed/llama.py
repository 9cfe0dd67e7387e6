"""llama.cpp's side of the race of answers (bench/published.py): its own server, in this process, by xllamacpp.

The request names the GGUF `file`, `prompts` as token ids, how many `answers` to each and how many `tokens` in each.
"""

import itertools
import os
from typing import Any

import xllamacpp

from bench.speed.child import Round, Run, Stopwatch, serve


def prepare(request: dict[str, Any]) -> Run:
    count, tokens = request["answers"], request["tokens"]
    params = xllamacpp.CommonParams()
    params.model.path = request["file"]
    threads = ("n_threads", request["threads"])
    for part, name, value in (
        (params, "n_parallel", count),
        (params, "n_ctx", count * request["context"]),
        (params, "verbosity", 0),
        (params.cpuparams, *threads),
        (params.cpuparams_batch, *threads),
    ):
        setattr(part, name, value)
    server = xllamacpp.Server(params)
    prompts = itertools.cycle(request["prompts"])

    def answer(prompt: list[int], most: int) -> None:
        """`n_cmpl` answers to a prompt that is read once; sampled as llama.cpp does by default (the 40 likeliest, top-p
        and min-p), at temperature 1."""
        asked = {"prompt": prompt, "n_cmpl": count, "n_predict": most, "ignore_eos": True, "cache_prompt": False}
        told = server.handle_completions(asked | {"temperature": 1.0})
        assert len(told["choices"]) == count
        assert told["timings"]["predicted_n"] == most, told["timings"]  # of the first of them

    def run() -> Round:
        prompt = next(prompts)
        with Stopwatch() as first:
            answer(prompt, 1)
        with Stopwatch() as whole:
            answer(prompt, tokens)
        return whole.round(count * tokens, first_seconds=first.seconds, first_cpu_seconds=first.cpu_seconds)

    return run


if __name__ == "__main__":
    serve(prepare)
    os._exit(0)  # a server that is put away waits for its own thread now and then, for good
