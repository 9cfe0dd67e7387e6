"""What the handlers do with bad input and bad luck, run inline: a clear error, and the old versions untouched."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models.jobs import Job, JobStatus
from app.db.models.rankings import Ranking
from app.db.models.versions import Version, VersionKind, VersionRanking, VersionStatus
from app.db.session import transaction
from app.errors import InvalidError
from app.hparams import RewardHparams
from app.lm import precision
from app.services.jobs import jobs
from app.training.ppo import trainer
from app.training.reward.network import load_reward_model, save_reward_model
from app.worker.checkpoints import JobCheckpoints
from app.worker.handlers import outcomes
from app.worker.handlers import train_reward as handler
from app.worker.handlers.models import Models
from app.worker.run import JobRun
from tests.small_disk import small_disk
from tests.worker.harness import Harness
from tests.worker.world import check_files, idle_run, make_world, queue, run_inline, version_of_job, versions_of

REWARD = {"normalization_samples": 8, "num_layers": 2}
POLICY = {"total_episodes": 4, "batch_size": 4, "max_tokens": 4, "num_frozen_layers": 1, "validation_prompts": 2}


@pytest.fixture
def make(tmp_path: Path, tiny_model_dir: Path) -> Iterator[Callable[..., Harness]]:
    made: list[Harness] = []

    def make(**settings: Any) -> Harness:
        made.append(make_world(tmp_path / "data", tiny_model_dir, **settings))
        return made[-1]

    yield make
    for harness in made:
        harness.close()


def failed(harness: Harness, job: Job) -> str:
    """The error; and nothing else has changed."""
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert job.finished_at is not None
    check_files(harness)
    return job.error


def test_the_loop(make: Callable[..., Harness]) -> None:
    """Rankings -> reward -> policy -> evaluation -> activation, each queued by the rule before."""
    harness = make(auto_policy_accuracy=0.0, auto_activate=True, auto_activate_win_rate=0.0, auto_activate_max_kl=1e6)
    reward = run_inline(harness, queue(harness, "train_reward", **REWARD))
    assert reward.status is JobStatus.SUCCEEDED
    made = version_of_job(harness, reward.id)
    assert reward.result is not None
    assert reward.result["version_id"] == made.id
    assert (made.status, made.hparams["num_layers"], made.seed) == (VersionStatus.ACTIVE, 2, 0)
    with harness.readers() as session:
        used = session.scalars(select(VersionRanking.ranking_id).where(VersionRanking.version_id == made.id)).all()
        assert used == session.scalars(select(Ranking.id)).all()
    (policy,) = _live(harness)
    assert (policy.kind, policy.params) == ("train_policy", {})
    with transaction(harness.sessions) as session:
        session.get_one(Job, policy.id).params = policy.params | POLICY
    assert run_inline(harness, policy.id).status is JobStatus.SUCCEEDED
    candidate = version_of_job(harness, policy.id)
    assert (candidate.kind, candidate.status) == (VersionKind.POLICY, VersionStatus.CANDIDATE)
    (evaluation,) = _live(harness)
    assert evaluation.kind == "evaluate"
    evaluate_in_short(harness, evaluation)
    sft, _, candidate = versions_of(harness)
    assert (sft.status, candidate.status) == (VersionStatus.RETIRED, VersionStatus.ACTIVE)
    assert candidate.metrics["evaluation"]["num_prompts"] == 8
    signs = {"empty_share", "echo_reference_share", "other_script_share", "other_script_reference_share", "repetition"}
    assert signs <= set(candidate.metrics["evaluation"])
    assert candidate.metrics["flags"] == []
    assert candidate.hparams["learning_rate"] == 1e-3  # by the tiny model's size, at most this
    assert len(candidate.metrics["samples"]) == 4
    assert not _live(harness)
    from_active = run_inline(harness, queue(harness, "train_policy", **POLICY | {"from": "active"}))
    assert version_of_job(harness, from_active.id).parent_id == candidate.id
    check_files(harness)


def test_versions_share_the_files_that_they_have_in_common(make: Callable[..., Harness]) -> None:
    harness = make()
    made = [version_of_job(harness, run_inline(harness, queue(harness, "train_reward", **REWARD)).id) for _ in "ab"]
    first, second = (harness.settings.version_directory(version.path) for version in made)
    embeddings = "model-00001-of-00004.safetensors"
    assert (first / embeddings).samefile(second / embeddings)
    assert not (first / "config.json").samefile(second / "config.json")  # small, and nobody's weights
    check_files(harness)


def test_a_policy_whose_memory_is_not_there_is_refused_before_anything_is_loaded(
    make: Callable[..., Harness], monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = make()
    run_inline(harness, queue(harness, "train_reward", **REWARD))
    monkeypatch.setattr("app.worker.handlers.memory.available_bytes", lambda: 1 << 20)
    monkeypatch.delattr("app.worker.handlers.models.load_model")
    job = run_inline(harness, queue(harness, "train_policy", **POLICY))
    assert "0.0 GiB are free" in failed(harness, job)


def test_a_flagged_policy_is_kept_and_not_activated_by_the_rule(
    make: Callable[..., Harness], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rate that ruins: the rule is on and asks for nothing, and still it waits for a person."""

    def places(_model: object, _prompts: object, answers: list[list[list[int]]], **_: Any) -> Any:
        return [[float(place) for place in range(len(group))] for group in answers], [
            [0.0] * len(group) for group in answers
        ]

    monkeypatch.setattr("app.training.policy.rollout.score_with_deviations", places)
    harness = make(auto_activate=True, auto_activate_win_rate=0.0, auto_activate_max_kl=1e6)
    run_inline(harness, queue(harness, "train_reward", **REWARD))
    monkeypatch.setattr("app.services.versions.bounds.MOST_MOVED", 0.01)  # the tiny model cannot move far in one step
    wild = {"learning_rate": 1.0, "warmup_batches": 1, "missing_eos_score": None}  # none of four tokens ends
    policy = run_inline(harness, queue(harness, "train_policy", **POLICY | wild | {"samples_per_prompt": 2}))
    ruined = version_of_job(harness, policy.id)
    assert [flag["name"] for flag in ruined.metrics["flags"]] == ["update"]
    [evaluation] = _live(harness)  # a rule queued it
    evaluate_in_short(harness, evaluation)
    ruined = version_of_job(harness, policy.id)
    assert "update" in [flag["name"] for flag in ruined.metrics["flags"]]
    assert ruined.status is VersionStatus.CANDIDATE


