"""Speed of the parts, each beside a peer, interleaved: `python -m bench` (or `make bench`).

Sampling four answers of 64 tokens to one prompt with the shipped weights: Fourfold's decoder against transformers'
generate, the same precision (fp32), two threads each, no early end in either. Prints medians and the pairwise ratio.
"""

import statistics
import time
from collections.abc import Callable
from typing import Annotated, Any

import torch
import typer
from transformers import AutoModelForCausalLM

from app.config import Settings
from app.hparams import SamplingParams
from app.lm.checkpoint import load_model
from app.lm.sampling import sample_batch

PROMPT = "What is a volcano?"
NEVER_ENDS = -1  # no token has this id: each answer runs to its limit, in both programs


def seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def main(
    rounds: Annotated[int, typer.Option(min=3, help="Interleaved pairs, after one warm-up of each.")] = 10,
    answers: Annotated[int, typer.Option(min=1)] = 4,
    tokens: Annotated[int, typer.Option(min=1)] = 64,
    threads: Annotated[int, typer.Option(min=1)] = 2,
) -> None:
    """Time both, A B A B, and print medians and the median of the pairwise ratios."""
    torch.set_num_threads(threads)
    directory = Settings().model_dir
    model, tokenizer = load_model(directory)
    prompt = tokenizer.encode_conversation([{"role": "user", "content": PROMPT}])
    params = SamplingParams(temperature=1.0, max_tokens=tokens)
    peer: Any = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    peer.requires_grad_(False)
    ids = torch.tensor([prompt] * answers)

    def ours() -> None:
        found = sample_batch(
            model, NEVER_ENDS, [prompt], n=answers, params=params, generator=torch.Generator().manual_seed(0)
        )
        assert all(len(completion.token_ids) == tokens for completion in found[0])

    def theirs() -> None:
        with torch.inference_mode():
            found = peer.generate(
                ids, attention_mask=torch.ones_like(ids), do_sample=True, temperature=1.0, top_k=0, top_p=1.0,
                min_new_tokens=tokens, max_new_tokens=tokens, pad_token_id=tokenizer.pad_id,
            )  # fmt: skip
        assert found.shape == (answers, len(prompt) + tokens)

    seconds(ours), seconds(theirs)
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
    mine, other = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(theirs / ours for ours, theirs in pairs)
    typer.echo(
        f"{answers} answers of {tokens} tokens, {rounds} interleaved pairs, fp32, {threads} threads: "
        f"Fourfold {1_000 * mine:.0f} ms, transformers {1_000 * other:.0f} ms (medians); {ratio:.1f} times as fast"
    )


if __name__ == "__main__":
    typer.run(main)
