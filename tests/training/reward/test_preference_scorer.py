"""Scores: normalized within a prompt, equal for equal inputs, seeing order and prompt where labels said so."""

import pytest
import torch

from app.hparams import RewardHparams
from app.training.context import drain
from app.training.reward.curvature import Curvature
from app.training.reward.data import RankedGroup
from app.training.reward.head import Posterior
from app.training.reward.preference_scorer import HEADS, Head, spread_within
from app.training.reward.scoring import score_answers
from app.training.reward.trainer import RewardResult, train_reward_model
from tests.training.tiny import END, ENDS, PAD, NoContext, random_groups, random_tokens, tiny_model

NO_RANKING = Curvature(torch.zeros(0, 1, 2).double(), torch.zeros(0, 1, 1).double(), None, torch.ones(2).double())


def train(groups: list[RankedGroup]) -> RewardResult:
    hparams = RewardHparams(num_layers=1, held_out_fraction=0.5)
    return drain(train_reward_model(tiny_model(), groups, [], hparams, ends=ENDS, pad_id=PAD, context=NoContext()))


def test_the_spread_is_within_prompts() -> None:
    values = torch.tensor([1.0, 3.0, 101.0, 103.0, 50.0]).double()
    assert spread_within(values, [0, 0, 1, 1, 2]) == pytest.approx(2**0.5)
    assert spread_within(values[:3], [0, 1, 2]) == pytest.approx(values[:3].std(correction=0).item()), "one each"


def test_scores_by_hand() -> None:
    head = Head(torch.tensor([2.0, 0.0]).double(), torch.diag(torch.tensor([4.0, 2.0])).double(), 1.0, 0.5, 0.6)
    scores, deviations = head.score(torch.tensor([[1.0, 0.0], [0.0, 1.0]]).double())
    assert scores.tolist() == [2.0, -2.0]
    assert deviations.tolist() == pytest.approx([0.3, 0.6])
    assert head.score(torch.zeros(0, 2).double())[0].tolist() == []


def test_heads_are_drawn_from_the_posterior() -> None:
    """Of a difference x of columns their opinions have the deviation sqrt(x' H^-1 x) / scale, with the precision H."""
    factor = torch.tensor([[2.0, 0.0], [1.0, 0.5]]).double()
    head = Head(torch.tensor([2.0, -1.0]).double(), factor, 1.0, 0.5, 0.6)
    columns = torch.tensor([[1.0, 0.0], [0.0, 1.0], [3.0, 2.0]]).double()
    drawn = head.drawn(columns)
    assert torch.equal(drawn, head.drawn(columns)), "the same heads each time"
    assert torch.equal(head.drawn(columns[2:])[0], drawn[2])
    covariance = torch.linalg.inv(factor @ factor.T)
    for one, other in ((0, 1), (2, 0)):
        apart = columns[one] - columns[other]
        wanted = (apart @ covariance @ apart).sqrt().item() / 0.5
        assert (drawn[one] - drawn[other]).std().item() == pytest.approx(wanted, rel=0.25)
        mean = (apart @ head.mean).item() / 0.5
        assert (drawn[one] - drawn[other]).mean().item() == pytest.approx(mean, abs=4 * wanted / HEADS**0.5)


def test_the_order_of_an_answers_tokens_is_learned() -> None:
    """Rising token ids are liked, the same ones falling are not: no bag of tokens can tell them apart."""
    generator = torch.Generator().manual_seed(0)
    groups, fresh = list[RankedGroup](), list[RankedGroup]()
    for number in range(80):
        tokens = sorted(random_tokens(6, generator))
        both = [[*tokens, END], [*tokens[::-1], END]]
        group = RankedGroup(number, [1, 2, *random_tokens(2, generator), 3], both, [1, 2])
        (groups if number < 60 else fresh).append(group)
    model = train(groups).model
    scores = score_answers(model, [g.prompt_tokens for g in fresh], [g.completions for g in fresh], ends=ENDS)
    assert sum(up > down for up, down in scores) >= 17


def test_an_answer_to_another_prompt_scores_lower_when_labels_said_so() -> None:
    """An answer that goes on with its prompt's own tokens is liked, the same answer behind another prompt is not."""
    generator = torch.Generator().manual_seed(0)
    asked = [random_tokens(3, generator) for _ in range(90)]
    groups = [
        RankedGroup(n, [1, 2, *asked[n], 3], [[*asked[n], END], [*asked[(n + 1) % 90], END]], [1, 2]) for n in range(90)
    ]
    model = train(groups[:70]).model
    fresh = groups[70:]
    scores = score_answers(model, [g.prompt_tokens for g in fresh], [g.completions for g in fresh], ends=ENDS)
    assert sum(own > other for own, other in scores) >= 17


def test_equal_inputs_have_equal_bits_in_any_company() -> None:
    prompts, answers = random_groups(20, 4)
    result = train([RankedGroup(n, p, a, [1, 2, 3, 4]) for n, (p, a) in enumerate(zip(prompts, answers, strict=True))])
    pairs = [(prompt, answer) for prompt, group in zip(prompts, answers, strict=True) for answer in group]
    scores, deviations = result.model.score(pairs, ENDS)
    for place in (0, 17, 63):
        alone, unsure = result.model.score([pairs[place]], ENDS)
        assert torch.equal(alone[0], scores[place])
        assert torch.equal(unsure[0], deviations[place])


def test_what_answers_to_a_prompt_have_in_common_is_no_uncertainty() -> None:
    """Rankings that say nothing of a column in which prompts differ leave it unsure; nobody asked for it."""
    generator = torch.Generator().manual_seed(0)
    prompts = [number // 4 for number in range(80)]
    apart = torch.randn(80, 2, generator=generator, dtype=torch.float64)
    between = 30 * torch.randn(20, 2, generator=generator, dtype=torch.float64)[prompts]
    plain, spread = (
        Head.normalized(Posterior(torch.ones(2).double(), NO_RANKING, torch.ones(2), 0.0), x, prompts, range(80))
        for x in (apart, apart + between)
    )
    assert plain.within == pytest.approx(1.0, abs=0.1)
    told = spread.score(apart + between)[1].square().mean().sqrt() * spread.scale
    assert float(told) == pytest.approx(2**0.5, rel=0.2)
