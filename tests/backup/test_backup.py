"""`fourfold backup` while people rank and a job runs: nothing is lost, and what is not whole is told."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import select

from app.backup import backup as backup_module
from app.backup.archive import BackupError
from app.backup.backup import PREFIX, backup_to_file
from app.backup.database import snapshot
from app.db.base import utc_now
from app.db.models.jobs import JobStatus
from app.db.models.rankings import Ranking
from app.db.models.versions import Version
from app.db.session import make_session_factory, open_database, transaction
from app.model_info.weights import CHECKSUMS, WEIGHTS, file_hash
from app.processes.parent_watch import settings_environment
from app.services.jobs import jobs
from app.settings.config import Settings
from tests.api.conftest import ranks_of
from tests.backup.copies import back, command, elsewhere, files_of, killed
from tests.live import LiveServer, live_server, quick_settings
from tests.repository import REPOSITORY
from tests.waiting import PATIENCE_SECONDS, wait_for
from tests.worker.harness import Harness
from tests.worker.world import make_world

SUM_TO_20 = 210


def test_every_ranking_is_there_and_the_job_goes_on(tmp_path: Path, tiny_model_dir: Path) -> None:
    """A stream of rankings before, during and after; a training held at a step behind its checkpoint."""
    here = make_world(tmp_path / "here", tiny_model_dir, retrain_after_rankings=1_000)
    there: Harness | None = None
    try:
        job = here.add_job(steps=20, seconds=0, hold_at=[4])
        here.start_worker()
        here.wait_until(job, lambda row: row.step == 4, "fourth step")
        before, stop, ranked = threading.Event(), threading.Event(), list[int]()

        def rank(server: LiveServer) -> None:
            with httpx2.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as client:
                while not stop.is_set():
                    group = client.post("/api/v1/groups/next").json()
                    url = f"/api/v1/groups/{group['group_id']}/rankings"
                    ranked.append(client.post(url, json={"ranks": ranks_of(group)}).json()["ranking_id"])
                    if len(ranked) >= 5:
                        before.set()

        with live_server(here.settings) as server:
            thread = threading.Thread(target=rank, args=(server,))
            thread.start()
            assert before.wait(PATIENCE_SECONDS)
            acknowledged = list(ranked)
            try:
                made = backup_to_file(here.settings, tmp_path / "all.backup")
            finally:
                stop.set()
                thread.join()
        assert made.missing == ()
        assert f"jobs/{job}/checkpoint.pt" in {entry.name for entry in made.files}

        settings = elsewhere(here.settings, tmp_path / "there")
        back(settings, tmp_path / "all.backup")
        there = Harness(**settings.model_dump())
        with there.readers() as session:
            kept = set(session.scalars(select(Ranking.id)))
        assert set(acknowledged) <= kept
        there.start_worker()
        (ended,) = there.wait_over(job)
        assert (ended.status, ended.attempts) == (JobStatus.SUCCEEDED, 2)
        assert ended.result is not None
        assert ended.result["total"] == SUM_TO_20
        assert there.trace(job)[0]["step"] == 5, "from the checkpoint"
        with there.readers() as session:
            assert [point.step for point in jobs.metrics_since(session, job)] == list(range(1, 21))
        with transaction(there.sessions) as session:  # ids go on behind those that were restored
            group = session.scalars(select(Ranking.group_id)).first()
            session.add(Ranking(group_id=group, labeler_id=1, ranks={}, withdrawn_at=utc_now()))
            session.flush()
            assert session.scalars(select(Ranking.id).order_by(Ranking.id.desc())).first() == max(kept) + 1
        with live_server(settings) as server:
            wait_for(lambda: server.client.get("/readyz").status_code == 200, "readiness")
    finally:
        here.close()
        if there is not None:
            there.close()


def test_a_version_that_is_removed_meanwhile(
    installed: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Marked and deleted between the copy of the database and that of the files: the next copy knows it."""
    database = open_database(installed.resolved_database_url)
    with transaction(make_session_factory(database)) as session:
        row = session.get_one(Version, 1)
        session.add(Version(kind=row.kind, path="versions/2-sft", content_hash=row.content_hash))
    times: list[int] = []

    def then_removed(*arguments: object) -> None:
        snapshot(*arguments)  # type: ignore[arg-type]
        times.append(1)
        with transaction(make_session_factory(database)) as session:
            session.get_one(Version, 2).removed_at = utc_now()

    monkeypatch.setattr(backup_module, "snapshot", then_removed)
    assert backup_to_file(installed, tmp_path / "a").missing == ()
    assert len(times) == 2
    database.dispose()


@pytest.mark.parametrize("lost", [["tokenizer.json"], ["config.json", CHECKSUMS]])
def test_a_version_that_is_not_whole_is_told(installed: Settings, tmp_path: Path, lost: list[str]) -> None:
    for name in lost:
        (installed.data_dir / "versions" / "1-sft" / name).unlink(missing_ok=True)
    assert backup_to_file(installed, tmp_path / "a").missing == ("versions/1-sft",)


def test_the_command_tells_what_is_not_whole(installed: Settings, tmp_path: Path) -> None:
    (installed.data_dir / "versions" / "1-sft" / "tokenizer.json").unlink()
    done = command(installed, "backup", str(tmp_path / "a"))
    assert b"versions/1-sft is incomplete and is not in the backup" in done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize("how", ["its list", "its weights", "its list, which is no list"])
