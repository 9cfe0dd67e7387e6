"""Each kind of job on input that it can do nothing with: it ends with a sentence that says what to do, and the active
versions stay."""

import math
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch
from sqlalchemy import select, update

from app.db.base import utc_now
from app.db.models.groups import Completion
from app.db.models.jobs import Job, JobStatus
from app.db.models.prompts import Prompt, PromptSplit
from app.db.models.rankings import Ranking
from app.db.models.versions import Version, VersionKind, VersionStatus
from app.db.session import transaction
from app.errors import ConflictError
from app.lm.files.checkpoint import load_model
from app.services.labeling import labelers
from app.services.versions import versions
from app.training.adam import Adam
from tests.worker.harness import Harness
from tests.worker.world import make_world, queue, run_inline, twin

EPISODES: dict[str, Any] = {"total_episodes": 8, "batch_size": 8, "samples_per_prompt": 4, "max_tokens": 4}
SMALL: dict[str, dict[str, Any]] = {
    "train_reward": {"normalization_samples": 4},
    "train_policy": EPISODES | {"validation_prompts": 2},
    "train_grpo": EPISODES | {"validation_prompts": 2},
    "show_cheating": EPISODES | {"validation_prompts": 2},
    "train_dpo": {"max_epochs": 1, "sampled_answers": 2, "max_tokens": 4},
    "train_best_of_n": {"num_answers": 4, "num_prompts": 48, "num_epochs": 1, "context_tokens": 128, "max_tokens": 64},
    "evaluate": {"num_prompts": 2, "max_tokens": 4},
}
RANKED = ("train_reward", "train_dpo")
EPISODIC = ("train_policy", "train_grpo", "show_cheating")
Spoil = Callable[[Harness, pytest.MonkeyPatch], None]


def no_rankings(harness: Harness, _: pytest.MonkeyPatch) -> None:
    with transaction(harness.sessions) as session:
        session.execute(update(Ranking).values(withdrawn_at=utc_now()))


def one_ranking(harness: Harness, _: pytest.MonkeyPatch) -> None:
    with transaction(harness.sessions) as session:
        session.execute(update(Ranking).where(Ranking.id > 1).values(withdrawn_at=utc_now()))


def all_ties(harness: Harness, _: pytest.MonkeyPatch) -> None:
    with transaction(harness.sessions) as session:
        for ranking in session.scalars(select(Ranking)):
            ranking.ranks = dict.fromkeys(ranking.ranks, 1)


def contradictory(harness: Harness, _: pytest.MonkeyPatch) -> None:
    """Another labeler ranks each group the other way round."""
    with transaction(harness.sessions) as session:
        other = labelers.get_or_create_labeler(session, "other")
        for ranking in session.scalars(select(Ranking)).all():
            ranks = {answer: 5 - rank for answer, rank in ranking.ranks.items()}
            session.add(Ranking(group_id=ranking.group_id, labeler_id=other.id, ranks=ranks))


