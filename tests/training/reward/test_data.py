"""What a reward model may learn from, and what its figures stand on: nothing held out leaks."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from app.hparams import RewardHparams
from app.training.context import drain
from app.training.packing import pack
from app.training.reward import trainer as module
from app.training.reward.data import Fit, RankedGroup, below_top, prepare
from app.training.reward.head import penalties, solve
from app.training.reward.network import RewardModel
from app.training.reward.pair_loss import Davidson
from app.training.reward.pooling_layer import collect_statistics
from app.training.reward.report import PairOutcomes, outcomes, summarize
from app.training.reward.scoring import Answered, score_answers
from app.training.reward.trainer import RewardResult, best_step, make_fits, train_reward_model
from tests.training.tiny import END, ENDS, PAD, NoContext, random_groups, tiny_model

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


def test_a_fold_never_learns_from_the_prompts_that_it_is_judged_on() -> None:
    groups = ranked(40, by_chance)
    fits = make_fits(groups, HPARAMS)
    assert len(fits) == 5
    for fit in fits:
        learned, judged = ({groups[row].prompt_id for row in rows} for rows in (fit.rows, fit.held_out))
        assert not learned & judged, "a prompt is on both sides"
        assert sorted(fit.rows + fit.held_out) == list(range(40))
    assert len(make_fits(groups, replace(HPARAMS, cross_validate_up_to=39))) == 1, "one fold: it would take too long"


def test_rankings_by_chance_are_not_foreseen() -> None:
    """The head learns them by heart, and the held-out figures say that this is worth nothing."""
    figures = train(ranked(12, by_chance), replace(HPARAMS, ridge_strongest=2e-3, ridge_weakest=1e-3)).metrics
    assert float(figures["train_accuracy"]) > 0.75
    assert 0.35 < float(figures["held_out_accuracy"]) < 0.65, "what was held out has leaked into the heads"
    assert float(figures["held_out_loss"]) > float(figures["train_loss"]) + 0.1
    assert figures["verdict"] == "overfit"


def test_held_out_loss_chooses_the_penalty() -> None:
    """Over all folds together; training loss would always choose the weakest penalty, the last."""

    def judged(*losses: float) -> list[PairOutcomes]:
        return [PairOutcomes(torch.ones(1), torch.tensor([loss]), 0, torch.ones(1)) for loss in losses]

    fits = [
        Fit([1], [0], train=judged(0.9, 0.6, 0.1), unseen=judged(0.9, 0.5, 0.8)),
        Fit([0], [1], train=judged(0.9, 0.6, 0.1), unseen=judged(0.4, 0.5, 0.9)),
    ]
    assert best_step(fits) == 1


def test_the_kept_head_has_learned_from_all_rankings(monkeypatch: pytest.MonkeyPatch) -> None:
    heads: list[torch.Tensor] = []

    def keep(model: RewardModel, _states: torch.Tensor) -> tuple[float, float]:
        heads.append(model.head.weight.detach()[0].clone())
        return 0.0, 1.0

    monkeypatch.setattr(module, "normalize", keep)
    groups = ranked(30, by_length)
    result = train(groups)
    data = prepare(result.model, groups, ENDS, Davidson.of_tie_share)
    expected = solve(data.pairs, float(result.metrics["ridge"]), data.loss, torch.zeros(data.states.shape[-1]))
    torch.testing.assert_close(heads[0], expected.float(), rtol=1e-4, atol=1e-5)
    assert float(result.metrics["num_ties"]) > 0
    assert isinstance(data.loss, Davidson)
    assert data.loss.tie_strength > 0
    monkeypatch.setattr(module, "best_step", lambda _fits: 3)
    path = penalties(HPARAMS.ridge_strongest, HPARAMS.ridge_weakest, HPARAMS.ridge_steps)
    assert train(groups).metrics["ridge"] == path[3], "another penalty than the one that was chosen"


@pytest.mark.usefixtures("fp32")
def test_the_head_reads_each_answer_at_its_end() -> None:
    """Rows of many lengths, in no order, some answers cut: the states are those of the plain model."""
    model = RewardModel.from_sft(tiny_model(), 2, seed=0)
    prompts, answers = random_groups(9, 4)
    answers = [
        [answer[:-1] if number == 1 and len(answer) > 1 else answer for number, answer in enumerate(group)]
        for group in answers
    ]
    answers[3] = answers[3][:2]  # fewer than the others
    groups = [
        RankedGroup(n, prompt, group, [1, 2, 2, 3][: len(group)])
        for n, (prompt, group) in enumerate(zip(prompts, answers, strict=True))
    ]
    data = prepare(model, groups, ENDS, Davidson.of_tie_share)
    assert data.ranks.tolist() == [[1, 2, 2, 3]] * 3 + [[1, 2, 0, 0]] + [[1, 2, 2, 3]] * 5
    assert isinstance(data.loss, Davidson)
    assert data.loss.tie_strength == pytest.approx(2 * (8 / 49) / (1 - 8 / 49)), "eight pairs of 49 are ties"
    for row, (prompt, group) in enumerate(zip(prompts, answers, strict=True)):
        for k, answer in enumerate(group):
            ids = prompt + answer + ([] if answer[-1] == END else [END])
            with torch.no_grad():
                expected = model.backbone.hidden_states(torch.tensor([ids]))[0, -1]
            torch.testing.assert_close(data.states[row, k], expected, rtol=1e-3, atol=1e-4)


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