def test_a_version_that_is_damaged_is_told(installed: Settings, tmp_path: Path, how: str) -> None:
    """No program would load it again; nothing else is left out for its sake."""
    folder = installed.data_dir / "versions" / "2-sft"
    shutil.copytree(installed.data_dir / "versions" / "1-sft", folder)
    (folder / CHECKSUMS).write_text(json.dumps({WEIGHTS: file_hash(folder / WEIGHTS)}))
    database = open_database(installed.resolved_database_url)
    with transaction(make_session_factory(database)) as session:
        row = session.get_one(Version, 1)
        session.add(Version(kind=row.kind, path="versions/2-sft", content_hash=row.content_hash))
    database.dispose()
    assert backup_to_file(installed, tmp_path / "a").missing == ()
    if how == "its weights":
        content = bytearray((folder / WEIGHTS).read_bytes())
        content[-1] ^= 1
        (folder / WEIGHTS).write_bytes(content)
    else:
        (folder / CHECKSUMS).write_text("{" if how == "its list" else "[7]")
    made = backup_to_file(installed, tmp_path / "a")
    assert made.missing == ("versions/2-sft",)
    names = {entry.name for entry in made.files}
    assert "versions/1-sft/model.safetensors" in names
    assert not any(name.startswith("versions/2-sft/") for name in names)
    back(elsewhere(installed, tmp_path / "there"), tmp_path / "a")


@pytest.mark.parametrize(
    "name",
    ["fourfold.db", "fourfold.db-wal", "engine.db", "versions/1-sft/config.json", "versions/b", "jobs/b", "workers/b"],
)
def test_a_backup_takes_no_place_of_the_installation_itself(installed: Settings, name: str) -> None:
    for folder in ("jobs", "workers"):
        (installed.data_dir / folder).mkdir(exist_ok=True)
    before = files_of(installed.data_dir)
    with pytest.raises(BackupError, match="is a part of the installation itself"):
        backup_to_file(installed, installed.data_dir / name)
    assert files_of(installed.data_dir).items() >= {n: c for n, c in before.items() if "-wal" not in n}.items()


def test_the_command_knows_such_a_place_by_another_way_to_it(installed: Settings) -> None:
    before = files_of(installed.data_dir)
    done = command(installed, "backup", str(installed.data_dir / "versions" / ".." / "fourfold.db"))
    assert done.returncode == 1
    assert b"is a part of the installation itself" in done.stderr
    assert files_of(installed.data_dir)["fourfold.db"] == before["fourfold.db"]


@pytest.mark.sqlite
def test_nor_of_a_database_elsewhere(installed: Settings, tmp_path: Path) -> None:
    """Nor that of a device, which root could replace; a file in the data folder that is nothing else may be one."""
    (tmp_path / "other").mkdir()
    shutil.copy(installed.data_dir / "fourfold.db", tmp_path / "other" / "mine.db")
    changed = installed.model_copy(update={"database_url": f"sqlite:///{tmp_path}/other/mine.db"})
    with pytest.raises(BackupError, match="part of the installation"):
        backup_to_file(changed, tmp_path / "other" / "mine.db")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BackupError, match="not a regular file"):
        backup_to_file(installed, tmp_path / "pipe")
    assert (tmp_path / "pipe").is_fifo()
    backup_to_file(installed, installed.data_dir / "mine.backup")


@pytest.mark.sqlite
def test_nothing_to_back_up(installed: Settings, tmp_path: Path) -> None:
    nowhere = quick_settings(tmp_path / "nowhere", installed.model_dir)
    with pytest.raises(BackupError, match="There is no database"):
        backup_to_file(nowhere, tmp_path / "a")
    with pytest.raises(BackupError, match="is a folder"):
        backup_to_file(installed, tmp_path)
    with pytest.raises(BackupError, match="could not be written"):
        backup_to_file(installed, tmp_path / "no" / "such" / "folder")
    assert not (tmp_path / "a").exists()
    assert not nowhere.data_dir.exists()


@pytest.mark.parametrize(("limit", "says"), [(100_000, "could not be copied"), (4_000_000, "could not be written")])
def test_a_full_disk_leaves_the_backup_before(installed: Settings, tmp_path: Path, limit: int, says: str) -> None:
    """A real one: this process may write no file of that size; the database's copy, then the backup itself."""
    (installed.data_dir / "versions" / "1-sft" / "training.json").write_bytes(os.urandom(5_000_000))
    (tmp_path / "a").write_text("the one before")
    limited = f"import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}));" + (
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); from app.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited, "backup", str(tmp_path / "a")],
        env=os.environ | settings_environment(installed),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "a").read_text() == "the one before"
    assert list(tmp_path.glob(f"{PREFIX}*")) == []


def test_a_killed_backup_leaves_nothing_half(installed: Settings, tmp_path: Path) -> None:
    target = tmp_path / "out" / "a"
    target.parent.mkdir()
    killed(installed, "app.backup.backup", "write_archive", "backup", str(target))
    assert not target.exists()
    assert len(list(target.parent.iterdir())) == 1
    backup_to_file(installed, target)
    assert list(target.parent.iterdir()) == [target], "the next one clears what it left"
