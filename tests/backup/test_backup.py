"""`fourfold backup` while people rank and a job runs, `fourfold restore` elsewhere: nothing lost, the job goes on."""

import errno
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import threading
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import IO

import httpx2
import pytest
from alembic.command import downgrade as alembic_downgrade
from sqlalchemy import select, text

from app.backup import backup as backup_module
from app.backup.archive import DATABASE, BackupError, Entry, pack, write_archive
from app.backup.backup import PREFIX, backup_to_file, backup_to_stream
from app.backup.database import snapshot
from app.backup.restore import restore
from app.db.base import Base, utc_now
from app.db.models.groups import Group
from app.db.models.jobs import Job, JobStatus
from app.db.models.labelers import Labeler, LabelerKind
from app.db.models.prompts import Prompt
from app.db.models.rankings import Ranking
from app.db.models.versions import Version
from app.db.schema import _alembic_config, known_revisions, migrating
from app.db.session import make_read_session_factory, make_session_factory, open_database, transaction
from app.installation import install
from app.model_info.weights import CHECKSUMS, WEIGHTS, file_hash
from app.processes.parent_watch import settings_environment
from app.services.jobs import jobs
from app.settings.config import Settings
from tests import databases
from tests.api.conftest import ranks_of
from tests.live import LiveServer, live_server, quick_settings
from tests.repository import REPOSITORY
from tests.waiting import PATIENCE_SECONDS, wait_for
from tests.worker.harness import Harness
from tests.worker.world import make_world

SUM_TO_20 = 210


def elsewhere(settings: Settings, folder: Path) -> Settings:
    """The same settings for an empty installation."""
    changed = {"data_dir": folder, "database_url": databases.empty_database_url(folder)}
    return Settings(**(settings.model_dump() | changed))


def back(settings: Settings, path: Path) -> None:
    with path.open("rb") as source:
        restore(settings, source)


def files_of(folder: Path) -> dict[str, bytes]:
    names = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in names}


def rows(settings: Settings) -> list[tuple[object, ...]]:
    database = open_database(settings.resolved_database_url)
    try:
        with make_read_session_factory(database)() as session:
            versions = session.execute(select(Version.id, Version.path, Version.status, Version.metrics))
            rankings = session.execute(select(Ranking.id, Ranking.ranks, Ranking.created_at).order_by(Ranking.id))
            return [tuple(row) for row in [*versions, *rankings]]
    finally:
        database.dispose()


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


@pytest.fixture
def installed(tiny_model_dir: Path, data_dir: Path) -> Settings:
    return quick_settings(data_dir, tiny_model_dir)


def test_what_is_restored_is_what_was_there(installed: Settings, tmp_path: Path) -> None:
    """Byte for byte; files that are equal are in it once; the restored one can be backed up and restored again."""
    first = installed.data_dir / "versions" / "1-sft"
    shutil.copytree(first, installed.data_dir / "versions" / "2-sft")
    database = open_database(installed.resolved_database_url)
    with transaction(make_session_factory(database)) as session:
        row = session.get_one(Version, 1)
        session.add(Version(kind=row.kind, path="versions/2-sft", content_hash=row.content_hash, metrics={"好": [1.5]}))
    database.dispose()
    (first / ".unfinished").write_text("no")
    made = backup_to_file(installed, tmp_path / "a")
    (first / ".unfinished").unlink()
    with tarfile.open(tmp_path / "a") as tar:
        assert tar.getnames()[:2] == ["manifest.json", "fourfold.db.gz"]
        assert sum(name.endswith("model.safetensors") for name in tar.getnames()) == 1
    assert (made.program, len(made.schema)) != ("", 0)
    once, twice = elsewhere(installed, tmp_path / "once"), elsewhere(installed, tmp_path / "twice")
    back(once, tmp_path / "a")
    assert files_of(once.data_dir / "versions") == files_of(installed.data_dir / "versions")
    assert rows(once) == rows(installed)
    backup_to_file(once, tmp_path / "b")
    back(twice, tmp_path / "b")
    assert rows(twice) == rows(installed)
    assert {path.name for path in twice.data_dir.iterdir()} <= {"fourfold.db", "versions"}


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
    done = command(installed, "backup", str(tmp_path / "a"))
    assert b"versions/1-sft is not whole and is not in the backup" in done.stderr
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
    done = command(installed, "backup", str(installed.data_dir / "versions" / ".." / name))
    assert done.returncode == 1
    assert b"is a part of the installation itself" in done.stderr
    assert files_of(installed.data_dir).items() >= {n: c for n, c in before.items() if "-wal" not in n}.items()


