"""Fourfold's side of the race of answers (bench/published.py): the engine's scheduler on an imported model.

The request names the `model` (a directory), its `precision` and what its `weights` are kept in, `prompts` as token ids,
how many `answers` to each and how many `tokens` in each.
"""

import itertools
from pathlib import Path
from typing import Any

from app.hparams import SamplingParams
from app.lm.inference.model_cache import ModelCache
from app.lm.inference.offline import sample_batch
from app.lm.precision import Formats
from bench.speed.child import Round, Run, Stopwatch, serve

NEVER_ENDS = -1  # no token has this id: each answer runs to its limit


def prepare(request: dict[str, Any]) -> Run:
    count, tokens, formats = request["answers"], request["tokens"], Formats(request["precision"], request["weights"])
    models = ModelCache(lambda _: Path(request["model"]), None, formats)  # as the server has it
    decoder = models.policy(1).decoder
    prompts = itertools.cycle(request["prompts"])

    def answer(prompt: list[int], most: int) -> None:
        params = SamplingParams(temperature=1.0, max_tokens=most)
        [group] = sample_batch(decoder, frozenset({NEVER_ENDS}), [prompt], n=count, params=params)
        assert all(len(one.token_ids) == most for one in group)

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
