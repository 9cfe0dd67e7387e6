"""The loop of a policy's training, with PPO: watched, stopped, its best checkpoint kept, resumed bit for bit."""

import copy
import math
import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from app.hparams import SamplingParams
from app.lm.model import Llama
from app.lm.text.end_tokens import EndTokens
from app.saving import TrainingError
from app.training.context import Progress, drain
from app.training.policy import knowledge
from app.training.policy.comparison import Comparison, Measured
from app.training.policy.knowledge import Questions
from app.training.policy.validating import Look, Validator, Watch
from app.training.reward.scoring import Answered, score_answers
from app.training.stopping import Validation
from tests.training.ppo.toy import HPARAMS, PROMPTS, MemoryContext, reward_model, start, weights_of
from tests.training.tiny import ENDS, PAD, tiny_model


def watch(reference: Llama, judge_seed: int = 7, signs: Any = None) -> Watch:
    """Judged by another random network than the one that is optimized."""
    params = SamplingParams(temperature=HPARAMS.temperature, max_tokens=HPARAMS.max_tokens)
    comparison = Comparison(reference, reward_model(), reward_model(judge_seed), params, 2, ENDS, PAD)
    return Watch(comparison, PROMPTS[:6], signs or (lambda *_: ()))


WATCHED = replace(
    HPARAMS, learning_rate=0.01, validate_every_batches=1, early_stopping=False, kl_budget=None, move_back=False
)


def test_the_first_look_says_what_the_sft_model_said_and_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a look at a copy of it would."""
    model, asked = tiny_model(), list[Llama]()
    measured = Comparison.measured

    def counted(comparison: Comparison, policy: Llama, *rest: Any) -> Measured:
        asked.append(policy)
        return measured(comparison, policy, *rest)

    monkeypatch.setattr(Comparison, "measured", counted)
    hparams = replace(WATCHED, total_episodes=16, validate_every_batches=9)
    itself, copied = (
        drain(start(initial, model, hparams, watch=watch(model))).history for initial in (model, copy.deepcopy(model))
    )
    assert len(asked) == 2 + 3
    assert itself[0].figures == pytest.approx(copied[0].figures, abs=1e-6)
    assert [each.optimized for each in itself] == [each.optimized for each in copied]


class Sure:
    """A judge of two heads: one counts an answer's tokens, the other twice as many."""

    config = tiny_model().config

    def score(self, answers: Sequence[Answered], ends: EndTokens) -> tuple[Tensor, Tensor]:
        del ends
        return torch.tensor([float(len(answer)) for _, answer in answers]), torch.zeros(len(answers))

    def drawn(self, answers: Sequence[Answered], ends: EndTokens) -> tuple[Tensor, Tensor]:
        scores, _ = self.score(answers, ends)
        return scores, torch.stack([scores, 2 * scores], 1)


def test_a_look_keeps_what_heads_of_the_judges_posterior_say() -> None:
    """And it comes back from a checkpoint, of before, too."""
    model = tiny_model()
    asked = watch(model)
    validator = Validator(replace(asked, comparison=replace(asked.comparison, judge=Sure())), seed=0)
    seen = validator.look(tiny_model(seed=8), 16).validation
    assert seen.judged_draws == pytest.approx((seen.judged_gain, 2 * seen.judged_gain))
    assert abs(seen.judged_gain) > 0.01
    stored = seen.as_json()
    assert Validation.from_json(stored) == seen
    del stored["judged_draws"]
    assert Validation.from_json(stored).judged_draws == ()
    assert Validator(asked, seed=0).look(model, 0).validation.judged_draws == (), "a judge without a posterior"