def evaluate_in_short(harness: Harness, evaluation: Job) -> None:
    with transaction(harness.sessions) as session:
        session.get_one(Job, evaluation.id).params = evaluation.params | {"max_tokens": 4, "num_prompts": 8}
    assert run_inline(harness, evaluation.id).status is JobStatus.SUCCEEDED


def _live(harness: Harness) -> list[Job]:
    with harness.readers() as session:
        return list(jobs.list_jobs(session, statuses=[JobStatus.QUEUED, JobStatus.RUNNING]).items)


def test_no_rankings(make: Callable[..., Harness]) -> None:
    harness = make(ranked=1)
    job = queue(harness, "train_reward")
    with transaction(harness.sessions) as session:  # withdrawn while the job waits
        ranking = session.scalars(select(Ranking)).one()
        ranking.withdrawn_at = ranking.created_at
    error = failed(harness, run_inline(harness, job))
    assert error == "There is nothing to learn from. Rank at least 1 prompt first (the Label page)."


def test_corrupt_weights_are_named(make: Callable[..., Harness]) -> None:
    harness = make()
    weights = harness.settings.version_directory(versions_of(harness)[0].path) / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    error = failed(harness, run_inline(harness, queue(harness, "train_reward", **REWARD)))
    assert f"{weights.parent.name}/{weights.name} is damaged" in error
    assert len(versions_of(harness)) == 1


def test_full_disk_at_the_end(make: Callable[..., Harness]) -> None:
    """The weights do not fit: no row, no folder, no rest of one; a later job works."""
    harness = make()
    before = versions_of(harness)[0].content_hash
    job = queue(harness, "train_reward", **REWARD)

    def save_on_small_disk(directory: Path, *arguments: Any) -> str:
        with small_disk(16_384):
            return save_reward_model(directory, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handler, "save_reward_model", save_on_small_disk)
        error = failed(harness, run_inline(harness, job))
    assert "the disk is full. Free some disk space and start the job again" in error
    assert [version.content_hash for version in versions_of(harness)] == [before]
    again = run_inline(harness, queue(harness, "train_reward", **REWARD))
    assert again.status is JobStatus.SUCCEEDED


