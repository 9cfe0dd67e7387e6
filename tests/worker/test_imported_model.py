"""`fourfold import-model`, then the loop on what it brought: rewards, policies, files are the imported family's."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.__main__ import cli
from app.db.models.jobs import JobStatus
from app.db.models.versions import VersionStatus
from app.db.session import transaction
from app.lm.files.checkpoint import load_model
from app.services.data import training_data
from app.worker.handlers.ranked_groups import ranked_groups
from tests.lm.files.gguf.tiny_published import make_wheel, use_wheel
from tests.small_disk import small_disk
from tests.worker.harness import Harness
from tests.worker.world import check_files, idle_run, make_world, queue, run_inline, version_of_job, versions_of

transformers = pytest.importorskip("transformers")

REWARD = {"normalization_samples": 8, "num_layers": 2}
POLICY = {"total_episodes": 4, "batch_size": 4, "max_tokens": 4, "num_frozen_layers": 1, "validation_prompts": 2}


@pytest.fixture
def harness(tmp_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Harness]:
    made = make_world(tmp_path / "data", tiny_model_dir)
    made.name_in_environment(monkeypatch)
    yield made
    made.close()


@pytest.fixture
def bring_in(tmp_path: Path) -> Callable[..., Any]:
    def import_model(*options: str, case: str = "qwen2", style: str = "chatml") -> Any:
        from tests.lm.files.imported_models import save_random_model

        save_random_model(tmp_path / "Tiny-Qwen", case, style=style)
        return CliRunner().invoke(cli, ["import-model", str(tmp_path / "Tiny-Qwen"), *options])

    return import_model


def test_the_loop_goes_on_with_an_imported_model(harness: Harness, bring_in: Callable[..., Any]) -> None:
    old_reward = version_of_job(harness, run_inline(harness, queue(harness, "train_reward", **REWARD)).id)
    told = bring_in()
    assert told.exit_code == 0, told.output
    assert "Tiny-Qwen is version 3 (qwen2, " in told.output
    assert "256 tokens of context), copied to versions/3-sft; it answers from now on." in told.output
    imported = versions_of(harness)[2]
    assert imported.metrics["model_type"] == "qwen2"
    assert versions_of(harness)[1].status is VersionStatus.RETIRED  # the reward model of the former one
    misfit = run_inline(harness, queue(harness, "evaluate", version_id=3, reward_version_id=old_reward.id))
    assert misfit.error is not None
    assert "was trained for the answers of SFT version 1" in misfit.error
    reward = run_inline(harness, queue(harness, "train_reward", **REWARD))
    assert reward.status is JobStatus.SUCCEEDED, reward.error
    made = version_of_job(harness, reward.id)
    assert (made.parent_id, made.status) == (3, VersionStatus.ACTIVE)
    ppo = run_inline(harness, queue(harness, "train_policy", **POLICY))
    assert ppo.status is JobStatus.SUCCEEDED, ppo.error
    policy = version_of_job(harness, ppo.id)
    assert (policy.parent_id, policy.reward_version_id) == (3, made.id)
    folder = harness.settings.data_dir
    assert type(transformers.AutoModelForCausalLM.from_pretrained(folder / policy.path)).__name__ == "Qwen2ForCausalLM"
    scorer = transformers.AutoModelForSequenceClassification.from_pretrained(folder / made.path)
    assert type(scorer).__name__ == "Qwen2ForSequenceClassification"
    check_files(harness)


def test_a_gguf_file_becomes_a_version_by_the_same_command(harness: Harness, tmp_path: Path) -> None:
    from tests.lm.files.gguf.gguf_files import write_gguf
    from tests.lm.files.imported_models import save_random_model

    save_random_model(tmp_path / "model", "llama")
    file = write_gguf(tmp_path / "model", tmp_path / "Tiny.Q8_0.gguf", without=("tokenizer.chat_template",))
    refused = CliRunner().invoke(cli, ["import-model", str(file)])
    assert refused.exit_code == 1
    assert "--plain" in str(refused.exception)
    check_files(harness)
    told = CliRunner().invoke(cli, ["import-model", str(file), "--plain", "--language", "en"])
    assert told.exit_code == 0, told.output
    assert "Tiny.Q8_0 is version 2 (llama, " in told.output
    assert "It has no chat template" in told.output
    assert versions_of(harness)[1].metrics["languages"] == ["en"]
    check_files(harness)


def test_a_path_that_leads_to_no_model_is_told_with_what_is_there(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / "Tiny.Q4_K_M.gguf").write_bytes(b"GGUF")
    os.mkfifo(tmp_path / "pipe")
    for path, said in (
        (tmp_path / "Tinny.gguf", "Tinny.gguf' does not exist"),
        (tmp_path / "pipe", "neither a file nor a folder"),
        (tmp_path / "downloads", "downloads/Tiny.Q4_K_M.gguf"),
        ("x" * 300, "File name too long"),
    ):
        told = CliRunner().invoke(cli, ["import-model", str(path)], env={"COLUMNS": "1000"})
        assert told.exit_code == 2, told.output
        assert said in told.output
    check_files(harness)


def test_a_file_in_the_hubs_cache_has_the_name_of_its_link(harness: Harness, tmp_path: Path) -> None:
    """The file itself is named by its checksum there."""
    wheel_folder = tmp_path / "wheel"
    make_wheel(wheel_folder)
    blob = (wheel_folder / "Tiny.F32.gguf").rename(tmp_path / ("0f" * 32))
    (tmp_path / "Tiny-Instruct.F32.gguf").symlink_to(blob)
    told = CliRunner().invoke(cli, ["import-model", str(tmp_path / "Tiny-Instruct.F32.gguf")])
    assert "Tiny-Instruct.F32 is version 2" in told.output
    check_files(harness)


def test_a_disk_that_is_full_in_the_middle_keeps_what_was_there(
    harness: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By command and by job; the file by name was unpacked already."""
    from app.lm.files import importing, published

    wheel = make_wheel(tmp_path / "wheel")
    use_wheel(monkeypatch, *wheel)

    def on_small_disk(*arguments: Any, **named: Any) -> importing.ImportedModel:
        with small_disk(16_384):
            return import_file(*arguments, **named)

    import_file = importing.import_file
    monkeypatch.setattr(importing, "import_file", on_small_disk)
    monkeypatch.setattr(published, "import_file", on_small_disk)
    told = CliRunner().invoke(cli, ["import-model", str(tmp_path / "wheel" / "Tiny.F32.gguf")])
    job = run_inline(harness, queue(harness, "get_model"))
    assert (told.exit_code, job.status) == (1, JobStatus.FAILED)
    for said in (str(told.exception), job.error or ""):
        assert "could not be saved: the disk is full. Free some disk space" in said
    assert [version.status for version in versions_of(harness)] == [VersionStatus.ACTIVE]
    check_files(harness)


