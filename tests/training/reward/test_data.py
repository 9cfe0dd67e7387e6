"""What a reward model may learn from, and what its figures stand on: nothing held out leaks."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from app.hparams import RewardHparams
from app.training.context import drain
from app.training.packing import pack
from app.training.reward.data import RankedGroup, below_top, prepare
from app.training.reward.folds import judge_split
from app.training.reward.head import learn
from app.training.reward.network import RewardModel
from app.training.reward.pair_loss import Davidson
from app.training.reward.pooling_layer import collect_statistics
from app.training.reward.preference_scorer import Part
from app.training.reward.report import PairOutcomes, outcomes, summarize
from app.training.reward.scoring import Answered, score_answers
from app.training.reward.trainer import RewardResult, train_reward_model
from tests.training.tiny import ENDS, PAD, NoContext, random_groups, tiny_model

HPARAMS = RewardHparams(num_layers=2)
Rank = Callable[[list[list[int]], torch.Generator], list[int]]


def by_chance(_answers: list[list[int]], generator: torch.Generator) -> list[int]:
    return [int(rank) + 1 for rank in torch.randperm(4, generator=generator)]


def by_length(answers: list[list[int]], _dice: torch.Generator) -> list[int]:
    lengths = sorted({len(answer) for answer in answers})
    return [lengths.index(len(answer)) + 1 for answer in answers]


def ranked(count: int, rank: Rank) -> list[RankedGroup]:
    """Every prompt twice, with other answers."""
    prompts, answers = random_groups(count, 4)
    generator = torch.Generator().manual_seed(1)
    return [
        RankedGroup(index // 2, prompts[index // 2], group, rank(group, generator))
        for index, group in enumerate(answers)
    ]


def samples(count: int) -> list[Answered]:
    prompts, answers = random_groups(count, 1, seed=99)
    return [(prompt, group[0]) for prompt, group in zip(prompts, answers, strict=True)]


def train(groups: list[RankedGroup], hparams: RewardHparams = HPARAMS) -> RewardResult:
    return drain(
        train_reward_model(tiny_model(), groups, samples(40), hparams, ends=ENDS, pad_id=PAD, context=NoContext())
    )


def test_rankings_by_chance_are_not_foreseen() -> None:
    figures = train(ranked(40, by_chance)).metrics
    assert 0.3 < float(figures["held_out_accuracy"]) < 0.7, "what was held out has leaked into the weights"
    assert float(figures["held_out_loss"]) >= float(figures["train_loss"])


def test_the_kept_head_has_learned_from_all_rankings() -> None:
    """And what a policy is trained by from other prompts than what judges it."""
    groups = ranked(40, by_length)
    result = train(groups)
    answers = [(group.prompt_tokens, answer) for group in groups for answer in group.completions]
    whole = result.scorers["whole"]
    columns = whole.columns.of(whole.reader.read(answers, ENDS))
    data, prior = prepare(columns, groups, HPARAMS), whole.columns.prior
    expected = learn(data.likelihood, prior)
    torch.testing.assert_close(whole.head.mean, expected.mean, rtol=1e-3, atol=1e-5)
    split = judge_split([group.prompt_id for group in groups], HPARAMS)
    assert result.metrics["judge_rankings"] == len(split.held_out) == 10
    part: Part
    for part, rows in (("optimized", split.rows), ("judge", split.held_out)):
        apart = learn(data.likelihood.of(rows), prior, expected, 4)
        torch.testing.assert_close(result.scorers[part].head.mean, apart.mean, rtol=1e-2, atol=1e-4)
    assert isinstance(data.loss, Davidson)
    assert data.loss.tie_strength > 0


def test_the_rankings_as_tensors() -> None:
    columns = torch.arange(3.0 * 10).view(10, 3).double()
    sizes, ranks = [4, 2, 4], [[1, 2, 2, 3], [2, 1], [1, 1, 2, 3]]
    groups = [RankedGroup(n, [1], [[5]] * size, ranks[n]) for n, size in enumerate(sizes)]
    data = prepare(columns, groups, HPARAMS)
    assert data.ranks.tolist() == [[1, 2, 2, 3], [2, 1, 0, 0], [1, 1, 2, 3]]
    assert data.mask.sum(1).tolist() == sizes
    assert torch.equal(data.columns[1, 1], columns[5])
    assert torch.equal(data.columns[2, 3], columns[9])
    assert isinstance(data.loss, Davidson)
    assert data.loss.tie_strength == pytest.approx(2 * (2 / 13) / (1 - 2 / 13)), "two pairs of 13 are ties"


@pytest.mark.usefixtures("fp32")
def test_a_score_is_that_of_its_prompt_and_answer() -> None:
    model = RewardModel.from_sft(tiny_model(), 2, seed=0)
    prompts, answers = random_groups(9, 4)
    answers[1] = answers[0]  # the same words to another question
    judged = score_answers(model, prompts, answers, ends=ENDS)
    for prompt, group, scores in zip(prompts, answers, judged, strict=True):
        for answer, score in zip(group, scores, strict=True):
            with torch.no_grad():
                state = model.backbone.hidden_states(torch.tensor([prompt + answer]))[0, -1]
                assert score == pytest.approx((state @ model.head.weight[0]).item(), abs=1e-4)


def test_the_network_is_the_lowest_layers_and_its_first_head_is_the_seeds() -> None:
    sft = tiny_model()
    model = RewardModel.from_sft(sft, 1, seed=3)
    mine, theirs = model.backbone.state_dict(), sft.state_dict()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in mine.items())
    assert torch.equal(model.head.weight, RewardModel.from_sft(sft, 1, seed=3).head.weight)
    assert not torch.equal(model.head.weight, RewardModel.from_sft(sft, 1, seed=4).head.weight)


def test_averages_are_over_the_prompt_and_the_answer() -> None:
    model = RewardModel.from_sft(tiny_model(), 2, seed=0)
    prompts, answers = random_groups(3, 1)
    packed = pack(prompts, answers, PAD)
    states = below_top(model, packed)
    statistics = collect_statistics(states, packed)
    for row, (prompt, [answer]) in enumerate(zip(prompts, answers, strict=True)):
        normed = torch.nn.functional.rms_norm(states[row, : len(prompt) + len(answer)], states.shape[-1:])
        torch.testing.assert_close(statistics.averages[row], normed.mean(0), rtol=1e-4, atol=1e-5)


def test_answers_that_are_not_there_make_no_pairs() -> None:
    scores, ranks = torch.tensor([[3.0, 1.0, 9.0], [0.0, 1.0, 2.0]]), torch.tensor([[1, 2, 1], [1, 2, 3]])
    pairs = outcomes(scores, ranks, torch.tensor([[True, True, False], [True, True, True]]), Davidson(0.0))
    assert sorted(pairs.margin.tolist()) == [-2.0, -1.0, -1.0, 2.0]
    assert pairs.accuracy == 0.25
    assert pairs.correct_by_ranking.tolist() == [1.0, 0.0]


def test_the_error_is_over_rankings() -> None:
    """The pairs of one ranking are not independent."""
    shares = torch.tensor([1.0, 0.0, 1.0, math.nan])
    pairs = PairOutcomes(torch.ones(18), torch.zeros(4), 0, shares)
    assert pairs.accuracy_error == pytest.approx(shares[:3].std().item() / math.sqrt(3))


def test_figures_say_which_rankings_they_are_of() -> None:
    right, wrong = (
        PairOutcomes(torch.tensor([sign]), torch.tensor([1.0 - sign]), 0, torch.ones(1)) for sign in (1.0, -1.0)
    )
    figures: dict[str, Any] = summarize(right, wrong)
    assert (figures["train_accuracy"], figures["held_out_accuracy"]) == (1.0, 0.0)
    assert (figures["train_loss"], figures["held_out_loss"]) == (0.0, 2.0)