def test_full_disk_at_a_checkpoint(tmp_path: Path) -> None:
    context = JobCheckpoints(tmp_path / "checkpoint.pt")
    context.save({"step": 1})
    with (
        pytest.raises(Exception, match="checkpoint could not be saved: the disk is full"),
        small_disk(1_024),
    ):
        context.save({"step": 2, "weights": torch.zeros(10_000)})
    assert context.load() == {"step": 1}


def test_loss_that_is_not_a_number(make: Callable[..., Harness]) -> None:
    """The job fails, the old models stay, and no candidate appears."""
    harness = make()
    reward = version_of_job(harness, run_inline(harness, queue(harness, "train_reward", **REWARD)).id)
    directory = harness.settings.version_directory(reward.path)
    model = load_reward_model(directory)
    model.head.weight.data.fill_(torch.nan)
    tokenizer = Models(idle_run(harness)).tokenizer(1)
    save_reward_model(directory, model, tokenizer)
    error = failed(harness, run_inline(harness, queue(harness, "train_policy", **POLICY)))
    assert "scores are not numbers. Train it again" in error
    assert [version.kind for version in versions_of(harness)] == [VersionKind.SFT, VersionKind.REWARD]


def test_inputs_are_chosen_once(make: Callable[..., Harness]) -> None:
    """Rankings that change between two attempts change nothing for the job."""
    harness = make()
    job = queue(harness, "train_reward", **REWARD)
    chosen: list[list[int]] = []
    original = handler.choose

    def choose(session: Session, hparams: RewardHparams, params: dict[str, Any]) -> dict[str, Any]:
        inputs = original(session, hparams, params)
        chosen.append(inputs["ranking_ids"])
        return inputs

    def crash(*_: Any) -> list[Any]:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handler, "choose", choose)
        patch.setattr(handler, "ranked_groups", crash)
        with pytest.raises(KeyboardInterrupt):
            run_inline(harness, job)
        patch.undo()
    with transaction(harness.sessions) as session:
        ranking = session.scalars(select(Ranking).limit(1)).one()
        ranking.withdrawn_at = ranking.created_at
    assert run_inline(harness, job).status is JobStatus.SUCCEEDED
    with harness.readers() as session:
        version = version_of_job(harness, job)
        used = session.scalars(select(VersionRanking.ranking_id).where(VersionRanking.version_id == version.id)).all()
    assert chosen == [used]


@pytest.mark.parametrize(("first", "later"), [("bf16", "fp32"), ("fp32", "bf16")])
def test_a_job_ends_in_the_number_format_that_it_began_in(
    make: Callable[..., Harness], monkeypatch: pytest.MonkeyPatch, first: str, later: str
) -> None:
    """Its machine was changed for another while it was stopped, and the setting, too."""
    monkeypatch.setattr(precision, "of_processor", lambda: first)
    harness = make()
    version_of_job(harness, run_inline(harness, queue(harness, "train_reward", **REWARD)).id)
    job, used = queue(harness, "train_policy", **POLICY), []

    def crash(*_: Any, **__: Any) -> None:
        used.append(precision.matmul_dtype())
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.worker.handlers.train_policy.train_policy", crash)
        with pytest.raises(KeyboardInterrupt):
            run_inline(harness, job)
    monkeypatch.setattr(precision, "of_processor", lambda: later)
    harness.settings = harness.settings.model_copy(update={"precision": later})

    def watch(*inputs: Any, **words: Any) -> Any:
        used.append(precision.matmul_dtype())
        return trainer.train_policy(*inputs, **words)

    monkeypatch.setattr("app.worker.handlers.train_policy.train_policy", watch)
    ended = run_inline(harness, job)
    assert ended.status is JobStatus.SUCCEEDED
    assert used == [precision.PRECISIONS[first]] * 2
    assert ended.result is not None
    assert version_of_job(harness, job).precision == ended.result["precision"] == first
    fresh = run_inline(harness, queue(harness, "train_policy", **POLICY))
    assert version_of_job(harness, fresh.id).precision == later


