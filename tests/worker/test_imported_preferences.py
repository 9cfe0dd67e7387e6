"""A reward model learns from imported preferences beside those that were given here: by their texts, weighed alike."""

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import select

from app.db.models.jobs import JobStatus
from app.db.models.versions import VersionRanking
from app.db.session import make_session_factory
from app.lm.files.checkpoint import read_tokenizer
from app.services.data import training_data
from app.services.data.imports import Importer
from app.services.sampling.fitting import Fitting
from app.worker.handlers.ranked_groups import ranked_groups
from app.worker.run import JobRun
from tests.live import ScriptedEngine
from tests.worker.harness import Harness
from tests.worker.world import idle_run, make_world, queue, run_inline, version_of_job, versions_of

REWARD = {"normalization_samples": 8, "num_layers": 2}
PAIR = {"prompt": "Wash hands?", "chosen": "Use soap.", "rejected": "No."}
TIE = {"prompt": "Tea?", "chosen": "warm water", "rejected": "soap", "tie": True}
FIVE = {"prompt": "Tell me", "answers": [*"abcde"], "scores": [3, 1, 2, 2, 5]}
TOKENS = {"text": "Use soap.", "rank": 1, "tokens": [2**31 - 1]}
STRANGE = {"prompt": "Dry them?", "answers": [TOKENS, {"text": "warm", "rank": 2}]}


@pytest.fixture
def harness(tmp_path: Path, tiny_model_dir: Path) -> Iterator[Harness]:
    made = make_world(tmp_path / "data", tiny_model_dir, ranked=2)
    importer = Importer(make_session_factory(made.database), max_characters=200, retrain_after=999)
    file = BytesIO("\n".join(map(json.dumps, (PAIR, TIE, FIVE, STRANGE))).encode())
    assert importer.run(file, Fitting(ScriptedEngine(), (1,), (1,), answer_tokens=10)).rankings == 4
    yield made
    made.close()


def test_a_reward_model_learns_from_pairs_ties_and_longer_rankings(harness: Harness) -> None:
    job = run_inline(harness, queue(harness, "train_reward", **REWARD))
    assert job.status is JobStatus.SUCCEEDED, job.error
    version = version_of_job(harness, job.id)
    with harness.readers() as session:
        learned = session.scalars(
            select(VersionRanking.ranking_id).where(VersionRanking.version_id == version.id)
        ).all()
        assert sorted(learned) == training_data.ranking_ids_in_force(session)
    # two of four answers here (six pairs each, none tied), a pair, a tie, ten pairs with one tie, a pair
    assert version.metrics["num_rankings"] == 6
    assert version.metrics["num_comparisons"] == 2 * 6 + 1 + 9 + 1
    assert version.metrics["num_ties"] == 1 + 1


def test_what_takes_long_before_the_first_step_is_told(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(JobRun, "say", lambda _run, message: said.append(message))
    run_inline(harness, queue(harness, "train_reward", **REWARD))
    assert said[-1] == "Reading 19 ranked answers"


def test_imported_answers_are_read_by_their_texts_and_no_policy_wrote_them(harness: Harness) -> None:
    """Tokens that a file gives are not looked at: they may be another model's, or of no model."""
    run = idle_run(harness)
    with harness.readers() as session:
        ids = training_data.ranking_ids_in_force(session)
        assert len(training_data.answer_ids_of_version(session, 1, 99)) == 8
        assert [set(each.version_ids) for each in training_data.ranked_answers(session, ids)] == [
            {1},
            {1},
            *[{None}] * 4,
        ]
    inputs = {"ranking_ids": ids, "sft_version_id": 1}
    tokenizer = read_tokenizer(harness.settings.version_directory(versions_of(harness)[0].path))
    groups = list(ranked_groups(run, tokenizer, inputs, 256).values())
    assert [len(group.completions) for group in groups] == [4, 4, 2, 2, 5, 2]
    assert [group.ranks for group in groups[2:]] == [[1, 2], [1, 1], [2, 4, 3, 3, 1], [1, 2]]
    written = [*tokenizer.encode("Use soap."), tokenizer.end_id]
    assert groups[2].completions[0] == written == groups[5].completions[0]