def one_prompt(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """For training, and for evaluation."""
    one_ranking(harness, monkeypatch)
    with transaction(harness.sessions) as session:
        for split in PromptSplit:
            first = select(Prompt.id).where(Prompt.split == split).order_by(Prompt.id).limit(1)
            others = update(Prompt).where(Prompt.split == split, Prompt.id != session.scalar(first))
            session.execute(others.values(archived_at=utc_now()))


def identical_answers(harness: Harness, _: pytest.MonkeyPatch) -> None:
    with transaction(harness.sessions) as session:
        session.execute(update(Completion).values(text="the same", token_ids=[20, 21, 4]))


def too_long(harness: Harness, _: pytest.MonkeyPatch) -> None:
    """Answers and prompts beyond the context of the model, which reads 512 tokens."""
    with transaction(harness.sessions) as session:
        session.execute(update(Completion).values(token_ids=[20] * 600))
        content = "word " * 600
        messages = [{"role": "user", "content": content}]
        session.execute(update(Prompt).values(text=content, messages=messages, set_aside=None, set_aside_for=None))


def forget_readings(harness: Harness) -> None:
    """So that a training of the reward model has something to read."""
    shutil.rmtree(harness.settings.readings_directory, ignore_errors=True)


def weights_no_numbers(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_readings(harness)

    def spoiled(directory: Path) -> Any:
        model, tokenizer = load_model(directory)
        with torch.no_grad():
            model.model.norm.weight[0] = math.nan
        return model, tokenizer

    for place in ("app.worker.handlers.models", "app.training.reward.scorer_files"):
        monkeypatch.setattr(f"{place}.load_model", spoiled)


def out_of_memory(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """As torch's allocator says it, in the middle of reading."""
    forget_readings(harness)

    def allocate(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried")

    for name in ("hidden_states", "run_layers", "run_layers_of_rows"):
        monkeypatch.setattr(f"app.lm.model.Llama.{name}", allocate)


def little_memory(_: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Less is free than any model takes."""
    monkeypatch.setattr("app.worker.handlers.memory.available_bytes", lambda: 1 << 20)


def removed_versions(harness: Harness, _: pytest.MonkeyPatch) -> None:
    """All but the active ones, between queueing and start: their rows stay, their files are gone."""
    with transaction(harness.sessions) as session:
        session.execute(update(Version).where(Version.status != VersionStatus.ACTIVE).values(removed_at=utc_now()))
        session.execute(update(Version).where(Version.kind == VersionKind.REWARD).values(removed_at=utc_now()))


def loss_no_number(_: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that ruins the weights."""

    def step(optimizer: torch.optim.Optimizer, *_args: object, **_kwargs: object) -> None:
        with torch.no_grad():
            for group in optimizer.param_groups:
                for weight in group["params"]:
                    weight.fill_(math.nan)

    monkeypatch.setattr(Adam, "step", step)


FAULTS: dict[str, Spoil] = {
    spoil.__name__: spoil
    for spoil in (
        no_rankings,
        one_ranking,
        all_ties,
        contradictory,
        one_prompt,
        identical_answers,
        too_long,
        weights_no_numbers,
        loss_no_number,
        out_of_memory,
        little_memory,
        removed_versions,
    )
}

SAID: dict[str, dict[str, str]] = {
    "no_rankings": dict.fromkeys(RANKED, "nothing to learn from. Rank at least 1 prompt"),
    "all_ties": {"train_dpo": "all of them are ties, or .* Rank some prompts whose answers differ"},
    "identical_answers": {"train_dpo": "answers that are the same. Rank some prompts whose answers differ"},
    "one_prompt": {"train_best_of_n": "of 1 prompts got an answer .* Add prompts"},
    "too_long": dict.fromkeys(SMALL, "leaves room for an answer of .* Add shorter prompts")
    | dict.fromkeys(RANKED, "too long together .* Rank shorter ones"),
    "weights_no_numbers": dict.fromkeys(SMALL, "its weights are damaged .* Activate another version")
    | dict.fromkeys(RANKED, "Its weights are damaged: restore them"),
    "loss_no_number": dict.fromkeys(EPISODIC, "loss is not a number. Lower the learning rate")
    | {
        "train_best_of_n": "lower learning_rate and start again",
        "train_dpo": "its weights are damaged or far too large",
    },
    "out_of_memory": dict.fromkeys(SMALL, "Memory ran out. Close other programs .* It takes less with a smaller"),
    "little_memory": dict.fromkeys(
        SMALL, r"takes about [0-9.]+ GiB of memory and 0.0 GiB are free. Close other programs"
    ),
    "removed_versions": dict.fromkeys(
        [kind for kind in SMALL if kind not in RANKED], "were removed on .* Choose another version"
    ),
}
"""What the error says, by fault and kind; a kind that is not there can do its work all the same."""


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, tiny_model_dir: Path) -> Iterator[Harness]:
    """Four rankings, a reward model from them that scores, and a candidate."""
    harness = make_world(tmp_path_factory.mktemp("good") / "data", tiny_model_dir, ranked=4)
    for kind in ("train_reward", "train_best_of_n"):
        job = run_inline(harness, queue(harness, kind, **SMALL[kind]))
        assert job.status is JobStatus.SUCCEEDED, job.error
    with transaction(harness.sessions) as session:
        session.execute(update(Job).where(Job.status == JobStatus.QUEUED).values(status=JobStatus.CANCELLED))
    yield harness
    harness.close()


@pytest.fixture
def harness(good: Harness, tmp_path: Path) -> Iterator[Harness]:
    made = twin(good, tmp_path / "data")
    yield made
    made.close()


@pytest.fixture(scope="module")
def spoiled(good: Harness, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], tuple[Harness, int]]]:
    """By a fault's name: a world with it, and the number of the reward model that was trained there; each made once."""
    made: dict[str, tuple[Harness, int]] = {}

    def spoil(fault: str) -> tuple[Harness, int]:
        if fault not in made:
            harness = twin(good, tmp_path_factory.mktemp(fault) / "data")
            with pytest.MonkeyPatch.context() as monkeypatch:
                FAULTS[fault](harness, monkeypatch)
            trained = run_inline(harness, queue(harness, "train_reward", **SMALL["train_reward"]))
            assert trained.result is not None
            made[fault] = harness, trained.result["version_id"]
        return made[fault]

    yield spoil
    for harness, _ in made.values():
        harness.close()


def active(harness: Harness) -> list[int]:
    with harness.readers() as session:
        return list(session.scalars(select(Version.id).where(Version.status == VersionStatus.ACTIVE)))


def params_of(harness: Harness, kind: str) -> dict[str, Any]:
    if kind != "evaluate":
        return SMALL[kind]
    with harness.readers() as session:
        policy = session.scalars(select(Version.id).where(Version.kind == VersionKind.POLICY)).one()
    return SMALL[kind] | {"version_id": policy}


UNTOUCHED = [
    (kind, fault)
    for fault in ("no_rankings", "one_ranking", "all_ties", "contradictory", "identical_answers")
    for kind in SMALL
    if kind not in (*RANKED, "evaluate")
]
"""The trainers that are steered by a reward model read no ranking and no answer of people: for the night."""


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        pytest.param(kind, fault, marks=pytest.mark.nightly if (kind, fault) in UNTOUCHED else ())
        for kind in SMALL
        for fault in FAULTS
    ],
)
def test_it_ends_with_what_to_do_and_the_active_versions_stay(
    harness: Harness, kind: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, job_id = active(harness), queue(harness, kind, **params_of(harness, kind))
    FAULTS[fault](harness, monkeypatch)
    job = run_inline(harness, job_id)
    check_ended(harness, job, SAID.get(fault, {}).get(kind), before)


NOTHING_LEARNED = ("all_ties", "identical_answers")


@pytest.mark.parametrize("fault", [*NOTHING_LEARNED, "contradictory", "one_ranking"])
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.nightly if kind in ("train_grpo", "show_cheating") else ())
        for kind in SMALL
        if kind not in RANKED
    ],
)
def test_it_ends_so_with_a_reward_model_of_such_rankings(
    spoiled: Callable[[str], tuple[Harness, int]], tmp_path: Path, kind: str, fault: str
) -> None:
    world, reward_id = spoiled(fault)
    with closing(twin(world, tmp_path / "data")) as harness:
        params = params_of(harness, kind) | {"reward_version_id": reward_id}
        before, job = active(harness), run_inline(harness, queue(harness, kind, **params))
        nothing = r"learned nothing: .* Rank answers that differ" if fault in NOTHING_LEARNED else None
        check_ended(harness, job, nothing, before)


