"""What the migrations do to data that is there, and that they lead to the tables the program knows."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine as Database
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

import app.db.models  # noqa: F401  registers the tables
from app.chat import Message
from app.db.schema import _alembic_config, migrating
from app.db.session import open_database
from app.services.prompts.prompts import digest_of
from tests.repository import REPOSITORY


@pytest.fixture
def empty_database(tmp_path: Path) -> Iterator[Database]:
    made = open_database(f"sqlite:///{tmp_path / 'fourfold.db'}", create=True)
    yield made
    made.dispose()


def migrate(empty_database: Database, revision: str) -> None:
    config = _alembic_config()
    with migrating(empty_database) as connection:
        config.attributes["connection"] = connection
        if revision == "check":
            command.check(config)
        elif revision == "0001" and _has_tables(empty_database):
            command.downgrade(config, revision)
        else:
            command.upgrade(config, revision)


def go_back(empty_database: Database, revision: str) -> None:
    config = _alembic_config()
    with migrating(empty_database) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def _has_tables(empty_database: Database) -> bool:
    with empty_database.execution_options(read_only=True).connect() as connection:
        return bool(connection.scalar(text("SELECT count(*) FROM sqlite_master WHERE name = 'jobs'")))


JOB = """INSERT INTO jobs (id, kind, params, dedup_key, "trigger", status, dispatched_at, step, total_steps, message,
  metrics, attempts, fence, cancel_requested, created_at, started_at)