@pytest.mark.parametrize("stop_after", [3, *(pytest.param(each, marks=pytest.mark.nightly) for each in (2, 5))])
def test_a_watched_run_resumes_bit_for_bit_with_its_best_checkpoint(stop_after: int) -> None:
    """History, best weights and where it stops are those of the uninterrupted run, whenever it was killed."""
    model, reference = tiny_model(), tiny_model(seed=8)
    whole: list[Progress] = []
    expected = drain(start(model, reference, WATCHED, watch=watch(reference)), whole.append)
    context = MemoryContext()
    interrupted = start(model, reference, WATCHED, context, watch(reference))
    for _ in range(stop_after):
        next(interrupted)
    interrupted.close()
    rest: list[Progress] = []
    result = drain(start(model, reference, WATCHED, context, watch(reference)), rest.append)
    expected_rest = [(progress.metrics, progress.answers) for progress in whole[stop_after // 2 * 2 :]]
    assert [(progress.metrics, progress.answers) for progress in rest] == expected_rest
    assert result.history == expected.history
    assert result.verdict == expected.verdict
    assert result.examples == expected.examples
    for name, tensor in expected.model.state_dict().items():
        assert torch.equal(tensor, result.model.state_dict()[name]), name


def test_a_reward_model_that_judges_itself_is_not_called_another() -> None:
    model, one = tiny_model(), reward_model()
    itself = watch(model)
    itself = replace(itself, comparison=replace(itself.comparison, scorer=one, judge=one))
    short = replace(WATCHED, total_episodes=32)
    verdicts = [drain(start(model, model, short, watch=each)).verdict for each in (itself, watch(model))]
    told = [" ".join(verdict.sentences) for verdict in verdicts if verdict is not None]
    assert ["judged itself" in each for each in told] == [True, False]


def test_the_version_is_the_best_and_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model()
    seen: list[dict[str, torch.Tensor]] = []
    best, gains = 2, iter([0.0, 0.2, 0.6, 0.4, 0.5, 0.3, 0.1])
    look = Validator.look

    def keep(validator: Validator, policy: Llama, episodes: int) -> Look:
        seen.append(weights_of(policy))
        found = look(validator, policy, episodes)
        gain = (next(gains),) * len(found.validation.judged)
        return replace(found, validation=replace(found.validation, optimized=gain, judged=gain))

    monkeypatch.setattr(Validator, "look", keep)
    result = drain(start(model, model, WATCHED, watch=watch(model)))
    assert len(result.history) == 7
    assert result.verdict is not None
    assert result.verdict.episodes == 16 * best == result.history[best].episodes
    for name, tensor in result.model.state_dict().items():
        assert torch.equal(tensor, seen[best][name]), name


def test_a_run_stops_when_its_kl_budget_is_used_up() -> None:
    model = tiny_model()
    seen: list[Progress] = []
    hparams = replace(WATCHED, kl_budget=0.5, kl_coef=0.0, validate_every_batches=100)
    result = drain(start(model, model, hparams, watch=watch(model)), seen.append)
    assert len(seen) < 6
    assert seen[-1].metrics["objective/kl"] > 0.5 > seen[-2].metrics["objective/kl"]
    assert result.verdict is not None
    assert result.verdict.reason == "kl_budget"
    assert [each.episodes for each in result.history] == [0, 16 * len(seen)], "looked at once more at its end"
    assert [each.step for each in seen[-1].answers] == [len(seen)]
    assert seen[-1].metrics["validation/kl"] == result.history[-1].kl


def test_the_same_prompts_are_answered_at_each_look_and_at_the_end() -> None:
    model, seen = tiny_model(), list[Progress]()
    watched = watch(model)
    result = drain(start(model, model, replace(WATCHED, validate_every_batches=4), watch=watched), seen.append)
    looks = [answers for progress in seen for answers in progress.answers]
    assert [[each.step for each in progress.answers] for progress in seen] == [[0], [], [], [4], [], [6]]
    assert [each.kl for each in looks] == [each.kl for each in result.history]
    assert [[answer.prompt for answer in each.answers] for each in looks] == [PROMPTS[:4]] * 3
    assert looks[0].kl == pytest.approx(0.0, abs=1e-5)
    assert [each.answer for each in looks[0].answers] != [each.answer for each in looks[-1].answers]
    before = Validator(watched, WATCHED.seed).before.scores
    scale = math.sqrt(sum(statistics.variance(group) for group in before) / len(before))
    for prompt, own, answer in zip(PROMPTS[:4], before[:4], looks[-1].answers, strict=True):
        [[score]] = score_answers(watched.comparison.scorer, [prompt], [[answer.answer]], ends=ENDS)
        assert answer.gain == pytest.approx((score - sum(own) / len(own)) / scale, abs=1e-3)


def test_signs_end_a_run_over_optimized_with_the_answers_that_show_it() -> None:
    model = tiny_model()
    signs = iter([[], [], ["All of its answers are empty."]])
    hparams = replace(WATCHED, early_stopping=True)
    result = drain(start(model, model, hparams, watch=watch(model, signs=lambda *_: next(signs))))
    assert result.verdict is not None
    assert (result.verdict.reason, result.verdict.over_optimized, result.verdict.episodes) == ("signs", True, 16)
    assert "All of its answers are empty." in result.verdict.sentences
    assert len(result.examples) == 4
    assert result.examples[0].optimized - result.examples[0].judged >= result.examples[1].optimized - (
        result.examples[1].judged
    )


def test_nobody_watches_and_the_last_weights_are_kept() -> None:
    model = tiny_model()
    result = drain(start(model, model, replace(HPARAMS, total_episodes=32)))
    assert (result.verdict, result.history, result.examples) == (None, [], [])


def test_a_reward_model_that_says_no_number_ends_it_with_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_model: object, _prompts: object, answers: list[list[list[int]]], **_: Any) -> Any:
        return [[math.nan] * len(group) for group in answers], [[0.0] * len(group) for group in answers]

    monkeypatch.setattr("app.training.policy.rollout.score_with_deviations", broken)
    model = tiny_model()
    with pytest.raises(TrainingError, match="scores are not numbers"):
        drain(start(model, model))


def test_what_is_forgotten_is_measured_on_the_way_and_decides() -> None:
    """The SFT model knows all of its own answers; a policy that has lost one of them is below the bound."""
    model = tiny_model()
    asked = replace(watch(model), questions=Questions(PROMPTS[:6], lambda _place, _answer: None))
    seen: list[Progress] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(knowledge, "SURE", 0.0)
        result = drain(start(model, model, replace(WATCHED, learning_rate=0.05), watch=asked), seen.append)
    shares = [each.figures["knowledge"] for each in result.history]
    assert shares[0] == 1.0
    assert min(shares) < 0.95, "nothing was forgotten: the test could not fail"
    assert seen[-1].metrics["validation/knowledge"] == shares[-1]
    assert "knowledge" not in drain(start(model, model, WATCHED, watch=watch(model))).history[0].figures