@pytest.mark.parametrize(
    ("kind", "params", "words"),
    [
        ("train_policy", {"learning_rate": 7}, "learning_rate must be from"),
        ("train_policy", {"batch_size": 0}, "batch_size must be from 1 to"),
        ("train_policy", {"batch_size": 6, "samples_per_prompt": 4}, "multiple of samples_per_prompt"),
        ("train_grpo", {"batch_size": 4, "samples_per_prompt": 1}, "samples_per_prompt must be 2 or more"),
        ("train_policy", {"from": "elsewhere"}, "from must be sft or active"),
    ],
)
def test_parameters_out_of_range(make: Callable[..., Harness], kind: str, params: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        queue(make(ranked=1), kind, **params)


def test_which_rankings_were_read_is_noted_when_they_are_read(make: Callable[..., Harness]) -> None:
    """One that is withdrawn while the job waits is none of them: it is not new to the next training."""
    harness = make()
    job = queue(harness, "train_reward", **REWARD)
    before = harness.job(job).num_rankings
    with transaction(harness.sessions) as session:
        ranking = session.scalars(select(Ranking).limit(1)).one()
        ranking.withdrawn_at = ranking.created_at
    assert run_inline(harness, job).status is JobStatus.SUCCEEDED
    assert before is not None
    assert harness.job(job).num_rankings == before - 1


def test_a_version_keeps_its_seed_its_parent_and_the_code_that_made_it(
    make: Callable[..., Harness], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is left of an attempt that was killed while it stored."""
    monkeypatch.setattr("app.worker.handlers.outcomes.code_commit", lambda: "c0de")
    harness = make()
    job = queue(harness, "train_reward", **REWARD, seed=3)
    rest = harness.settings.job_directory(job) / "version-0"
    rest.mkdir(parents=True)

    def save(directory: Path, *arguments: Any) -> str:
        assert directory.parent == rest.parent
        assert not rest.exists()
        return save_reward_model(directory, *arguments)

    monkeypatch.setattr(handler, "save_reward_model", save)
    assert run_inline(harness, job).status is JobStatus.SUCCEEDED
    made = version_of_job(harness, job)
    assert (made.seed, made.hparams["seed"], made.parent_id, made.code_commit) == (3, 3, 1, "c0de")


def test_what_an_attempt_had_moved_when_it_was_killed_does_not_stay(
    make: Callable[..., Harness], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between its files' move and its commit: of its folder no version knows."""
    harness = make()
    job = queue(harness, "train_reward", **REWARD)
    note, folder = harness.settings.job_directory(job) / outcomes.MOVED, harness.settings.data_dir / "versions"
    note.parent.mkdir(parents=True)
    note.write_text("2-reward")
    (folder / "2-reward").mkdir()
    moved: list[str] = []

    def add(session: Session, run: JobRun, new: outcomes.TrainedVersion, path: str, content_hash: str) -> Version:
        moved.extend((path, note.read_text()))
        return real_add(session, run, new, path, content_hash)

    real_add = outcomes._add
    monkeypatch.setattr(outcomes, "_add", add)
    assert run_inline(harness, job).status is JobStatus.SUCCEEDED
    check_files(harness)
    assert moved == ["versions/2-reward", "2-reward"]


def test_a_folder_that_a_version_has_is_not_taken_away(make: Callable[..., Harness]) -> None:
    harness = make()
    (sft,) = versions_of(harness)
    job = queue(harness, "train_reward", **REWARD)
    note = harness.settings.job_directory(job) / outcomes.MOVED
    note.parent.mkdir(parents=True)
    note.write_text(Path(sft.path).name)
    assert run_inline(harness, job).status is JobStatus.SUCCEEDED
    check_files(harness)


def test_a_job_takes_as_many_threads_as_it_is_given(
    make: Callable[..., Harness], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", given.append)
    harness = make(ranked=0, worker_threads=3)
    with transaction(harness.sessions) as session:
        session.add(Job(id="j", kind="train_reward", params={}, dedup_key="j"))
    failed(harness, run_inline(harness, "j"))
    assert given == [3]
