"""Pretraining: next-token prediction on documents packed end to end into rows. Knows no files, no text.

Documents are `<|bos|>{text}<|end|>`; a row may begin in the middle of one. Attention is plain causal across the border,
as in GPT-2: at these sizes a block mask costs more than it gives.

Shapes: R rows, T tokens of context.
"""

from array import array
from collections.abc import Generator, Iterable, Sequence

import torch
from torch import Tensor

from app.hparams import PretrainHparams
from app.lm.model import Llama
from app.saving import TrainingError
from app.training.context import Progress, TrainingContext
from app.training.linear_cross_entropy import Penalties
from app.training.supervised import Batch, Course, FitResult, fit, shuffled

PROBE_ROWS = 96  # rows on which training and held-out loss are measured


def pack_rows(documents: Iterable[Sequence[int]], context_tokens: int) -> Tensor:
    """All ids end to end, cut into [R,T+1] int64: each row holds its inputs and, one to the right, its targets."""
    ids = array("i")
    for document in documents:
        ids.extend(document)
    count = (len(ids) - 1) // context_tokens
    if count < 1:
        return torch.empty(0, context_tokens + 1, dtype=torch.long)
    stream = torch.frombuffer(ids, dtype=torch.int32).long()
    starts = torch.arange(count)[:, None] * context_tokens
    return stream[starts + torch.arange(context_tokens + 1)]


def _batch(rows: Tensor) -> Batch:
    return Batch(rows[:, :-1], rows[:, 1:])


def _batches(rows: Tensor, size: int) -> list[Batch]:
    """Whole batches alone, so that every batch has one shape; at least one, however few rows there are."""
    parts = torch.split(rows[:PROBE_ROWS], size)
    return [_batch(part) for part in parts if len(part) == size] or [_batch(parts[0])]


def train_base(
    model: Llama,
    rows: Tensor,
    held_out_rows: Tensor,
    hparams: PretrainHparams,
    *,
    context: TrainingContext,
    compiled: bool = False,
) -> Generator[Progress, None, FitResult]:
    """Train on [R,T+1] rows for about total_tokens tokens, in a new order every epoch."""
    if len(rows) < hparams.batch_rows or len(held_out_rows) == 0:
        raise TrainingError(
            f"{len(rows)} rows and {len(held_out_rows)} held-out rows are too few for batches of {hparams.batch_rows}."
            " Give more documents."
        )
    per_epoch = len(rows) // hparams.batch_rows
    total_steps = max(1, hparams.total_tokens // (hparams.batch_rows * hparams.context_tokens))

    def batch_at(step: int) -> Batch:
        epoch, place = divmod(step, per_epoch)
        order = shuffled(len(rows), epoch, hparams.seed)
        return _batch(rows[order[place * hparams.batch_rows : (place + 1) * hparams.batch_rows]])

    course = Course(
        batch_at,
        total_steps,
        train_probe=_batches(rows, hparams.batch_rows),
        held_out=_batches(held_out_rows, hparams.batch_rows),
        penalties=Penalties(tail=hparams.tail_penalty),
    )
    return (yield from fit(model, course, hparams, context=context, compiled=compiled))
