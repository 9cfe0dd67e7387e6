"""What a policy's training took: the tokens are those that were read and written, and a run adds all of it up."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from app.model_info.operations import Asked, EpisodeOperations, passed
from app.training.context import Progress, drain
from app.training.packing import pack
from app.training.policy import episodes
from app.training.policy.counting import asked_at, asked_in, first_written_to, operations_of, written_to
from app.training.policy.rollout import Rollout
from app.training.policy.scores import Scored
from app.training.policy.validating import Validator
from app.training.ppo.trainer import Trainer
from app.training.reward.references import COUNT
from app.training.stopping import Reason
from tests.training.policy.test_episodes import WATCHED, watch
from tests.training.ppo.toy import PROMPTS, MemoryContext, start
from tests.training.tiny import PAD, tiny_model


def test_the_tokens_of_a_batch_are_counted_once_each_and_without_the_padding() -> None:
    packed = pack([[1, 5, 6], [1, 7]], [[[8, 9], [10]], [[11], [12, 13, 14]]], PAD)
    blank = torch.zeros(packed.token_mask.shape)
    scores = torch.zeros(2, 2)
    own = [[[8]], [[9, 10]]]
    rollout = Rollout(packed, None, blank, blank, None, blank, scores, scores, scores.bool(), own)
    assert asked_in(rollout) == Asked(5, 7, 3, 2 * COUNT * 7 / 4)
    drawn = Scored(scores, scores, torch.tensor([[2, 1, 8], [1, 3, 5]]), scores.bool())
    assert asked_in(replace(rollout, drawn=drawn)) == Asked(5, 7, 3, 2 * COUNT * 7 / 4, left_out=13)


def test_an_answer_that_is_only_drawn_is_sampled_and_scored() -> None:
    operations = EpisodeOperations(tiny_model().config, tiny_model().config, 1, shares=True)
    without, beside = Asked(5, 7, references=9), Asked(5, 7, references=9, left_out=13)
    read = passed(operations.policy, 13 + 2 * 13, 13 + 2 * 13)
    assert operations.batch(beside, 2.0) - operations.batch(without, 2.0) == pytest.approx(read)


def test_references_are_counted_where_they_are_written() -> None:
    prompts, answers = [[1, 5, 6], [1, 7]], [[[8, 9], [10]], [[11], [12, 13, 14]]]
    assert written_to(prompts, answers) == Asked(5, 7)
    assert first_written_to(prompts, answers) == Asked(5, 7, references=2 * COUNT * 7 / 4)


def test_a_run_adds_up_its_batches_and_looks() -> None:
    model, seen = tiny_model(), list[Progress]()
    watched = watch(model)
    result = drain(start(model, model, WATCHED, watch=watched), seen.append)
    totals = [progress.metrics["flops"] for progress in seen]
    assert all(late > early for early, late in pairwise(totals))
    assert result.metrics["flops"] == totals[-1], "nothing is looked at behind the last batch"
    operations = operations_of(Trainer(model, model, WATCHED), watched.comparison.scorer.config)
    validator = Validator(watched, WATCHED.seed)
    asked = asked_at(validator.look(model, 0), watched)
    assert asked.prompts == sum(map(len, PROMPTS[:6]))
    written = sum(len(answer) for group in validator.before.answers for answer in group)
    assert asked.answers == pytest.approx(written), "the SFT model itself answers by the same random numbers"
    assert totals[0] > operations.validation(asked), "before the first batch"


def test_a_run_that_is_resumed_where_it_stopped_counts_its_last_look_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        episodes, "reason_after", lambda _, seen, __: Reason.PLATEAU if seen.trainer.batch >= 2 else None
    )
    model, context = tiny_model(), MemoryContext()
    expected, resumed = (drain(start(model, model, WATCHED, context, watch(model))) for _ in range(2))
    assert context.load() is not None
    assert resumed.metrics == expected.metrics
