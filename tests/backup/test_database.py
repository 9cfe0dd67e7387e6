"""Backups across schemas and databases: older, newer, SQLite to PostgreSQL and back."""

import io
import sqlite3
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import IO

import pytest
from alembic.command import downgrade as alembic_downgrade
from sqlalchemy import select, text

from app.backup.archive import DATABASE, Entry, pack, write_archive
from app.backup.backup import backup_to_file
from app.db.base import Base
from app.db.models.groups import Group
from app.db.models.jobs import Job
from app.db.models.labelers import Labeler, LabelerKind
from app.db.models.prompts import Prompt
from app.db.models.rankings import Ranking
from app.db.schema import _alembic_config, known_revisions, migrating
from app.db.session import make_read_session_factory, make_session_factory, open_database, transaction
from app.installation import install
from app.settings.config import Settings
from tests.backup.copies import back, elsewhere, files_of
from tests.live import live_server, quick_settings
from tests.waiting import wait_for


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
