"""Evaluation: paired, fair to equal models, and its numbers are what they say."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from app.hparams import EvaluationHparams, SamplingParams
from app.lm.inference.offline import sample_batch
from app.lm.inference.sequence import Completion
from app.lm.model import Llama
from app.lm.text.end_tokens import EndTokens
from app.saving import TrainingError
from app.training.context import Progress, drain
from app.training.evaluate import Evaluation, Scorers, evaluate_policy
from app.training.policy.comparison import (
    Measured,
    distinct_share,
    drawn_gains,
    error_over_prompts,
    figures_of,
    gains_of,
)
from app.training.reward.network import RewardModel
from app.training.reward.scoring import score_answers
from tests.training.tiny import ASSISTANT, BOS, END, ENDS, PAD, USER, tiny_model

HPARAMS = EvaluationHparams(num_prompts=20, samples_per_prompt=3, shown_prompts=4, max_tokens=8, temperature=1.0)
PROMPTS = [[BOS, USER, token, ASSISTANT] for token in range(10, 40)]

SCORERS = Scorers(RewardModel.from_sft(tiny_model(), 2, seed=0), RewardModel.from_sft(tiny_model(), 2, seed=1))


def evaluate(policy: Llama, reference: Llama, hparams: EvaluationHparams = HPARAMS) -> Evaluation:
    return drain(evaluate_policy(policy, reference, SCORERS, PROMPTS, hparams, ends=ENDS, pad_id=PAD))


def test_a_model_against_itself_is_a_draw() -> None:
    model = tiny_model()
    evaluation = evaluate(model, model)
    assert evaluation.metrics["win_rate"] == 0.5
    assert evaluation.metrics["win_rate_error"] == 0
    assert evaluation.metrics["kl"] == pytest.approx(0, abs=1e-4)
    assert evaluation.metrics["kl_k3"] == pytest.approx(0, abs=1e-4)
    assert evaluation.metrics["reward/mean"] == evaluation.metrics["reward/reference_mean"]
    assert evaluation.metrics["length_mean"] == evaluation.metrics["length_reference_mean"]
    assert all(sample.before == sample.after for sample in evaluation.samples)


def test_every_end_token_ends_an_answer_and_none_is_told_apart_by_it() -> None:
    """Half of the vocabulary ends: answers are short, have ended, and score as if all had ended in the same way."""
    ends, model = EndTokens(END, frozenset(range(5, 30))), tiny_model()
    reward_model = RewardModel.from_sft(tiny_model(), 2, seed=0)
    hparams = EvaluationHparams(num_prompts=30, samples_per_prompt=3, max_tokens=40)
    trained = evaluate_policy(
        tiny_model(seed=3), model, Scorers(reward_model, reward_model), PROMPTS, hparams, ends=ends, pad_id=PAD
    )
    figures = drain(trained).metrics
    assert figures["end_rate"] == figures["end_reference_rate"] == 1
    assert figures["length_mean"] < 4
    first, other = score_answers(reward_model, PROMPTS[:1], [[[33, 7], [33, END]]], ends=ends)[0]
    assert first == other


def test_another_model_is_told_apart() -> None:
    evaluation = evaluate(tiny_model(seed=3), tiny_model())
    assert evaluation.metrics["kl"] > 0.5
    assert evaluation.metrics["kl_k3"] > 0
    assert evaluation.metrics["num_prompts"] == 20
    assert all(math.isfinite(value) for value in evaluation.metrics.values())
    assert [sample.prompt_index for sample in evaluation.samples] == [0, 6, 13, 19]
    for sample in evaluation.samples:
        [[said]] = score_answers(SCORERS.optimized, [PROMPTS[sample.prompt_index]], [[sample.after]], ends=ENDS)
        assert sample.after_scored == (said, None), "a network alone knows no deviation"


def test_the_same_seed_gives_the_same_answers() -> None:
    first, second = evaluate(tiny_model(seed=3), tiny_model()), evaluate(tiny_model(seed=3), tiny_model())
    assert first == second


@pytest.mark.usefixtures("fp32")
def test_the_mean_of_both_estimators_is_near_the_exact_kl() -> None:
    """One-token answers: the exact KL is a sum over the vocabulary."""
    policy, reference = tiny_model(seed=3, scale=2.0), tiny_model(scale=2.0)
    hparams = EvaluationHparams(num_prompts=30, samples_per_prompt=16, max_tokens=1, temperature=1.0)
    figures = evaluate(policy, reference, hparams).metrics
    ids = torch.tensor(PROMPTS)
    p, q = torch.log_softmax(policy(ids)[:, -1], -1), torch.log_softmax(reference(ids)[:, -1], -1)
    exact = (p.exp() * (p - q)).sum(-1).mean().item()
    assert figures["kl"] == pytest.approx(exact, abs=4 * figures["kl_error"])
    assert figures["kl_k3"] == pytest.approx(exact, rel=0.2)


@pytest.mark.usefixtures("fp32")
def test_likelihoods_are_those_of_the_plain_models() -> None:
    policy, reference = tiny_model(seed=3), tiny_model()
    evaluation = evaluate(policy, reference)
    figures, after, before = evaluation.metrics, evaluation.after.answers, evaluation.before.answers

    def mean_logprob(model: Llama, groups: list[list[list[int]]], shift: int = 0) -> tuple[float, list[list[float]]]:
        """Per token, and summed for each answer; the prompt is the answer's own or `shift` further on."""
        sums, tokens = [], 0
        for row, group in enumerate(groups):
            prompt, one = PROMPTS[(row + shift) % len(groups)], []
            for answer in group:
                logits = model(torch.tensor([prompt + answer]))[0, len(prompt) - 1 : -1]
                one.append(torch.log_softmax(logits, -1)[torch.arange(len(answer)), answer].sum().item())
                tokens += len(answer)
            sums.append(one)
        return sum(map(sum, sums)) / tokens, sums

    own, old = mean_logprob(policy, after)[0], mean_logprob(reference, before)
    under, other = mean_logprob(reference, after), mean_logprob(reference, before, shift=1)
    assert figures["entropy"] == pytest.approx(-own, rel=1e-4)
    assert figures["entropy_reference"] == pytest.approx(-old[0], rel=1e-4)
    assert figures["likelihood_under_reference"] == pytest.approx(under[0], rel=1e-4)
    fits = [a > b for mine, its in zip(old[1], other[1], strict=True) for a, b in zip(mine, its, strict=True)]
    assert figures["relevance_reference"] == pytest.approx(sum(fits) / len(fits))
    assert 0.5 < figures["relevance_reference"] < 1


