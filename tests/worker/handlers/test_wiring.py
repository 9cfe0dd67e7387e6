"""Which models, prompts, answers and ranks the handlers give to the trainers; the trainers themselves only look."""

from collections.abc import Generator, Sequence
from typing import Any

import pytest
import torch
from sqlalchemy import select

from app.chat import Message, SampledAnswer, Scored
from app.db.models.jobs import JobStatus
from app.db.models.prompts import Prompt, PromptSource, PromptSplit
from app.db.models.rankings import Ranking
from app.db.models.versions import Version, VersionKind, VersionRanking
from app.db.session import transaction
from app.hparams import EvaluationHparams, RewardHparams, SamplingParams
from app.lm.files.checkpoint import load_model, read_tokenizer, save_model
from app.lm.model import Llama
from app.lm.text.end_tokens import EndTokens
from app.lm.text.tokenizer import Tokenizer
from app.model_info.weights import verify_directory
from app.policy_hparams import PPOHparams
from app.preferences import Influence
from app.services.data import training_data
from app.services.labeling import groups, labelers
from app.services.labeling.label_settings import Writers
from app.services.lifecycle import activation
from app.services.prompts import prompts
from app.services.versions import versions
from app.training.context import Progress
from app.training.evaluate import Evaluation, EvaluationSample, Scorers
from app.training.policy.comparison import Measured
from app.training.policy.episodes import PolicyResult, PolicyTask
from app.training.reward.columns import Columns
from app.training.reward.data import RankedGroup
from app.training.reward.network import RewardModel, load_reward_model, save_reward_model
from app.training.reward.preference_scorer import PARTS, Head, PreferenceScorer
from app.training.reward.reading import Reader
from app.training.reward.trainer import RewardResult
from app.worker.handlers import evaluate as evaluate_handler
from app.worker.handlers import train_policy as policy_handler
from app.worker.handlers import train_reward as reward_handler
from tests.live import LEASE_SECONDS
from tests.training.reward.reads import reads_counted
from tests.worker.harness import Harness
from tests.worker.world import check_files, queue, run_inline, version_of_job

Pairs = list[tuple[list[int], list[int]]]


def mark_of(model: Llama) -> float:
    """Every version here has its own first number in the final norm; the SFT version's is 1."""
    return model.model.norm.weight[0].item()


def marked(harness: Harness, mark: float) -> tuple[Llama, Tokenizer]:
    model, tokenizer = load_model(harness.settings.version_directory("versions/1-sft"))
    with torch.no_grad():
        model.model.norm.weight[0] = mark
    return model, tokenizer


def add(
    harness: Harness, kind: VersionKind, mark: float, *, active: bool = False, scored_by: int | None = None
) -> Version:
    model, tokenizer = marked(harness, mark)
    with transaction(harness.sessions) as session:
        path = versions.next_version_path(session, kind)
        directory = harness.settings.version_directory(path)
        if kind is VersionKind.REWARD:
            scorer = RewardModel.from_sft(model, 1, seed=0)
            with torch.no_grad():
                scorer.backbone.model.norm.weight[0] = mark
            found = save_reward_model(directory, scorer, tokenizer)
        else:
            found = save_model(directory, model, tokenizer, dtype=torch.float32)
        version = versions.add_version(
            session,
            versions.NewVersion(kind=kind, parent_id=1, path=path, content_hash=found, reward_version_id=scored_by),
        )
        return activation.activate(session, version.id, data_dir=harness.settings.data_dir) if active else version


def tokens_of(harness: Harness, split: PromptSplit) -> list[list[int]]:
    tokenizer = read_tokenizer(harness.settings.version_directory("versions/1-sft"))
    with harness.readers() as session:
        found = session.scalars(select(Prompt).where(Prompt.split == split)).all()
        return [tokenizer.encode_conversation(prompt.messages) for prompt in found]