VALUES (:id, :kind, '{}', :id, 'person', 'succeeded', :at, 0, 0, '', '{}', 1, 1, 0, :at, :at)"""
POINT = """INSERT INTO job_metrics (job_id, step, "values", created_at) VALUES ('b', :step, :values, '2026-01-01')"""


def test_jobs_are_numbered_and_doubled_points_removed(empty_database: Database) -> None:
    migrate(empty_database, "0001")
    with empty_database.begin() as connection:
        for job_id, day in (("a", 2), ("b", 1), ("c", 3)):
            connection.execute(text(JOB), {"id": job_id, "kind": "train_reward", "at": f"2026-01-0{day} 00:00:00"})
        for step, values in ((1, "{}"), (2, '{"loss": 1}'), (2, '{"loss": 2}'), (3, "{}")):
            connection.execute(text(POINT), {"step": step, "values": values})
    migrate(empty_database, "head")
    with empty_database.connect() as connection:
        rows = connection.execute(text("SELECT id, dispatches, newest_ranking_id FROM jobs ORDER BY number")).all()
        assert [tuple(row) for row in rows] == [("b", 1, 0), ("a", 1, 0), ("c", 1, 0)]
        points = connection.execute(text('SELECT step, "values" FROM job_metrics ORDER BY id')).all()
        assert [tuple(row) for row in points] == [(1, "{}"), (2, '{"loss": 2}'), (3, "{}")]
    with empty_database.begin() as connection:
        newest = connection.scalar(text("DELETE FROM job_metrics WHERE step = 3 RETURNING id"))
        connection.execute(text(POINT), {"step": 3, "values": "{}"})
        assert connection.scalar(text("SELECT id FROM job_metrics WHERE step = 3")) > newest


def test_they_lead_to_the_tables_of_the_program_and_back(empty_database: Database) -> None:
    for revision in ("head", "check", "0001", "head", "check"):
        migrate(empty_database, revision)


def test_the_command_works_in_a_clone_whatever_its_folder_is_called(tmp_path: Path) -> None:
    folder = tmp_path / "clone %(x)s 100% 'of it'"
    folder.mkdir()
    for name in ("pyproject.toml", "migrations", "app"):
        (folder / name).symlink_to(REPOSITORY / name)
    for arguments in (["upgrade", "head"], ["current"]):
        done = subprocess.run(
            [sys.executable, "-P", "-m", "alembic", *arguments],
            cwd=folder,
            env=os.environ | {"FOURFOLD_DATA_DIR": str(tmp_path / "data"), "FOURFOLD_DATABASE_URL": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert "(head)" in done.stdout


PROMPT = """INSERT INTO prompts (id, text, messages, digest, draw_key, split, source, language, shown, created_at)
VALUES (:id, :text, :messages, :digest, '', :split, 'own', 'en', :shown, '2026-01-01')"""
GROUP = """INSERT INTO groups (id, prompt_id, version_id, settings, seed, status, created_at)
VALUES (1, 2, 1, '{}', 1, 'ready', '2026-01-01')"""
LABELER = "INSERT INTO labelers (id, name, kind, created_at) VALUES (:id, :name, 'person', '2026-01-01')"
VERSION = """INSERT INTO versions (id, kind, path, status, content_hash, hparams, metrics, created_at)
VALUES (1, 'sft', 'v', 'active', '0', '{}', '{}', '2026-01-01')"""


def test_prompts_that_differ_by_line_ends_alone_become_one(empty_database: Database) -> None:
    """2 is 1 with the line ends of forms, 3 has no twin, 5 is 4 of the other split."""
    migrate(empty_database, "8e2f6b10c4d7")
    texts = {1: "a\nb", 2: "a\r\nb", 3: "c\r\nd\re", 4: "f\ng", 5: "f\r\ng"}
    with empty_database.begin() as connection:
        for number, content in texts.items():
            messages: list[Message] = [Message(role="user", content=content)]
            row = {"id": number, "text": content, "messages": json.dumps(messages), "digest": digest_of(messages)}
            split = "held_out" if number == 5 else "train"
            connection.execute(text(PROMPT), {**row, "split": split, "shown": number})
        connection.execute(text(VERSION))
        connection.execute(text(GROUP))
        for number, name in enumerate(["ada", "a\u0301da", "张\u3000伟", "小  明", "小 明"], start=1):
            row = {"id": number, "name": name}
            connection.execute(
                text("INSERT INTO labelers (id, name, kind, created_at) VALUES (:id, :name, 'person', '2026-01-01')"),
                row,
            )
    migrate(empty_database, "head")
    with empty_database.connect() as connection:
        rows = connection.execute(text("SELECT id, text, messages, digest, shown FROM prompts ORDER BY id")).all()
        assert [(row.id, row.text, row.shown) for row in rows] == [
            *((1, "a\nb", 3), (3, "c\nd\ne", 3), (4, "f\ng", 4), (5, "f\r\ng", 5))
        ]
        assert all(row.digest == digest_of(json.loads(row.messages)) for row in rows)
        assert connection.scalar(text("SELECT prompt_id FROM groups")) == 1
        names = list(connection.scalars(text("SELECT name FROM labelers ORDER BY id")))
        assert names == ["ada", "áda", "张 伟", "小  明", "小 明"]


COMPLETION = """INSERT INTO completions (id, group_id, sample_index, display_position, text, token_ids, finish_reason)
VALUES (1, 1, 0, 0, 'a', '[]', 'stop')"""
RANKING = """INSERT INTO rankings (id, group_id, labeler_id, ranks, created_at)
VALUES (1, 1, 1, '{"1": 1}', '2026-01-01')"""


def test_groups_and_labelers_are_written_anew_with_all_that_refers_to_them(empty_database: Database) -> None:
    """And their rules stay: foreign keys hold afterwards, kinds and states are checked."""
    migrate(empty_database, "b41d7c90e2a6")
    with empty_database.begin() as connection:
        prompt = {"id": 2, "text": "a", "messages": "[]", "digest": "d", "split": "train", "shown": 1}
        for statement, values in (
            (VERSION, {}),
            (PROMPT, prompt),
            (LABELER, {"id": 1, "name": "ada"}),
            (GROUP, {}),
            (COMPLETION, {}),
            (RANKING, {}),
        ):
            connection.execute(text(statement), values)
    for revision in ("head", "0001", "head", "check"):
        migrate(empty_database, revision)
        with empty_database.connect() as connection:
            found = connection.execute(text("SELECT group_id, labeler_id FROM rankings")).all()
            assert [tuple(row) for row in found] == [(1, 1)]
            assert connection.scalar(text("SELECT version_id FROM groups")) == 1
    for forbidden in (
        "DELETE FROM groups",
        "DELETE FROM labelers",
        "UPDATE labelers SET kind = 'robot'",
        "UPDATE groups SET status = 'lost'",
        "UPDATE groups SET prompt_id = 77",
    ):
        with empty_database.begin() as connection, pytest.raises(IntegrityError):
            connection.execute(text(forbidden))


def test_a_migration_that_loses_a_row_is_taken_back(empty_database: Database) -> None:
    migrate(empty_database, "head")
    with empty_database.begin() as connection:
        connection.execute(text(VERSION))
        connection.execute(text("UPDATE versions SET parent_id = 1"))
    with (
        pytest.raises(RuntimeError, match="left a row of versions without one of versions"),
        migrating(empty_database) as open_,
    ):
        open_.execute(text("UPDATE versions SET parent_id = 9"))
    with empty_database.connect() as connection:
        assert connection.scalar(text("SELECT parent_id FROM versions")) == 1


def test_prompts_know_how_often_they_were_shown(empty_database: Database) -> None:
    """What drawing goes by is filled in from what the database of an earlier program holds."""
    migrate(empty_database, "0001")
    with empty_database.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO versions (id, kind, status, path, content_hash, hparams, metrics, created_at) "
                "VALUES (1, 'sft', 'active', 'p', 'h', '{}', '{}', '2026-01-01')"
            )
        )
        for number, statuses in enumerate((["ready", "ranked", "expired"], [], ["sampling"]), start=1):
            row = {"id": number, "digest": f"{number:x}" * 64}
            connection.execute(
                text(
                    "INSERT INTO prompts (id, text, messages, digest, split, source, language, created_at) "
                    "VALUES (:id, 't', '[]', :digest, 'train', 'own', 'en', '2026-01-01')"
                ),
                row,
            )
            for status in statuses:
                connection.execute(
                    text(
                        "INSERT INTO groups (prompt_id, version_id, settings, seed, status, created_at) "
                        "VALUES (:id, 1, '{}', 1, :status, '2026-01-01')"
                    ),
                    {"id": number, "status": status},
                )
    migrate(empty_database, "head")
    with empty_database.connect() as connection:
        rows = connection.execute(text("SELECT shown, draw_key FROM prompts ORDER BY id")).all()
    assert [tuple(row) for row in rows] == [(2, "1" * 16), (0, "2" * 16), (1, "3" * 16)]


NUMBERED = """INSERT INTO completions
(id, group_id, sample_index, display_position, text, token_ids, finish_reason) VALUES
(:id, :group_id, :place, :place, 't', '[5]', 'stop')"""


def test_each_answer_says_who_wrote_it_there_and_back(empty_database: Database) -> None:
    """What stood with a group stands with its answers; a group of several versions has no way back."""
    migrate(empty_database, "c5f7a10d8e13")
    with empty_database.begin() as connection:
        connection.execute(text(VERSION))
        connection.execute(
            text(PROMPT), {"id": 2, "text": "t", "messages": "[]", "digest": "d", "split": "train", "shown": 1}
        )
        connection.execute(text(GROUP))
        connection.execute(
            text(
                "INSERT INTO groups (id, prompt_id, written_by, digest, settings, seed, status, created_at) "
                "VALUES (2, 2, 'policy 7', 'abc', '{}', 1, 'ranked', '2026-01-01')"
            )
        )
        for number in range(6):
            row = {"id": number + 1, "group_id": 1 + number // 4, "place": number % 4}
            connection.execute(text(NUMBERED), row)
    migrate(empty_database, "3d9c1e7f5a26")
    wrote = text("SELECT version_id, labeler_id, written_by FROM completions ORDER BY id")
    kept = text("SELECT sampled_as, version_ids FROM groups ORDER BY id")
    with empty_database.connect() as connection:
        assert connection.execute(wrote).all() == [*[(1, None, None)] * 4, *[(None, None, "policy 7")] * 2]
        assert connection.execute(kept).all() == [("", "[1, 1, 1, 1]"), (None, None)]
    go_back(empty_database, "c5f7a10d8e13")
    with empty_database.connect() as connection:
        assert connection.execute(text("SELECT written_by FROM groups ORDER BY id")).all() == [(None,), ("policy 7",)]
    migrate(empty_database, "3d9c1e7f5a26")
    with empty_database.begin() as connection:
        connection.execute(text("UPDATE groups SET version_id = NULL WHERE id = 1"))
    with pytest.raises(RuntimeError, match="several versions"):
        go_back(empty_database, "c5f7a10d8e13")