def test_scores_beyond_the_best_of_the_reference_are_counted() -> None:
    evaluation = evaluate(tiny_model(seed=3), tiny_model())
    best = max(score for group in evaluation.before.scores for score in group)
    beyond = [score > best for group in evaluation.after.scores for score in group]
    assert evaluation.metrics["reward/reference_max"] == pytest.approx(best)
    assert evaluation.metrics["reward/beyond_share"] == pytest.approx(sum(beyond) / len(beyond))
    assert evaluate(tiny_model(), tiny_model()).metrics["reward/beyond_share"] == 0


def test_progress_and_errors() -> None:
    seen: list[Progress] = []
    model = tiny_model()
    drain(evaluate_policy(model, model, SCORERS, PROMPTS, HPARAMS, ends=ENDS, pad_id=PAD), seen.append)
    assert [progress.step for progress in seen] == [1, 2]
    with pytest.raises(TrainingError, match="held-out prompts"):
        drain(evaluate_policy(model, model, SCORERS, [], HPARAMS, ends=ENDS, pad_id=PAD))


def test_both_models_are_asked_alike_and_as_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, SamplingParams, int, int]] = []

    def keep(
        model: Llama, ends: Any, prompts: Any, *, n: int, params: SamplingParams, generator: torch.Generator
    ) -> Any:
        asked.append((model, params, n, generator.initial_seed()))
        return sample_batch(model, ends, prompts, n=n, params=params, generator=generator)

    monkeypatch.setattr("app.training.policy.comparison.sample_batch", keep)
    policy, reference = tiny_model(seed=3), tiny_model()
    evaluate(policy, reference, replace(HPARAMS, temperature=0.7, num_prompts=20, seed=1))
    wanted = SamplingParams(temperature=0.7, max_tokens=8)
    seeds = [1_000_003, 1_000_003 + 16]
    assert asked == [(model, wanted, 3, seed) for seed in seeds for model in (reference, policy)]


