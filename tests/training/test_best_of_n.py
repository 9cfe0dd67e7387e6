"""Best-of-n distillation on a tiny random model: what is chosen, what is learned of it, and exact resumption."""

import math
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest
import torch

from app.kinds.train_best_of_n import BestOfNHparams
from app.lm.model import Llama
from app.model_info.operations import ImitationOperations, drifted
from app.saving import TrainingError
from app.training import best_of_n
from app.training.best_of_n import best_of, train_best_of_n
from app.training.best_of_n_state import Sampled
from app.training.context import Progress, drain
from app.training.policy.counting import first_written_to, written_to
from app.training.policy.drift import Drift, drift
from app.training.policy.episodes import PolicyResult, PolicyTask
from app.training.sft import Marks
from tests.training.ppo.toy import COUNTED, PROMPTS, MemoryContext, reward_model
from tests.training.tiny import END, ENDS, PAD, NoContext, tiny_model

HPARAMS = BestOfNHparams(
    num_answers=6,
    num_prompts=26,
    num_epochs=4,
    batch_rows=2,
    context_tokens=64,
    max_tokens=30,
    learning_rate=3e-3,
    temperature=1.0,
    checkpoint_every_steps=2,
)
TWICE = PROMPTS + [[*prompt[:2], 9, *prompt[2:]] for prompt in PROMPTS]


def counted(model: object, prompts: object, answers: list[list[list[int]]], **ids: object) -> list[list[float]]:
    """The score is the number of COUNTED tokens."""
    del model, prompts, ids
    return [[float(answer.count(COUNTED)) for answer in group] for group in answers]


