"""A database of an earlier program: what drawing goes by is filled in from what it holds."""

from pathlib import Path

from alembic import command
from sqlalchemy import text

from app.db.schema import _alembic_config, migrate
from app.db.session import make_engine


def test_prompts_know_how_often_they_were_shown(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'old.db'}", create=True)
    config = _alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
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
    migrate(engine)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT shown, draw_key FROM prompts ORDER BY id")).all()
    assert [tuple(row) for row in found] == [(2, "1" * 16), (0, "2" * 16), (1, "3" * 16)]
    engine.dispose()