@torch.no_grad()
def logprob(model: Llama, prompt: list[int], answer: list[int]) -> float:
    """Of the answer at temperature 0.7, by the plain model."""
    logits = model(torch.tensor([prompt + answer]))[0, len(prompt) - 1 : -1]
    return float((logits / 0.7).log_softmax(-1)[range(len(answer)), answer].sum())


@pytest.mark.usefixtures("fp32")
def test_each_number_is_of_its_own_model_prompt_and_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers and scores as scripted, 20 prompts for a second step; the KL is that of the plain models."""
    policy, reference = tiny_model(seed=3), tiny_model()

    def scripted(model: Llama, _ends: Any, prompts: list[list[int]], **_: Any) -> list[list[Completion]]:
        """The policy answers with two tokens that tell the prompt, and ends; the reference with one token for ever."""
        mine = [
            [[prompt[2], 20 + k, END] if model is policy else [9] * (k + 1) for k in range(3)] for prompt in prompts
        ]
        return [[Completion(answer) for answer in group] for group in mine]

    def score(_model: object, prompts: list[list[int]], answers: list[list[list[int]]], **_: Any) -> list[list[float]]:
        """A draw with the first answer, a win of the policy with the second, a loss with the third."""
        for prompt, group in zip(prompts, answers, strict=True):
            assert group[0][0] in (prompt[2], 9), "an answer was scored with another prompt"
        return [
            [[5.0, 3.0 if a[-1] == END else 2.0, 1.0 if a[-1] == END else 8.0][k] for k, a in enumerate(g)]
            for g in answers
        ]

    def with_deviations(*given: Any, **words: Any) -> tuple[list[list[float]], list[list[float]]]:
        """The optimized scorer says the contrary."""
        scores = score(*given, **words)
        return [[-each for each in group] for group in scores], [[0.5] * len(group) for group in scores]

    no_heads = torch.zeros(20, 0)
    monkeypatch.setattr("app.training.policy.comparison.sample_batch", scripted)
    monkeypatch.setattr("app.training.policy.comparison.score_with_draws", lambda *a, **b: (score(*a, **b), no_heads))
    monkeypatch.setattr("app.training.policy.comparison.score_with_deviations", with_deviations)
    evaluation = evaluate(policy, reference, replace(HPARAMS, temperature=0.7, num_prompts=20))
    k1, k3, likely, fits = [], [], [], []
    for prompt in PROMPTS[:20]:
        for k in range(3):
            answer = [prompt[2], 20 + k, END]
            p, q = (
                (model(torch.tensor([prompt + answer]))[0, 3:-1] / 0.7).log_softmax(-1)[range(3), answer]
                for model in (policy, reference)
            )
            k1.append((p - q).sum().item())
            likely.append(q.sum().item())
            fits.append(likely[-1] > logprob(reference, PROMPTS[(PROMPTS.index(prompt) + 1) % 20], answer))
            k3.append(((q - p).exp() - 1 - (q - p)).sum().item())
    old = [logprob(reference, prompt, [9] * (k + 1)) for prompt in PROMPTS[:20] for k in range(3)]
    others = [logprob(reference, PROMPTS[(n + 1) % 20], [9] * (k + 1)) for n in range(20) for k in range(3)]
    expected = {
        "entropy": -(sum(likely) + sum(k1)) / 180,
        "entropy_reference": -sum(old) / 120,
        "likelihood_under_reference": sum(likely) / 180,
        "relevance": sum(fits) / 60,
        "relevance_reference": sum(one > other for one, other in zip(old, others, strict=True)) / 60,
        "kl": sum(k1) / 60,
        "kl_k3": sum(k3) / 60,
        "win_rate": 0.5,
        "win_rate_error": 0.0,
        "judge/is_other": 1.0,
        "judge/gain": -2.0 / 3.0,  # 3 to 5 with a deviation of 3 within a prompt
        "judge/gain_error": 0.0,
        "reward/win_rate": 0.5,
        "reward/gain": 2.0 / 3.0,
        "reward/mean": -3.0,
        "reward/reference_mean": -5.0,
        "deviation": 0.5,
        "reward/difference_error": 0.0,
        "length_mean": 3.0,
        "length_reference_mean": 2.0,
        "end_rate": 1.0,
        "end_reference_rate": 0.0,
        "distinct_share": 1.0,
        "distinct_reference_share": 3 / 60,
        "num_prompts": 20.0,
    }
    for name, value in expected.items():
        assert evaluation.metrics[name] == pytest.approx(value, rel=1e-3, abs=1e-6), name
    assert [(one.before, one.after[0]) for one in evaluation.samples] == [
        ([9], PROMPTS[one.prompt_index][2]) for one in evaluation.samples
    ]


def test_wins_and_draws_by_hand() -> None:
    answers = [[[7, END], [8, END]], [[7], [8]]]
    scores = [[1.0, 0.0], [2.0, 2.0]], [[2.0, 0.0], [3.0, 4.0]]
    kl = [[1.0, 3.0], [5.0, 7.0]]
    nothing, fits = [[0.0] * 2] * 2, [[True] * 2] * 2
    before, after = (Measured(answers, each, nothing, each, kl, nothing, fits, kl) for each in scores)
    figures = figures_of(after, before, ENDS)
    assert figures["win_rate"] == pytest.approx((1 + 0.5 + 1 + 1) / 4), "a win counts 1, a draw 0.5"
    assert figures["win_rate_error"] == pytest.approx(torch.tensor([0.75, 1.0]).std().item() / math.sqrt(2))
    assert figures["kl_error"] == pytest.approx(torch.tensor([2.0, 6.0]).std().item() / math.sqrt(2)), "over prompts"
    assert (figures["distinct_share"], figures["end_rate"]) == (0.5, 0.5)


def test_gains_are_in_deviations_within_a_prompt() -> None:
    before, after = torch.tensor([[0.0, 2.0], [10.0, 12.0]]), torch.tensor([[3.0, 3.0], [11.0, 11.0]])
    within = math.sqrt(2.0)
    assert gains_of(after, before).tolist() == pytest.approx([2.0 / within, 0.0])
    assert gains_of(3 * after, 3 * before).tolist() == pytest.approx([2.0 / within, 0.0]), "whatever the scale"
    assert gains_of(after, torch.ones(2, 2)).tolist() == pytest.approx([2.0, 10.0]), "a scorer that says one number"


def test_each_drawn_heads_gain_counts_in_the_judges_unit() -> None:
    """Two prompts, three heads: the SFT model's answers lie sqrt(2) apart by the judge."""
    before = Measured(judged=[[0.0, 2.0], [1.0, 3.0]], judged_draws=[[1.0, 0.0, 5.0], [2.0, 1.0, 0.0]])
    after = Measured(judged=[[2.0, 2.0], [3.0, 3.0]], judged_draws=[[2.0, 0.0, 5.0], [4.0, -1.0, 0.0]])
    assert drawn_gains(after, before) == pytest.approx([1.5 / 2**0.5, -1 / 2**0.5, 0.0])
    assert drawn_gains(replace(after, judged_draws=[[], []]), replace(before, judged_draws=[[], []])) == []