@pytest.mark.parametrize("kind", [kind for kind in SMALL if kind not in RANKED])
def test_a_reward_model_of_another_model_scores_nothing(harness: Harness, kind: str) -> None:
    with transaction(harness.sessions) as session:
        other = versions.NewVersion(kind=VersionKind.SFT, parent_id=None, path="versions/8-sft", content_hash="8" * 64)
        parent = versions.add_version(session, other).id
        made = versions.NewVersion(
            kind=VersionKind.REWARD, parent_id=parent, path="versions/9-reward", content_hash="9" * 64
        )
        reward_id = versions.add_version(session, made).id
    before = active(harness)
    job = run_inline(harness, queue(harness, kind, **params_of(harness, kind), reward_version_id=reward_id))
    assert job.status is JobStatus.FAILED
    assert re.search("was trained for the answers of SFT version .* Train a reward model for it", job.error or "")
    assert active(harness) == before


def check_ended(harness: Harness, job: Job, said: str | None, before: list[int]) -> None:
    """`said`: what the error says; None for a job that can do its work all the same."""
    if said is None:
        assert job.status is JobStatus.SUCCEEDED, job.error
        assert job.kind == "train_reward" or active(harness) == before
        return
    assert job.status is JobStatus.FAILED, "there was nothing to do, and it did it"
    error = job.error or ""
    assert re.search(said, error), error
    assert error.endswith(".")
    assert str(harness.settings.data_dir) not in error, "where the data of a machine lie is nobody's business"
    assert active(harness) == before


def test_nothing_is_queued_where_nobody_has_ranked(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    no_rankings(harness, monkeypatch)
    for kind in ("train_reward", "train_dpo"):
        with pytest.raises(ConflictError, match="Rank some answers first"):
            queue(harness, kind)