def test_rankings_of_another_models_answers_are_read_by_their_texts(
    harness: Harness, bring_in: Callable[..., Any]
) -> None:
    """Their token ids mean something else, or nothing, to the new model."""
    assert bring_in(case="mistral", style="mistral").exit_code == 0
    _, tokenizer = load_model(harness.settings.version_directory(versions_of(harness)[1].path))
    with harness.readers() as session:
        ids = training_data.ranking_ids_in_force(session)
        [first, *_] = training_data.ranked_answers(session, ids)

    for sft_id, wanted in (
        (1, first.answers),
        (2, [[*tokenizer.encode(text), tokenizer.end_id] for text in first.texts]),
    ):
        inputs = {"ranking_ids": ids, "sft_version_id": sft_id}
        [found, *_] = ranked_groups(idle_run(harness), tokenizer, inputs, 512).values()
        assert found.completions == wanted


def test_it_waits_where_it_shall_not_answer(harness: Harness, bring_in: Callable[..., Any]) -> None:
    told = bring_in("--no-activate")
    assert "it waits (POST /api/v1/versions/2/activate)" in told.output
    assert [version.status for version in versions_of(harness)] == [VersionStatus.ACTIVE, VersionStatus.CANDIDATE]


def test_what_is_refused_leaves_no_trace(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "gemma").mkdir()
    (tmp_path / "gemma" / "config.json").write_text('{"model_type": "gemma2"}')
    told = CliRunner().invoke(cli, ["import-model", str(tmp_path / "gemma")])
    assert told.exit_code == 1
    assert "gemma2 is not of the Llama family" in str(told.exception)
    check_files(harness)


def test_a_record_that_cannot_be_written_takes_the_files_back(
    harness: Harness, bring_in: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.services.lifecycle import installing

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(installing, "add_version", fail)
    assert bring_in().exit_code == 1
    monkeypatch.undo()
    with transaction(harness.sessions):
        pass
    check_files(harness)