def test_shares_and_errors_by_hand() -> None:
    assert distinct_share([[1, 2], [1, 2], [3], [4]]) == 0.75
    values = torch.tensor([[1.0, 1.0], [0.0, 0.0], [0.5, 0.5]])
    assert error_over_prompts(values) == pytest.approx(0.5 / math.sqrt(3))
    assert error_over_prompts(values[:1]) == 0


def test_a_verdict_reads_it_as_the_sft_model_and_the_policy() -> None:
    """As its own training would have been read, had somebody watched it."""
    before = Measured(scores=[[0.0, 2.0], [1.0, 3.0]], judged=[[0.0, 2.0], [0.0, 2.0]])
    after = Measured(scores=[[2.0, 4.0], [1.0, 3.0]], judged=[[0.0, 2.0], [3.0, 5.0]])
    evaluation = Evaluation({"kl": 1.5, "win_rate": 0.7}, [], before, after)
    first, last = evaluation.history(["It echoes."])
    assert (first.kl, first.optimized, first.judged, first.signs) == (0.0, (0.0, 0.0), (0.0, 0.0), ())
    assert (last.kl, last.figures["win_rate"], last.signs) == (1.5, 0.7, ("It echoes.",))
    scale = 2**0.5
    assert last.optimized == pytest.approx((2 / scale, 0.0))
    assert last.judged == pytest.approx((0.0, 3 / scale))