class Given:
    """What the trainer was called with."""

    marks: dict[str, float]
    prompts: list[list[int]]
    hparams: Any


@pytest.fixture
def ppo(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> Given:
    given = Given()

    def train(task: PolicyTask, hparams: PPOHparams, _context: object) -> Generator[Progress, None, PolicyResult]:
        assert isinstance(task.reward_model, RewardModel)
        assert task.watch is not None
        scorer = mark_of(task.reward_model.backbone)
        given.marks = {"initial": mark_of(task.initial), "reference": mark_of(task.reference), "reward": scorer}
        assert task.watch.comparison.reference is task.reference
        assert task.watch.comparison.scorer is task.reward_model
        given.prompts, given.hparams = [*task.prompts, *task.watch.prompts], hparams
        yield Progress(1, 1)
        return PolicyResult(marked(harness, 99.0)[0], {"objective/kl": 1.5})

    monkeypatch.setattr(policy_handler, "train_policy", train)
    return given


def test_ppo_starts_from_what_the_job_says_and_stays_near_the_sft_version(harness: Harness, ppo: Given) -> None:
    policy = add(harness, VersionKind.POLICY, 5.0, active=True)
    scoring = add(harness, VersionKind.REWARD, 7.0, active=True)
    named = add(harness, VersionKind.REWARD, 8.0)
    for params, marks, parent, reward in (
        ({}, {"initial": 1.0, "reference": 1.0, "reward": 7.0}, 1, scoring.id),
        ({"from": "active"}, {"initial": 5.0, "reference": 1.0, "reward": 7.0}, policy.id, scoring.id),
        ({"reward_version_id": named.id}, {"initial": 1.0, "reference": 1.0, "reward": 8.0}, 1, named.id),
    ):
        job = run_inline(harness, queue(harness, "train_policy", **params, total_episodes=128))
        assert job.status is JobStatus.SUCCEEDED, job.error
        assert ppo.marks == marks, f"the models of a job with {params}"
        assert ppo.hparams.total_episodes == 128
        made = version_of_job(harness, job.id)
        assert (made.parent_id, made.reward_version_id) == (parent, reward)
        assert (made.metrics["objective/kl"], made.hparams["total_episodes"]) == (1.5, 128)
        directory = harness.settings.version_directory(made.path)
        assert mark_of(load_model(directory)[0]) == 99.0, "the trained model is stored, not the one it began with"
        verify_directory(directory, made.content_hash)


def test_ppo_trains_on_training_prompts_only(harness: Harness, ppo: Given) -> None:
    add(harness, VersionKind.REWARD, 7.0, active=True)
    assert run_inline(harness, queue(harness, "train_policy")).status is JobStatus.SUCCEEDED
    held_out = tokens_of(harness, PromptSplit.HELD_OUT)
    assert not [prompt for prompt in ppo.prompts if prompt in held_out], "held-out prompts are for evaluation"
    assert sorted(ppo.prompts) == sorted(tokens_of(harness, PromptSplit.TRAIN))


def test_a_version_that_cannot_be_recorded_leaves_no_files(
    harness: Harness, ppo: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(harness, VersionKind.REWARD, 7.0, active=True)

    def fail(*_: object) -> None:
        raise RuntimeError("The rule failed.")

    monkeypatch.setattr("app.services.lifecycle.following.after_train_policy", fail)
    job = run_inline(harness, queue(harness, "train_policy"))
    assert job.status is JobStatus.FAILED
    assert "The rule failed." in (job.error or "")
    assert ppo.prompts, "it was trained, and only the record failed"
    check_files(harness)


@pytest.fixture
def comparison(monkeypatch: pytest.MonkeyPatch) -> Given:
    given = Given()

    def compare(
        policy: Llama,
        reference: Llama,
        scorers: Scorers,
        prompts: list[list[int]],
        hparams: EvaluationHparams,
        **_: Any,
    ) -> Generator[Progress, None, Evaluation]:
        assert isinstance(scorers.optimized, RewardModel)
        scorer = mark_of(scorers.optimized.backbone)
        given.marks = {"policy": mark_of(policy), "reference": mark_of(reference), "reward": scorer}
        given.prompts, given.hparams = prompts, hparams
        nothing, figures = [[0.0]] * len(prompts), {"win_rate": 0.75, "kl": 1.0, "judge/is_other": 1.0}
        said = Measured([[[4]]] * len(prompts), scores=nothing, judged=nothing)  # both models said nothing
        yield Progress(1, 1)
        sample = EvaluationSample(2, prompts[0][:3], prompts[1][:3], Scored(-0.5, None), Scored(1.25, 0.75))
        return Evaluation(figures, [sample], said, said)

    monkeypatch.setattr(evaluate_handler, "evaluate_policy", compare)
    return given


def test_evaluation_compares_with_the_sft_version_by_the_policys_own_reward_model(
    harness: Harness, comparison: Given
) -> None:
    own = add(harness, VersionKind.REWARD, 8.0)
    policy = add(harness, VersionKind.POLICY, 5.0, scored_by=own.id)
    add(harness, VersionKind.POLICY, 6.0, active=True)
    scoring = add(harness, VersionKind.REWARD, 7.0, active=True)
    for params, reward in (({}, 8.0), ({"reward_version_id": scoring.id}, 7.0)):
        job = run_inline(harness, queue(harness, "evaluate", version_id=policy.id, **params))
        assert job.status is JobStatus.SUCCEEDED, job.error
        assert comparison.marks == {"policy": 5.0, "reference": 1.0, "reward": reward}


def test_evaluation_asks_held_out_prompts_only_and_shows_what_they_were(harness: Harness, comparison: Given) -> None:
    policy = add(harness, VersionKind.POLICY, 5.0)
    scoring = add(harness, VersionKind.REWARD, 7.0, active=True)
    params = {"version_id": policy.id, "reward_version_id": scoring.id, "num_prompts": 9}
    job = run_inline(harness, queue(harness, "evaluate", **params))
    assert job.status is JobStatus.SUCCEEDED, job.error
    held_out = tokens_of(harness, PromptSplit.HELD_OUT)
    assert not [prompt for prompt in comparison.prompts if prompt not in held_out], "it has seen the training prompts"
    assert len(comparison.prompts) == 9
    tokenizer = read_tokenizer(harness.settings.version_directory("versions/1-sft"))
    with harness.readers() as session:
        version = versions.get_version(session, policy.id)
        [sample] = version.metrics["samples"]
        shown = session.get_one(Prompt, sample["prompt_id"])
        assert tokenizer.encode_conversation(shown.messages) == comparison.prompts[2]
        assert sample["prompt"] == shown.text
        assert sample["before"] == tokenizer.decode(comparison.prompts[0][:3])
        assert sample["after"] == tokenizer.decode(comparison.prompts[1][:3])
        assert sample["before_scored"] == {"score": -0.5, "deviation": None}
        assert sample["after_scored"] == {"score": 1.25, "deviation": 0.75}
        assert version.metrics["evaluation"]["win_rate"] == 0.75
        assert version.metrics["verdict"]["sentences"][0].startswith("Underfit: by the judge"), "nobody watched it"


@pytest.mark.usefixtures("comparison")
def test_another_temperature_is_told_apart(harness: Harness) -> None:
    policy = add(harness, VersionKind.POLICY, 5.0)
    add(harness, VersionKind.REWARD, 7.0, active=True)
    job = run_inline(harness, queue(harness, "evaluate", version_id=policy.id, temperature=1.0))
    assert job.status is JobStatus.SUCCEEDED, job.error
    with harness.readers() as session:
        metrics = versions.get_version(session, policy.id).metrics
    assert list(metrics) == ["evaluations_apart"], "neither evaluation nor verdict, flags and samples"
    assert metrics["evaluations_apart"]["1"]["win_rate"] == 0.75


@pytest.mark.usefixtures("comparison")
def test_what_was_said_of_a_watched_training_stays(harness: Harness) -> None:
    policy = add(harness, VersionKind.POLICY, 5.0)
    add(harness, VersionKind.REWARD, 7.0, active=True)
    watched = {"verdict": {"over_optimized": True}, "validations": []}
    with transaction(harness.sessions) as session:
        versions.get_version(session, policy.id).metrics = watched
    assert run_inline(harness, queue(harness, "evaluate", version_id=policy.id)).status is JobStatus.SUCCEEDED
    with harness.readers() as session:
        assert versions.get_version(session, policy.id).metrics["verdict"] == watched["verdict"]


class Learned:
    """What the reward model's trainer was called with."""

    groups: Sequence[RankedGroup]
    samples: Pairs
    hparams: RewardHparams


@pytest.fixture
def reward(monkeypatch: pytest.MonkeyPatch) -> Learned:
    learned = Learned()

    def train(
        sft: Llama, groups: Sequence[RankedGroup], samples: Pairs, hparams: RewardHparams, *, reader: Reader, **_: Any
    ) -> Generator[Progress, None, RewardResult]:
        learned.groups, learned.samples, learned.hparams = groups, samples, hparams
        yield Progress(1, 1)
        columns = Columns.fit(reader.read(samples, EndTokens(4)), range(len(samples)))[0]
        size = len(columns.prior.means)
        head = Head(torch.ones(size).double(), torch.eye(size).double(), 0.0, 1.0, 1.0)
        scorers = dict.fromkeys(PARTS, PreferenceScorer(reader, columns, head))
        metrics: dict[str, float | str] = {"held_out_accuracy": 0.6}
        influences = [Influence(-at, 0.5) if at else None for at in range(len(groups))]
        surprises = [float(at) if at else None for at in range(len(groups))]
        made = RewardModel.from_sft(sft, 1, seed=0)
        return RewardResult(scorers, made, metrics, influences=influences, surprises=surprises)

    monkeypatch.setattr(reward_handler, "train_reward_model", train)
    return learned


def add_group(harness: Harness, messages: list[Message], version_id: int, answers: list[list[int]]) -> int:
    """Shown in another order than it was sampled in; ranked, the first sampled answer best."""
    with transaction(harness.sessions) as session:
        prompt = prompts.add_prompt(session, messages=messages, source=PromptSource.OWN)
        group = groups.add_group(
            session,
            groups.NewGroup(prompt=prompt, writers=Writers.all_by(version_id), params=SamplingParams(), seed=0),
            [SampledAnswer("text", answer, "stop") for answer in answers],
            shuffle_seed=3,
            lease_seconds=LEASE_SECONDS,
        )
        assert [answer.sample_index for answer in group.completions] != [0, 1, 2, 3]
        labeler = labelers.get_or_create_labeler(session, "person")
        ranks = {str(answer.id): 1 + answer.sample_index for answer in group.completions}
        ranking = Ranking(group_id=group.id, labeler_id=labeler.id, ranks=ranks)
        session.add(ranking)
        session.flush()
        return ranking.id


def test_ranks_belong_to_their_answers_whatever_order_they_were_shown_in(harness: Harness, reward: Learned) -> None:
    talk: list[Message] = [
        Message(role="user", content="Hi"),
        Message(role="assistant", content="Hello"),
        Message(role="user", content="Tea?"),
    ]
    answers = [[20 + n, 30 + n, 4] for n in range(4)]
    ranking_id = add_group(harness, talk, 1, answers)
    job = run_inline(harness, queue(harness, "train_reward", normalization_samples=4))
    assert job.status is JobStatus.SUCCEEDED, job.error
    *others, last = reward.groups
    tokenizer = read_tokenizer(harness.settings.version_directory("versions/1-sft"))
    assert last.prompt_tokens == tokenizer.encode_conversation(talk)
    assert (last.completions, last.ranks) == (answers, [1, 2, 3, 4]), "the tokens as sampled, each with its own rank"
    for group in others:  # in this world the shorter answer is the better one
        assert [len(answer) for answer in group.completions] == [4, 7, 10, 13]
        assert group.ranks in ([1, 2, 3, 4], [1, 1, 2, 3])
    made = version_of_job(harness, job.id)
    with harness.readers() as session:
        assert versions.ranking_ids(session, made) == [1, 2, 3, 4, ranking_id]
    assert reward.hparams.normalization_samples == 4
    directory = harness.settings.version_directory(made.path)
    verify_directory(directory, made.content_hash)
    assert load_reward_model(directory).config.num_hidden_layers == 1


def test_withdrawn_rankings_teach_nothing(harness: Harness, reward: Learned) -> None:
    with transaction(harness.sessions) as session:
        ranking = session.get_one(Ranking, 2)
        ranking.withdrawn_at = ranking.created_at
    job = run_inline(harness, queue(harness, "train_reward", normalization_samples=4))
    assert job.status is JobStatus.SUCCEEDED, job.error
    assert len(reward.groups) == 3
    with harness.readers() as session:
        made = version_of_job(harness, job.id)
        assert versions.ranking_ids(session, made) == [1, 3, 4]
        known = [session.get_one(VersionRanking, (made.id, ranking_id)) for ranking_id in (1, 3, 4)]
        told = [(each.influence, each.influence_error, each.surprise) for each in known]
        assert told == [(None, None, None), (-1, 0.5, 1), (-2, 0.5, 2)]


@pytest.mark.usefixtures("reward")
def test_the_next_training_reads_new_answers_alone(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    read = reads_counted(monkeypatch)
    for samples in (8, 8, 12):
        job = run_inline(harness, queue(harness, "train_reward", normalization_samples=samples))
        assert job.status is JobStatus.SUCCEEDED, job.error
    assert [read[0], read[1]] == [8, 0]
    assert read[2] == 4
    assert len(list(harness.settings.readings_directory.iterdir())) == 1


def test_scores_are_normalized_on_answers_of_the_sft_version(harness: Harness, reward: Learned) -> None:
    """Stored ones, the newest first taken; what is missing is sampled on training prompts, by the job's seed."""
    policy = add(harness, VersionKind.POLICY, 5.0, active=True)
    add_group(harness, [Message(role="user", content="Of the policy")], policy.id, [[40 + n, 4] for n in range(4)])
    stored = 16  # four groups of four
    params = {"normalization_samples": stored + 5}
    drawn: list[Pairs] = []
    for _ in range(2):
        job = run_inline(harness, queue(harness, "train_reward", **params))
        assert job.status is JobStatus.SUCCEEDED, job.error
        drawn.append(reward.samples)
    assert drawn[0] == drawn[1], "another attempt would normalize by other samples"
    assert not [answer for _, answer in drawn[0][:stored] if len(answer) not in (4, 7, 10, 13)], "the policy's answers"
    training = tokens_of(harness, PromptSplit.TRAIN)
    assert len(drawn[0]) == stored + 5
    assert all(prompt in training for prompt, _ in drawn[0])
    run_inline(harness, queue(harness, "train_reward", normalization_samples=3))
    assert [len(answer) for _, answer in reward.samples] == [7, 10, 13], "the newest"


def test_the_order_of_the_worlds_prompts(harness: Harness) -> None:
    """Prompts come in the order that was asked for, though the database has its own."""
    with harness.readers() as session:
        ids = training_data.training_prompt_ids(session, 1_000, seed=0)[:7]
        assert ids != sorted(ids)
        assert [prompt.id for prompt in training_data.prompts_by_id(session, ids)] == ids
