"""The models of a job: loaded once, weights in common once, and the shortest context of those that are used."""

import json
import shutil

import pytest

from app.db.models.versions import Version
from app.db.session import transaction
from app.errors import GoneError
from app.training.reward.network import RewardModel
from app.training.reward.preference_scorer import PreferenceScorer
from app.worker.handlers.handler import Work
from app.worker.handlers.models import Models
from tests.worker.harness import Harness
from tests.worker.world import idle_run, queue, run_inline, version_of_job

REWARD = {"normalization_samples": 8, "num_layers": 1}


def test_a_model_is_loaded_once(harness: Harness) -> None:
    models = Models(idle_run(harness))
    tokenizer = models.tokenizer(1)
    assert models.policy(1) is models.policy(1)
    assert models.tokenizer(1).encode("one two") == tokenizer.encode("one two")


def test_what_optimizes_and_what_judges_read_with_one_model(harness: Harness) -> None:
    reward = version_of_job(harness, run_inline(harness, queue(harness, "train_reward", **REWARD)).id)
    models = Models(idle_run(harness))
    scorer, judge = models.reward(reward.id), models.judge(reward.id)
    assert isinstance(scorer, PreferenceScorer)
    assert isinstance(judge, PreferenceScorer)
    assert judge.reader is scorer.reader
    assert models.reward(reward.id) is scorer
    assert reward.metrics["judge_rankings"] == 0, "two rankings are not shared"


def test_a_version_of_before_scores_by_its_network_in_memory_once(harness: Harness) -> None:
    reward = version_of_job(harness, run_inline(harness, queue(harness, "train_reward", **REWARD)).id)
    folder = harness.settings.version_directory(reward.path)
    for name in ("scorer.json", "scorer.safetensors", "checksums.json"):
        (folder / name).unlink()
    models = Models(idle_run(harness))
    sft, network = models.policy(1), models.reward(reward.id)
    assert isinstance(network, RewardModel)
    embeddings = network.backbone.model.embed_tokens.weight
    assert embeddings.data_ptr() == sft.model.embed_tokens.weight.data_ptr()
    assert models.judge(reward.id) is network


def test_the_shortest_context_counts(harness: Harness) -> None:
    folder = harness.settings.version_directory("versions/2-sft")
    shutil.copytree(harness.settings.version_directory("versions/1-sft"), folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 100}))
    with transaction(harness.sessions) as session:
        session.add(Version(id=2, kind="sft", path="versions/2-sft", content_hash="0", hparams={}, metrics={}))
    models = Models(idle_run(harness))
    assert models.context_tokens(1) == 512
    assert models.context_tokens(1, 2) == 100
    inputs = {"initial_version_id": 1, "reward_version_id": 2, "prompt_ids": [7]}
    assert Work(idle_run(harness), None, inputs, models).version_ids == {1, 2}


def test_a_removed_version_cannot_be_used(harness: Harness) -> None:
    with transaction(harness.sessions) as session:
        version = session.get_one(Version, 1)
        version.removed_at = version.created_at
    with pytest.raises(GoneError, match="removed"):
        Models(idle_run(harness)).policy(1)
