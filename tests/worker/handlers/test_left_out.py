"""A prompt or an answer that the models cannot read stops no job: it is left out, and counted in the result."""

from typing import Any

import pytest
from sqlalchemy import select, update

from app.chat import Message
from app.db.base import utc_now
from app.db.models.groups import Completion, Group
from app.db.models.jobs import Job, JobStatus
from app.db.models.prompts import Prompt, PromptSource, PromptSplit
from app.db.models.rankings import Ranking
from app.db.models.versions import VersionRanking
from app.db.session import transaction
from app.errors import InvalidError
from app.lm.files.checkpoint import read_tokenizer
from app.services.data import training_data
from app.services.jobs import retraining
from app.services.labeling import drawing
from app.services.prompts import prompts
from app.worker.handlers.ranked_groups import ranked_group
from tests.worker.harness import Harness
from tests.worker.world import queue, run_inline, version_of_job

REWARD = {"normalization_samples": 8, "num_layers": 2}
POLICY = {"total_episodes": 8, "batch_size": 4, "max_tokens": 4, "num_frozen_layers": 1, "validation_prompts": 2}
LONG = "字" * 1_500


def keep_only(harness: Harness, split: PromptSplit, texts: list[str]) -> None:
    """The prompts of a split, as an earlier program stored them: nothing was counted."""
    with transaction(harness.sessions) as session:
        for stored in session.scalars(select(Prompt).where(Prompt.split == split)):
            stored.archived_at = None if stored.shown else utc_now()
        for text in texts:
            prompts.add_prompt(
                session, messages=[Message(role="user", content=text)], source=PromptSource.OWN, split=split
            )


def result(job: Job) -> dict[str, Any]:
    assert job.status is JobStatus.SUCCEEDED, job.error
    assert job.result is not None
    return job.result


def test_ppo_and_evaluation(harness: Harness) -> None:
    """`字` 1,500 times ended PPO with an IndexError at batch 5."""
    run_inline(harness, queue(harness, "train_reward", **REWARD))
    keep_only(harness, PromptSplit.TRAIN, [LONG, LONG + "?", "aside"])
    keep_only(harness, PromptSplit.HELD_OUT, [LONG + "!", "short"])
    with transaction(harness.sessions) as session:
        aside = session.scalars(select(Prompt).where(Prompt.text == "aside")).one()
        drawing.set_aside(session, aside.id, reason="r", key="k")
    made = run_inline(harness, queue(harness, "train_policy", **POLICY))
    assert result(made)["left_out"] == {"prompts": 3}
    version = version_of_job(harness, made.id)
    with transaction(harness.sessions) as session:  # the rule's, with answers of more tokens
        session.execute(update(Job).where(Job.status == JobStatus.QUEUED).values(status=JobStatus.CANCELLED))
    evaluation = queue(harness, "evaluate", version_id=version.id, max_tokens=4)
    found = result(run_inline(harness, evaluation))
    assert (found["left_out"], found["evaluation"]["num_prompts"]) == ({"prompts": 1}, 1)


def test_nothing_fits(harness: Harness) -> None:
    run_inline(harness, queue(harness, "train_reward", **REWARD))
    keep_only(harness, PromptSplit.HELD_OUT, [LONG])
    job = run_inline(harness, queue(harness, "evaluate", version_id=1, max_tokens=4))
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert job.error.startswith("None of the 1 prompts leaves room for an answer of 4 tokens: the models read 512")


def make_longer(harness: Harness, group_id: int, tokens: int) -> None:
    """One of the ranked answers, as another model with a larger context could have written it."""
    with transaction(harness.sessions) as session:
        answer = session.scalars(select(Completion).where(Completion.group_id == group_id).limit(1)).one()
        answer.token_ids = [10] * tokens


def test_reward_training(harness: Harness) -> None:
    """A ranking with a long answer is left out, and is not new to the next training for ever."""
    make_longer(harness, 2, 600)
    keep_only(harness, PromptSplit.TRAIN, [LONG])
    job = run_inline(harness, queue(harness, "train_reward", **REWARD))
    assert result(job)["left_out"] == {"rankings": 1}
    version = version_of_job(harness, job.id)
    with harness.readers() as session:
        used = select(VersionRanking.ranking_id).where(VersionRanking.version_id == version.id)
        assert list(session.scalars(used)) == [1, 3, 4]
        assert retraining.new_rankings(session) == 0


def test_only_long_rankings(harness: Harness) -> None:
    for group_id in range(1, 5):
        make_longer(harness, group_id, 600)
    job = run_inline(harness, queue(harness, "train_reward", **REWARD))
    assert job.error is not None
    assert job.error.startswith("All 4 rankings are about prompts and answers that are too long together")


def test_archived_prompts_are_not_trained_on(harness: Harness) -> None:
    """Nor are their rankings; both count again as new when they come back."""
    run_inline(harness, queue(harness, "train_reward", **REWARD))
    with transaction(harness.sessions) as session:
        ranked = session.scalars(select(Group.prompt_id).limit(1)).one()
        first = session.get_one(Prompt, ranked)
        first.archived_at = utc_now()
        session.flush()
        assert retraining.new_rankings(session) == 1
    job = run_inline(harness, queue(harness, "train_reward", **REWARD))
    assert result(job)["left_out"] == {"rankings": 0}
    with transaction(harness.sessions) as session:
        assert retraining.new_rankings(session) == 0
        session.get_one(Prompt, ranked).archived_at = None
        session.flush()
        assert retraining.new_rankings(session) == 1


@pytest.mark.parametrize("extra", [0, 1])
def test_what_just_fits_is_used(harness: Harness, extra: int) -> None:
    """Prompt, answer and the end behind it fill the context exactly; one token more is left out."""
    from app.lm.files.checkpoint import read_tokenizer
    from app.worker.handlers.left_out import fits_together, read_prompts

    tokenizer = read_tokenizer(harness.settings.model_dir)
    marks = len(tokenizer.encode_conversation([Message(role="user", content="a")])) - 1
    text = "a" * (512 - 4 - 1 - marks + extra)
    asked = [{"role": "user", "content": text}], [{"role": "user", "content": "a"}]
    stored = [Prompt(id=number, text="", messages=messages) for number, messages in enumerate(asked)]
    read = read_prompts(tokenizer, stored, context_tokens=512, max_tokens=4)
    assert (len(read.tokens[0]) == 507, read.left_out) == (extra == 0, extra)
    cut_off, ended = [10] * (4 + extra), [10] * (4 + extra) + [tokenizer.end_id]
    for answer in (cut_off, ended):
        assert fits_together(tokenizer.ends, [1] * 507, [answer], 512) == (extra == 0)


def test_rankings_of_texts_that_the_tokenizer_cannot_read(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of another model's answers, which are read by their texts."""
    with transaction(harness.sessions) as session:
        session.scalars(select(Completion).order_by(Completion.id).limit(1)).one().text = "too hard"
        session.flush()
        ranked = training_data.ranked_answers(session, list(session.scalars(select(Ranking.id).order_by(Ranking.id))))
    tokenizer = read_tokenizer(harness.settings.version_directory("versions/1-sft"))
    encode = tokenizer.encode

    def encoded(text: str) -> list[int]:
        if text == "too hard":
            raise InvalidError("The model's tokenizer cannot read this text.")
        return encode(text)

    monkeypatch.setattr(tokenizer, "encode", encoded)
    assert [ranked_group(tokenizer, each, ()) is None for each in ranked] == [True] + [False] * 3
    assert None not in [ranked_group(tokenizer, each, {1}) for each in ranked]
