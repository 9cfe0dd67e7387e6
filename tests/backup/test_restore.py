"""`fourfold restore`: what comes back is what was there, and a restore that is cut off leaves nothing half."""

import errno
import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from sqlalchemy import select

from app.backup import backup as backup_module
from app.backup.archive import BackupError
from app.backup.backup import backup_to_file, backup_to_stream
from app.db.models.rankings import Ranking
from app.db.models.versions import Version
from app.db.session import make_read_session_factory, make_session_factory, open_database, transaction
from app.processes.parent_watch import settings_environment
from app.settings.config import Settings
from tests import databases
from tests.backup.copies import back, command, elsewhere, files_of, killed
from tests.live import quick_settings
from tests.repository import REPOSITORY


def rows(settings: Settings) -> list[tuple[object, ...]]:
    database = open_database(settings.resolved_database_url)
    try:
        with make_read_session_factory(database)() as session:
            versions = session.execute(select(Version.id, Version.path, Version.status, Version.metrics))
            rankings = session.execute(select(Ranking.id, Ranking.ranks, Ranking.created_at).order_by(Ranking.id))
            return [tuple(row) for row in [*versions, *rankings]]
    finally:
        database.dispose()


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
