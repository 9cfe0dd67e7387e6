"""Evaluation: paired, fair to equal models, and its numbers are what they say."""

import math

import pytest
import torch

from app.hparams import EvaluationHparams
from app.lm.answer_ends import AnswerEnds
from app.lm.model import Llama
from app.training.context import Progress, TrainingError, drain
from app.training.evaluate import Evaluation, distinct_share, error_over_prompts, evaluate_policy
from app.training.reward_network import RewardModel, score_answers
from tests.training.tiny import ASSISTANT, BOS, END, ENDS, PAD, USER, tiny_model

HPARAMS = EvaluationHparams(num_prompts=20, samples_per_prompt=3, shown_prompts=4, max_tokens=8)
PROMPTS = [[BOS, USER, token, ASSISTANT] for token in range(10, 40)]


def evaluate(policy: Llama, reference: Llama, hparams: EvaluationHparams = HPARAMS) -> Evaluation:
    reward_model = RewardModel.from_sft(tiny_model(), 2, seed=0)
    return drain(evaluate_policy(policy, reference, reward_model, PROMPTS, hparams, ends=ENDS, pad_id=PAD))


def test_a_model_against_itself_is_a_draw() -> None:
    model = tiny_model()
    found = evaluate(model, model)
    assert found.metrics["win_rate"] == 0.5
    assert found.metrics["win_rate_error"] == 0
    assert found.metrics["kl"] == pytest.approx(0, abs=1e-4)
    assert found.metrics["kl_k3"] == pytest.approx(0, abs=1e-4)
    assert found.metrics["reward/mean"] == found.metrics["reward/reference_mean"]
    assert found.metrics["length_mean"] == found.metrics["length_reference_mean"]
    assert all(sample.before == sample.after for sample in found.samples)


def test_every_end_token_ends_an_answer_and_none_is_told_apart_by_it() -> None:
    """Half of the vocabulary ends: answers are short, have ended, and score as if all had ended in the same way."""
    ends, model = AnswerEnds(END, frozenset(range(5, 30))), tiny_model()
    reward_model = RewardModel.from_sft(tiny_model(), 2, seed=0)
    hparams = EvaluationHparams(num_prompts=30, samples_per_prompt=3, max_tokens=40)
    trained = evaluate_policy(tiny_model(seed=3), model, reward_model, PROMPTS, hparams, ends=ends, pad_id=PAD)
    found = drain(trained).metrics
    assert found["end_rate"] == found["end_reference_rate"] == 1
    assert found["length_mean"] < 4
    first, other = score_answers(reward_model, PROMPTS[:1], [[[33, 7], [33, END]]], ends=ends)[0]
    assert first == other


def test_another_model_is_told_apart() -> None:
    found = evaluate(tiny_model(seed=3), tiny_model())
    assert found.metrics["kl"] > 0.5
    assert found.metrics["kl_k3"] > 0
    assert found.metrics["num_prompts"] == 20
    assert all(math.isfinite(value) for value in found.metrics.values())
    assert [sample.prompt_index for sample in found.samples] == [0, 6, 13, 19]


def test_the_same_seed_gives_the_same_answers() -> None:
    first, second = evaluate(tiny_model(seed=3), tiny_model()), evaluate(tiny_model(seed=3), tiny_model())
    assert first == second


@pytest.mark.usefixtures("fp32")
def test_the_mean_of_both_estimators_is_near_the_exact_kl() -> None:
    """One-token answers: the exact KL is a sum over the vocabulary."""
    policy, reference = tiny_model(seed=3, scale=2.0), tiny_model(scale=2.0)
    hparams = EvaluationHparams(num_prompts=30, samples_per_prompt=64, max_tokens=1)
    found = evaluate(policy, reference, hparams).metrics
    ids = torch.tensor(PROMPTS)
    p, q = torch.log_softmax(policy(ids)[:, -1], -1), torch.log_softmax(reference(ids)[:, -1], -1)
    exact = (p.exp() * (p - q)).sum(-1).mean().item()
    assert found["kl"] == pytest.approx(exact, abs=4 * found["kl_error"])
    assert found["kl_k3"] == pytest.approx(exact, rel=0.2)


def test_progress_and_errors() -> None:
    seen: list[Progress] = []
    model = tiny_model()
    reward_model = RewardModel.from_sft(model, 2, seed=0)
    drain(evaluate_policy(model, model, reward_model, PROMPTS, HPARAMS, ends=ENDS, pad_id=PAD), seen.append)
    assert [progress.step for progress in seen] == [1, 2]
    with pytest.raises(TrainingError, match="held-out prompts"):
        drain(evaluate_policy(model, model, reward_model, [], HPARAMS, ends=ENDS, pad_id=PAD))


def test_shares_and_errors_by_hand() -> None:
    assert distinct_share([[1, 2], [1, 2], [3], [4]]) == 0.75
    values = torch.tensor([[1.0, 1.0], [0.0, 0.0], [0.5, 0.5]])
    assert error_over_prompts(values) == pytest.approx(0.5 / math.sqrt(3))
    assert error_over_prompts(values[:1]) == 0
