"""Columns: of comparable size, smooth in length, row by row, and back from files to the bit."""

import math

import pytest
import torch

from app.training.reward.columns import BLOCKS, STANDARDIZED, Columns, Scaling, within_prompts
from app.training.reward.reading import Reader
from app.training.reward.words import Words
from tests.training.tiny import ASSISTANT, BOS, ENDS, USER, random_groups, tiny_model

SAID = ("tea ", "Milk ", "3 ", ". ", "? ", "\n- ", "\n\n", "bread, ", "1", "ALL ", "茶", "：")
MODEL = tiny_model()
WORDS = Words([SAID[token % len(SAID)] for token in range(MODEL.config.vocab_size)])
READER = Reader(MODEL, [BOS, USER, ASSISTANT], frozenset(), WORDS)


PROMPTS = [number // 4 for number in range(80)]


def some(count: int = 20) -> list[dict[str, torch.Tensor]]:
    prompts, answers = random_groups(count, 4)
    pairs = [(prompt, answer) for prompt, group in zip(prompts, answers, strict=True) for answer in group]
    return READER.read(pairs, ENDS)


def test_every_block_has_mean_zero_and_size_one() -> None:
    answers = some()
    columns, _ = Columns.fit(answers, PROMPTS)
    made = columns.of(answers)
    assert made.dtype == torch.float64
    sizes = columns.prior.sizes
    assert made.shape == (80, sum(sizes))
    for block, part in zip(BLOCKS, made.split(sizes, 1), strict=True):
        assert block == "words" or part.mean(0).abs().max() < 1e-6, block
    apart = within_prompts(made, torch.tensor(PROMPTS))
    for block, part in zip(BLOCKS, apart.split(sizes, 1), strict=True):
        assert 0.6 < part.square().sum(1).mean().item() < 1.15, block  # a column that never differs counts nothing


def test_a_row_is_computed_alone() -> None:
    answers = some()
    columns, made = Columns.fit(answers, PROMPTS)
    assert torch.equal(columns.of(answers), made)
    assert all(torch.equal(columns.of([answer])[0], row) for answer, row in zip(answers[::7], made[::7], strict=True))


def test_beyond_what_was_seen_a_column_grows_as_the_logarithm() -> None:
    """Within it is the plain line; the sign stays, and nothing is as good or bad as a line would have it."""
    rows = torch.tensor([[1.0, 4.0], [-2.0, 0.0], [1.0, -4.0]], dtype=torch.float64)
    plain = Scaling(torch.zeros(2).double(), torch.eye(2).double(), torch.full((2,), math.inf).double())
    bounded = plain.bounded(rows)
    assert bounded.most.tolist() == [2.0, 4.0]
    assert torch.equal(bounded.of(rows), rows)
    far, none = bounded.of(torch.tensor([[200.0, -400.0], [0.0, 0.0]]).double())
    torch.testing.assert_close(far, torch.tensor([2.0, -4.0]).double() * (1 + math.log(100)))
    assert none.tolist() == [0.0, 0.0]


def test_columns_of_the_fitted_answers_are_lines_and_those_of_nonsense_bounded() -> None:
    answers = some()
    columns, _ = Columns.fit(answers, PROMPTS)
    strange = {name: block * 1_000 for name, block in answers[0].items()}
    assert columns.of([strange]).abs().max() < 20 * columns.of(answers).abs().max()
    assert Columns.from_tensors(columns.tensors()).of([strange]).equal(columns.of([strange]))


def test_about_so_many_tokens_can_be_liked() -> None:
    """A linear score on the length's columns follows a peak that no line follows."""
    answers = some()
    columns, _ = Columns.fit(answers, PROMPTS)
    lengths = torch.tensor([float(answer["shape"][0]) for answer in answers]).double()
    peak = torch.exp(-((lengths - math.log(5)) ** 2) * 8)
    place = STANDARDIZED.index("length")
    length = columns.of(answers).split(columns.prior.sizes, 1)[place]
    part = torch.cat([length, torch.ones(80, 1).double()], 1)
    line = torch.stack([lengths, torch.ones(80).double()], 1)

    def missed(inputs: torch.Tensor) -> float:
        weights = torch.linalg.lstsq(inputs, peak.unsqueeze(1), driver="gelsd").solution
        return float((peak.unsqueeze(1) - inputs @ weights).square().mean())

    assert missed(part) < 0.1 * missed(line)


def test_the_layout_counts() -> None:
    answers = some()
    columns, _ = Columns.fit(answers, PROMPTS)
    other = answers[0] | {"layout": answers[0]["layout"] + 1.0}
    made = columns.of([answers[0], other]).split(columns.prior.sizes, 1)
    assert [block for block, part in zip(BLOCKS, made, strict=True) if not torch.equal(part[0], part[1])] == ["layout"]


def test_files_keep_the_bits() -> None:
    answers = some()
    columns, _ = Columns.fit(answers, PROMPTS)
    again = Columns.from_tensors(columns.tensors())
    assert torch.equal(columns.of(answers), again.of(answers))
    assert torch.equal(columns.prior.means, again.prior.means)


def test_equal_answers_leave_nothing_to_tell() -> None:
    columns, _ = Columns.fit(some(1)[:1] * 5, [0] * 5)
    made = columns.of(some(1)[:1])
    assert made.isfinite().all()
    assert not made.any()


def test_components_are_of_what_differs_within_prompts() -> None:
    """What differs between prompts alone takes no room, and people are believed to like what is plausible and like the
    model's own answers."""
    answers = some()
    for number, answer in enumerate(answers):
        answer["mean 1"] = answer["mean 1"] + 100.0 * math.sin(number // 4)
    again = some()
    columns, plain = Columns.fit(answers, PROMPTS)[0], Columns.fit(again, PROMPTS)[0]
    torch.testing.assert_close(
        within_prompts(columns.of(answers), torch.tensor(PROMPTS)).abs(),
        within_prompts(plain.of(again), torch.tensor(PROMPTS)).abs(),
        rtol=1e-3,
        atol=1e-3,
    )
    means = dict(zip(BLOCKS, columns.prior.means.split(columns.prior.sizes), strict=True))
    believed = {block: part.tolist() for block, part in means.items() if part.any()}
    assert believed == {"plausible": [1.0], "references": [0.5] * 4}
    assert BLOCKS[0] == "plausible"
    likely = torch.stack([answer["likelihood"][5] for answer in again])
    assert torch.corrcoef(torch.stack([likely.double(), plain.of(again)[:, 0]]))[0, 1] == pytest.approx(1.0)


def test_what_stands_apart_within_prompts() -> None:
    values = torch.tensor([[1.0], [3.0], [10.0], [20.0], [5.0]])
    assert within_prompts(values, torch.tensor([0, 0, 1, 1, 2])).flatten().tolist() == [-1.0, 1.0, -5.0, 5.0]
    assert within_prompts(values[:2], torch.tensor([0, 1])).flatten().tolist() == [-1.0, 1.0], "one each"