@pytest.fixture(autouse=True)
def _toy_reward(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.training.best_of_n.score_answers", counted)


def start(
    model: Llama, hparams: BestOfNHparams = HPARAMS, context: Any = None, prompts: list[list[int]] = TWICE
) -> Generator[Progress, None, PolicyResult]:
    task = PolicyTask(model, model, reward_model(), prompts, ENDS, PAD)
    return train_best_of_n(task, hparams, context or NoContext())


def test_the_best_is_the_highest_score_that_ended_and_the_first_of_equals() -> None:
    assert best_of([0.1, 2.0, 2.0, 1.0], [True] * 4) == 1
    assert best_of([0.1, 2.0, 2.0, 1.0], [True, False, True, True]) == 2
    assert best_of([5.0, -1.0, -1.0], [False, True, True]) == 1
    assert best_of([5.0], [False]) is None


def test_what_is_imitated_is_the_chosen_answer_to_its_own_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def look(_model: Llama, sampled: Sampled, _hparams: Any, marks: Marks, *_: Any) -> Any:
        given.update(sampled=sampled, marks=marks)
        raise KeyboardInterrupt

    monkeypatch.setattr(best_of_n, "imitate", look)
    seen: list[Progress] = []
    with pytest.raises(KeyboardInterrupt):
        drain(start(tiny_model()), seen.append)
    pairs = given["sampled"].pairs
    assert [prompt for prompt, _ in pairs] == [prompt for prompt in TWICE if prompt in [p for p, _ in pairs]]
    assert all(END not in answer for _, answer in pairs)
    last = seen[-1].metrics
    assert last["best_of_n/chosen_score"] == pytest.approx(sum(a.count(COUNTED) for _, a in pairs) / len(pairs))
    assert last["best_of_n/chosen_score"] > last["best_of_n/mean_score"]
    assert last["best_of_n/most_kl"] == pytest.approx(math.log(6) - 5 / 6)
    assert given["marks"] == Marks(None, END, PAD)


def test_the_policy_comes_to_answer_as_the_best_did_and_its_start_stays() -> None:
    model = tiny_model()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    seen: list[Progress] = []
    result = drain(start(model, replace(HPARAMS, num_epochs=16)), seen.append)
    losses = [p.metrics["loss/train"] for p in seen if "loss/train" in p.metrics]
    assert losses[-1] < 0.7 * losses[0]
    assert result.metrics["best_of_n/kl"] > 0.1
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert [p.step for p in seen] == list(range(1, len(seen) + 1)), "both phases are one progress"
    assert seen[-1].step == seen[-1].total_steps
    looks = [answers for progress in seen for answers in progress.answers]
    sampling = sum("sampled" in progress.message for progress in seen)
    assert (looks[0].step, looks[-1].step) == (sampling, seen[-1].step)
    assert looks[0].kl == pytest.approx(0.0, abs=1e-4)
    assert looks[-1].kl > 0.1
    assert len({str([answer.prompt for answer in each.answers]) for each in looks}) == 1
    gains = [sum(answer.gain or 0.0 for answer in each.answers) for each in looks]
    counts = [sum(answer.answer.count(COUNTED) for answer in each.answers) for each in looks]
    assert (gains[-1] > gains[0]) == (counts[-1] > counts[0])
    assert counts[-1] != counts[0], "nothing was learned: the test could not fail"
    assert "sampled" in seen[0].message
    assert "on the best answers" in seen[-1].message


def test_a_run_adds_up_its_samples_scores_steps_and_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = list[Drift]()
    sampled = list[tuple[list[list[int]], list[list[list[int]]]]]()

    def scored(model: Any, prompts: Any, answers: Any, **named: Any) -> list[list[float]]:
        sampled.append((prompts, answers))
        return counted(model, prompts, answers, **named)

    def looked(*given: Any, **named: Any) -> Drift:
        moved.append(drift(*given, **named))
        return moved[-1]

    monkeypatch.setattr(best_of_n, "score_answers", scored)
    monkeypatch.setattr(best_of_n, "drift", looked)
    model, seen = tiny_model(), list[Progress]()
    result = drain(start(model), seen.append)
    made = ImitationOperations(model.config, reward_model().config)
    parts = [first_written_to(prompts, answers) for prompts, answers in sampled[:2]]
    totals = [progress.metrics["flops"] for progress in seen]
    assert totals[:2] == pytest.approx([made.tried(parts[0]), sum(map(made.tried, parts))], rel=1e-9)
    steps = seen[2:]
    looks = [made.look(written_to(prompts, answers)) for prompts, answers in sampled[2:]]
    learned = totals[-1] - totals[1] - sum(looks)
    rows = len(steps) * HPARAMS.batch_rows * HPARAMS.context_tokens
    assert made.imitated(rows, 0, learned=True) < learned < 1.5 * made.imitated(rows, rows, learned=True)
    assert len(moved) == len(looks) + 1, "the last one is not scored"
    end = result.metrics["flops"] - totals[-1]
    assert end > drifted(model.config, written_to([], moved[-1].answers))


@pytest.mark.parametrize(("stop_after", "goes_on_with"), [(1, 2), (2, 3), (5, 5)])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(stop_after: int, goes_on_with: int) -> None:
    """In the middle of sampling, between the phases, and in the middle of fine-tuning."""
    model, whole = tiny_model(), list[Progress]()
    expected = drain(start(model), whole.append)
    context = MemoryContext()
    interrupted = start(model, context=context)
    for _ in range(stop_after):
        next(interrupted)
    interrupted.close()
    torch.manual_seed(12345)  # the global generator must not matter
    rest: list[Progress] = []
    result = drain(start(model, context=context), rest.append)
    assert (rest[0].step, rest[-1].step) == (goes_on_with, whole[-1].step)
    untimed = [{**each.metrics, "tokens_per_second": 0.0, "seconds": 0.0} for each in (expected, result)]
    assert untimed[0] == untimed[1]
    for name, tensor in expected.model.state_dict().items():
        assert torch.equal(tensor, result.model.state_dict()[name]), name


NARROW = replace(HPARAMS, context_tokens=36, max_tokens=20)


@pytest.mark.parametrize("long", [3, len(TWICE)])
def test_what_is_too_long_for_a_row_is_left_out_and_the_rest_is_learned_or_that_is_said(long: int) -> None:
    """The last prompts are the ones held out: all of them may be too long."""
    prompts = [*TWICE[: len(TWICE) - long], *([*prompt, *[9] * 34] for prompt in TWICE[len(TWICE) - long :])]
    training = start(tiny_model(), NARROW, prompts=prompts)
    if long < len(TWICE):
        result = drain(training, lambda _progress: None)
        assert math.isfinite(result.metrics["loss/held_out"])
        assert result.metrics["num_pairs"] <= len(TWICE) - long
    else:
        with pytest.raises(TrainingError, match="context_tokens"):
            drain(training, lambda _progress: None)


def test_every_part_of_the_prompts_is_sampled_with_other_random_numbers() -> None:
    sampled, prompts = Sampled(0, []), PROMPTS[:1] * 2 * best_of_n.PROMPTS_AT_ONCE
    for _part in range(2):
        best_of_n.sample_part(tiny_model(), reward_model(), prompts, HPARAMS, ENDS, sampled)
    half = len(sampled.pairs) // 2
    assert sampled.parts == 2
    assert sampled.pairs[:half] != sampled.pairs[-half:]


def test_bad_inputs_are_told_with_what_to_do() -> None:
    model, context = tiny_model(), MemoryContext()
    with pytest.raises(TrainingError, match="Add prompts"):
        next(start(model, prompts=[]))
    with pytest.raises(TrainingError, match="Add prompts, or raise max_tokens, num_answers or context_tokens"):
        drain(start(model, prompts=TWICE[:1]))
    next(start(model, context=context))
    with pytest.raises(TrainingError, match="belongs to another training"):
        next(start(model, replace(HPARAMS, num_answers=3), context))
