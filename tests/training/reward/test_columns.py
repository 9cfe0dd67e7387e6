"""Columns: of comparable size, smooth in length, row by row, and back from files to the bit."""

import math

import torch

from app.training.reward.columns import BLOCKS, Columns
from app.training.reward.reading import Reader
from tests.training.tiny import ASSISTANT, BOS, ENDS, USER, random_groups, tiny_model

READER = Reader(tiny_model(), [BOS, USER, ASSISTANT], frozenset())


def some(count: int = 20) -> list[dict[str, torch.Tensor]]:
    prompts, answers = random_groups(count, 4)
    pairs = [(prompt, answer) for prompt, group in zip(prompts, answers, strict=True) for answer in group]
    return READER.read(pairs, ENDS)


def test_every_block_has_mean_zero_and_size_one() -> None:
    answers = some()
    columns = Columns.fit(answers)
    made = columns.of(answers)
    assert made.dtype == torch.float64
    assert made.shape == (80, sum(columns.sizes))
    assert made.mean(0).abs().max() < 1e-6
    for block, part in zip(BLOCKS, made.split(columns.sizes, 1), strict=True):
        assert 0.6 < part.square().sum(1).mean().item() < 1.15, block  # a column that never differs counts nothing


def test_a_row_is_computed_alone() -> None:
    answers = some()
    columns = Columns.fit(answers)
    made = columns.of(answers)
    assert all(torch.equal(columns.of([answer])[0], row) for answer, row in zip(answers[::7], made[::7], strict=True))


def test_about_so_many_tokens_can_be_liked() -> None:
    """A linear score on the length's columns follows a peak that no line follows."""
    answers = some()
    columns = Columns.fit(answers)
    lengths = torch.tensor([float(answer["shape"][0]) for answer in answers]).double()
    peak = torch.exp(-((lengths - math.log(5)) ** 2) * 8)
    part = torch.cat([columns.of(answers)[:, : columns.sizes[0]], torch.ones(80, 1).double()], 1)
    line = torch.stack([lengths, torch.ones(80).double()], 1)

    def missed(inputs: torch.Tensor) -> float:
        weights = torch.linalg.lstsq(inputs, peak.unsqueeze(1), driver="gelsd").solution
        return float((peak.unsqueeze(1) - inputs @ weights).square().mean())

    assert missed(part) < 0.1 * missed(line)


def test_files_keep_the_bits() -> None:
    answers = some()
    columns = Columns.fit(answers)
    again = Columns.from_tensors(columns.tensors())
    assert torch.equal(columns.of(answers), again.of(answers))
    assert columns.sizes == again.sizes


def test_equal_answers_leave_nothing_to_tell() -> None:
    columns = Columns.fit(some(1)[:1] * 5)
    made = columns.of(some(1)[:1])
    assert made.isfinite().all()
    assert not made.any()
