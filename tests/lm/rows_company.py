"""Does training on rows without padding give every row the same bits alone and in company, with any number of threads?
For tests in this process, and as a program (`python -m tests.lm.rows_company odd biases`) under the instruction sets
that the environment forces. In fp32 from the embeddings to the log-probabilities and back to the embeddings' gradient;
in bf16, whose products are torch's, in what is between the products.
"""

import sys
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from app.lm.fused import add_and_norm, attended, gated
from app.lm.kernels.attention_task import Heads
from app.lm.model import Llama
from app.training.linear_logprobs import linear_logprobs
from app.training.packing import Packed, pack, token_states
from tests.lm.inference.company import SHAPES, VOCABULARY, lively

SIZES = [[5, 7, 3], [1, 1], [4, 100, 70, 1], [150, 1], [64, 64, 128], [63, 65], [9, 2, 2, 2, 2]]
"""Tokens of each row's prompt and answers, on both sides of a block of queries."""
TEMPERATURE = 0.7

Row = tuple[list[int], list[list[int]]]
Way = Callable[[Sequence[Row]], Sequence[tuple[Tensor, ...]]]


def rows_of(sizes: Sequence[Sequence[int]] = SIZES, seed: int = 0) -> list[Row]:
    generator = torch.Generator().manual_seed(seed)

    def tokens(count: int) -> list[int]:
        return torch.randint(5, VOCABULARY, (count,), generator=generator).tolist()

    return [(tokens(row[0]), [tokens(size) for size in row[1:]]) for row in sizes]


def packed_of(rows: Sequence[Row]) -> Packed:
    return pack([prompt for prompt, _ in rows], [answers for _, answers in rows], 0)


def learned(model: Llama, rows: Sequence[Row]) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Of each row: log-probabilities and entropies of its answers' tokens, and the gradient of its embeddings."""
    packed = packed_of(rows)
    below = model.model.embed_tokens(packed.ids).detach().float().requires_grad_()
    states = token_states(model, below, packed, 0)
    targets = packed.tokens[packed.token_mask]
    logprobs, entropies = linear_logprobs(states, model.output_weight, targets, torch.float32, TEMPERATURE)
    (logprobs * torch.linspace(-1.0, 1.0, VOCABULARY)[targets]).sum().backward()
    assert below.grad is not None
    said, read = packed.token_mask.sum((1, 2)).tolist(), (packed.segments >= 0).sum(1).tolist()
    gradients = below.grad.flatten(0, 1)[packed.real].split(read)
    parts = logprobs.detach().split(said), entropies.split(said), gradients
    return list(zip(*parts, strict=True))


def between(rows: Sequence[Row]) -> list[tuple[Tensor, ...]]:
    """Of each row in bf16: what norm, attention and gate make of its tokens, and their gradients."""
    packed, size = packed_of(rows), 40
    ids, read = packed.ids.flatten()[packed.real], (packed.segments >= 0).sum(1).tolist()
    table = torch.randn(VOCABULARY, 8 * size, generator=torch.Generator().manual_seed(1))
    numbers, angles = table[ids], table[:, :size].contiguous()
    how = Heads(4, 2, size, rotated=True, cosines=angles.cos(), sines=angles.sin())
    states, more = numbers[:, ::2].contiguous().requires_grad_(), numbers[:, 1::2].bfloat16().requires_grad_()
    grown, normed = add_and_norm(states, more, torch.linspace(0.5, 1.5, 4 * size), 1e-6)
    mixed = attended(torch.cat((normed, normed.flip(1)), 1), packed.unpadded, how)
    out = gated(torch.cat((mixed, normed), 1))
    (out.float().sum() + grown.square().sum()).backward()
    assert states.grad is not None
    assert more.grad is not None
    parts = (each.detach().split(read) for each in (grown, normed, mixed, out, states.grad, more.grad))
    return list(zip(*parts, strict=True))


def differing(model: Llama) -> list[str]:
    """What of which row has other bits in company, or with other threads, than alone."""
    rows, threads, faults = rows_of(), torch.get_num_threads(), []
    ways: dict[str, Way] = {"fp32": lambda some: learned(model, some), "bf16": between}
    try:
        for name, way in ways.items():
            torch.set_num_threads(1)
            alone = [way([row])[0] for row in rows]
            for count in (1, 2, 3):
                torch.set_num_threads(count)
                together = way(rows)
                faults += [
                    f"{name}, row {place}, part {part}, {count} threads"
                    for place, pair in enumerate(zip(together, alone, strict=True))
                    for part, (one, other) in enumerate(zip(*pair, strict=True))
                    if not torch.equal(one, other) or not bool(one.isfinite().all())
                ]
    finally:
        torch.set_num_threads(threads)
    return faults


def farthest(model: Llama) -> float:
    """The largest distance of an answer token's log-probability from the plain model's own."""
    far = 0.0
    for (prompt, answers), (logprobs, _, _) in zip(rows_of(), learned(model, rows_of()), strict=True):
        with torch.no_grad():
            logits = [model(torch.tensor([prompt + answer]))[0, len(prompt) - 1 : -1] for answer in answers]
        told = (torch.cat(logits) / TEMPERATURE).log_softmax(-1)
        wanted = told.gather(1, torch.tensor([token for answer in answers for token in answer]).unsqueeze(1))[:, 0]
        far = max(far, float((logprobs - wanted).abs().max()))
    return far


def main(shapes: list[str]) -> int:
    faults = []
    for name in shapes:
        model = lively(SHAPES[name])
        faults += [f"{name}: {fault}" for fault in differing(model)]
        if not farthest(model) < 1e-3:
            faults.append(f"{name}: far from the plain model by {farthest(model)}")
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
