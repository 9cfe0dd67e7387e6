"""Supervised fine-tuning: loss on the tokens of the answer and its `<|end|>`, never on the prompt. Knows no text.

Rows of similar length share a batch and are padded on the right: real tokens never look at padding under a causal mask,
so no mask is needed, and little is wasted.

Shapes: B rows, T tokens.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch

from app.hparams import SFTHparams
from app.lm.model import Llama
from app.training.context import Progress, TrainingContext, TrainingError
from app.training.supervised import IGNORED, Batch, FitResult, fit, shuffled

POOL_BATCHES = 16  # this many batches are sorted by length together: little padding, still well mixed
PROBE_EXAMPLES = 384


@dataclass(frozen=True)
class Example:
    """`prompt` ends with <|assistant|>; `answer` is without <|end|>, which training adds."""

    prompt: list[int]
    answer: list[int]


def collate(examples: Sequence[Example], *, end_id: int, pad_id: int) -> Batch:
    """Right-padded [B,T] with targets on answers and their end."""
    longest = max(len(example.prompt) + len(example.answer) for example in examples)
    ids = torch.full((len(examples), longest), pad_id, dtype=torch.long)
    targets = torch.full_like(ids, IGNORED)
    for row, example in enumerate(examples):
        tokens = example.prompt + example.answer
        ids[row, : len(tokens)] = torch.tensor(tokens)
        wanted = torch.tensor([*example.answer, end_id])
        first = len(example.prompt) - 1  # the last prompt token predicts the first answer token
        targets[row, first : first + len(wanted)] = wanted
    return Batch(ids, targets)


def _size(example: Example) -> int:
    return len(example.prompt) + len(example.answer)


def epoch_batches(sizes: Sequence[int], batch_rows: int, epoch: int, seed: int) -> list[list[int]]:
    """Indices of the examples of each batch: shuffled, sorted by length in pools, batches shuffled again."""
    order = shuffled(len(sizes), epoch, seed).tolist()
    pool = batch_rows * POOL_BATCHES
    batches: list[list[int]] = []
    for start in range(0, len(order), pool):
        part = sorted(order[start : start + pool], key=lambda index: sizes[index])
        cuts = [part[place : place + batch_rows] for place in range(0, len(part), batch_rows)]
        mixed = shuffled(len(cuts), start, seed + epoch + 1).tolist()
        batches += [cuts[index] for index in mixed]
    return [batch for batch in batches if len(batch) == batch_rows]


def train_sft(
    model: Llama,
    examples: Sequence[Example],
    held_out: Sequence[Example],
    hparams: SFTHparams,
    *,
    end_id: int,
    pad_id: int,
    context: TrainingContext,
) -> Generator[Progress, None, FitResult]:
    """Train on about total_pairs examples; those longer than the context are left out."""
    fitting = [example for example in examples if _size(example) <= hparams.context_tokens]
    if len(fitting) < hparams.batch_rows or not held_out:
        raise TrainingError(
            f"{len(fitting)} pairs and {len(held_out)} held-out pairs are too few for batches of {hparams.batch_rows}."
            " Give more pairs."
        )
    sizes = [_size(example) for example in fitting]
    per_epoch = len(epoch_batches(sizes, hparams.batch_rows, 0, hparams.seed))
    total_steps = max(1, hparams.total_pairs // hparams.batch_rows)
    cached: dict[int, list[list[int]]] = {}

    def batch_at(step: int) -> Batch:
        epoch, place = divmod(step, per_epoch)
        if epoch not in cached:
            cached.clear()
            cached[epoch] = epoch_batches(sizes, hparams.batch_rows, epoch, hparams.seed)
        return collate([fitting[index] for index in cached[epoch][place]], end_id=end_id, pad_id=pad_id)

    def probe(some: Sequence[Example]) -> list[Batch]:
        chosen = sorted(some[:PROBE_EXAMPLES], key=_size)
        rows = hparams.batch_rows
        return [
            collate(chosen[place : place + rows], end_id=end_id, pad_id=pad_id) for place in range(0, len(chosen), rows)
        ]

    return (
        yield from fit(
            model,
            batch_at,
            total_steps,
            hparams,
            train_probe=probe(fitting),
            held_out=probe(held_out),
            context=context,
        )
    )