@pytest.mark.sqlite
def test_nor_of_a_database_elsewhere(installed: Settings, tmp_path: Path) -> None:
    """Nor that of a device, which root could replace; a file in the data folder that is nothing else may be one."""
    (tmp_path / "other").mkdir()
    shutil.copy(installed.data_dir / "fourfold.db", tmp_path / "other" / "mine.db")
    changed = installed.model_copy(update={"database_url": f"sqlite:///{tmp_path}/other/mine.db"})
    with pytest.raises(BackupError, match="part of the installation"):
        backup_to_file(changed, tmp_path / "other" / "mine.db")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BackupError, match="no plain file"):
        backup_to_file(installed, tmp_path / "pipe")
    assert (tmp_path / "pipe").is_fifo()
    backup_to_file(installed, installed.data_dir / "mine.backup")


def test_no_standard_input_and_no_room_are_sentences(
    installed: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = elsewhere(installed, tmp_path / "there")
    closed = 'import os, sys; os.close(0); os.execv(sys.executable, [sys.executable, "-m", "app", "restore", "-"])'
    done = subprocess.run(
        [sys.executable, "-c", closed],
        env=os.environ | settings_environment(there),
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert b"There is no standard input" in done.stderr
    assert b"Traceback" not in done.stderr

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(installed.data_dir))

    monkeypatch.setattr(backup_module, "pack", full)
    with pytest.raises(BackupError, match="No space left on device"):
        backup_to_stream(installed, io.BytesIO())


def command(settings: Settings, *arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        env=os.environ | settings_environment(settings),
        cwd=REPOSITORY,
        input=stdin,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_the_commands(installed: Settings, tmp_path: Path) -> None:
    assert command(installed, "backup", str(tmp_path / "all.backup")).returncode == 0
    assert (tmp_path / "all.backup").stat().st_mode & 0o777 == 0o600
    there = elsewhere(installed, tmp_path / "there")
    streamed = command(installed, "backup", "-")
    assert streamed.returncode == 0
    assert command(there, "restore", "-", stdin=streamed.stdout).returncode == 0
    assert rows(there) == rows(installed)
    again = command(there, "restore", str(tmp_path / "all.backup"))
    assert again.returncode == 1
    assert b"move the folder away" in again.stderr or b"Name an empty one" in again.stderr
    assert b"Traceback" not in again.stderr
    nothing = command(there, "restore", str(tmp_path / "none"))
    assert b"cannot be read" in nothing.stderr
    assert (
        b"There is no data folder"
        in command(quick_settings(tmp_path / "no", installed.model_dir), "backup", "-").stderr
    )


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


KILLED = """
import os, signal, sys
import {module} as module
def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
module.{name} = die
from app.__main__ import main
main()
"""


def killed(settings: Settings, module: str, name: str, *arguments: str) -> None:
    """The command, killed (-9) where it calls that function."""
    code = KILLED.format(module=module, name=name)
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | settings_environment(settings),
        cwd=REPOSITORY,
        check=False,
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_a_killed_backup_leaves_nothing_half(installed: Settings, tmp_path: Path) -> None:
    target = tmp_path / "out" / "a"
    target.parent.mkdir()
    killed(installed, "app.backup.backup", "write_archive", "backup", str(target))
    assert not target.exists()
    assert len(list(target.parent.iterdir())) == 1
    backup_to_file(installed, target)
    assert list(target.parent.iterdir()) == [target], "the next one clears what it left"


@pytest.mark.parametrize("name", ["_sync_all", "_put_in_place", "_place"])
def test_a_killed_restore_leaves_nothing_half(installed: Settings, tmp_path: Path, name: str) -> None:
    """Before anything was put in place, and between the folders and the database."""
    backup_to_file(installed, tmp_path / "a")
    there = elsewhere(installed, tmp_path / "there")
    if name == "_place":
        name = "_fill" if databases.is_postgres() else "_place_database"
    killed(there, "app.backup.restore", name, "restore", str(tmp_path / "a"))
    assert not (there.data_dir / "fourfold.db").exists()
    back(there, tmp_path / "a")
    assert rows(there) == rows(installed)
    assert [path.name for path in there.data_dir.iterdir() if path.name.startswith(".")] == []


@pytest.mark.sqlite
def test_a_newer_installation_is_refused(installed: Settings, tmp_path: Path) -> None:
    with closing(sqlite3.connect(installed.data_dir / "fourfold.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(Exception, match="newer Fourfold"):
        backup_to_file(installed, tmp_path / "a")
    assert list(tmp_path.glob("a")) == []


def downgrade(path: Path) -> None:
    """To the first schema that ever was."""
    database = open_database(f"sqlite:///{path}")
    config = _alembic_config()
    with migrating(database) as connection:
        config.attributes["connection"] = connection
        alembic_downgrade(config, "0001")
    database.dispose()


def texts_of(settings: Settings) -> list[tuple[object, ...]]:
    database = open_database(settings.resolved_database_url)
    try:
        with make_read_session_factory(database)() as session:
            groups = session.execute(select(Group.id, Prompt.text, Group.seed, Group.created_at).join(Prompt))
            rankings = session.execute(select(Ranking.id, Ranking.ranks, Ranking.created_at).order_by(Ranking.id))
            return [tuple(row) for row in [*groups, *rankings]]
    finally:
        database.dispose()


def add_ranking(settings: Settings) -> None:
    database = open_database(settings.resolved_database_url)
    with transaction(make_session_factory(database)) as session:
        session.add(Labeler(id=1, name="張　伟", kind=LabelerKind.PERSON))
        prompt = session.scalars(select(Prompt).order_by(Prompt.id)).first()
        assert prompt is not None
        session.flush()
        session.add(Group(id=7, prompt_id=prompt.id, version_id=1, settings={}, seed=2**31 - 1, status="ranked"))
        session.flush()
        session.add(Ranking(group_id=7, labeler_id=1, ranks={"1": 1, "2": 2}))
        session.add(Job(id="a" * 32, number=1, kind="evaluate", dedup_key="x", trigger="person", status="queued"))
    database.dispose()


@pytest.mark.sqlite
def test_an_older_installation_and_an_older_backup_are_brought_up_to_date(installed: Settings, tmp_path: Path) -> None:
    """A backup holds this program's schema, whatever the installation has; one that an older program made holds its
    own."""
    add_ranking(installed)
    expected = texts_of(installed)
    downgrade(installed.data_dir / "fourfold.db")
    made = backup_to_file(installed, tmp_path / "a")
    there = elsewhere(installed, tmp_path / "there")
    back(there, tmp_path / "a")
    assert made.schema == known_revisions()[0]
    assert texts_of(there) == expected
    with closing(sqlite3.connect(installed.data_dir / "fourfold.db")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",), "left as it was"

    old = tmp_path / "old.db"
    with closing(sqlite3.connect(installed.data_dir / "fourfold.db")) as source, closing(sqlite3.connect(old)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
    pack(old, tmp_path / "packed")
    content = old.read_bytes()
    [first, *others] = made.files
    entry = Entry(DATABASE, len(content), sha256(content).hexdigest())
    manifest = replace(made, schema="0001", files=(entry, *others))
    with (tmp_path / "b").open("wb") as file:

        def content_of(name: str) -> IO[bytes]:
            return io.BytesIO((installed.data_dir / name).read_bytes())

        write_archive(file, manifest, content_of, tmp_path / "packed")
    assert first.sha256 != entry.sha256
    again = elsewhere(installed, tmp_path / "again")
    back(again, tmp_path / "b")
    assert texts_of(again) == expected
    with live_server(again) as server:
        wait_for(lambda: server.client.get("/readyz").status_code == 200, "readiness")


def all_rows(settings: Settings) -> dict[str, list[dict[str, object]]]:
    database = open_database(settings.resolved_database_url)
    found = {}
    with database.execution_options(read_only=True).connect() as connection:
        for table in Base.metadata.sorted_tables:
            ordered = select(table).order_by(*table.primary_key.columns)
            found[table.name] = [dict(row) for row in connection.execute(ordered).mappings()]
        nulls = connection.scalar(text("SELECT count(*) FROM jobs WHERE result IS NULL"))
    database.dispose()
    return found | {"jobs without a result": [{"count": nulls}]}


@pytest.mark.postgres
def test_from_sqlite_to_postgresql_and_back(tiny_model_dir: Path, installed_file: Settings, tmp_path: Path) -> None:
    """By FOURFOLD_DATABASE_URL alone: each row of each table is the same, and new ones come behind them."""
    add_ranking(installed_file)
    expected = all_rows(installed_file)
    backup_to_file(installed_file, tmp_path / "a")
    server = elsewhere(installed_file, tmp_path / "server")
    assert server.resolved_database_url.startswith("postgresql")
    back(server, tmp_path / "a")
    assert all_rows(server) == expected
    backup_to_file(server, tmp_path / "b")
    file = installed_file.model_copy(update={"data_dir": tmp_path / "file"})
    file.__dict__.pop("resolved_database_url", None)
    assert file.resolved_database_url == f"sqlite:///{tmp_path}/file/fourfold.db"
    back(file, tmp_path / "b")
    assert all_rows(file) == expected
    assert files_of(file.data_dir / "versions") == files_of(installed_file.data_dir / "versions")
    with live_server(quick_settings(server.data_dir, tiny_model_dir)) as live:
        wait_for(lambda: live.client.get("/readyz").status_code == 200, "readiness")
        group = live.client.post("/api/v1/groups/next").json()
        assert group["group_id"] == 8


@pytest.fixture
def installed_file(tiny_model_dir: Path, tmp_path: Path) -> Settings:
    """On SQLite, whatever the other tests run on."""
    settings = Settings(**(quick_settings(tmp_path / "sqlite", tiny_model_dir).model_dump() | {"database_url": None}))
    install(settings)
    return settings


def test_a_backup_lock_is_free_again(tmp_path: Path) -> None:
    """A folder that another process works in is left alone."""
    from app.backup.workspace import workspace

    with workspace(tmp_path, ".x-") as first:
        with workspace(tmp_path, ".x-") as second:
            assert first.is_dir()
            assert second.is_dir()
        assert first.is_dir()
    assert list(tmp_path.iterdir()) == []
