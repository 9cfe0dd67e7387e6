"""Alembic's entry. The caller passes a connection (app.db.schema); the command line uses the settings' URL."""

from typing import Literal

from alembic import context
from sqlalchemy import Connection

import app.db.models  # noqa: F401  registers the tables
from app.db.base import Base, Text, UTCDateTime
from app.db.session import open_database
from app.settings.config import Settings

OWN_TABLES = frozenset(Base.metadata.tables)


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """Leaves the job engine's own tables alone: it migrates them itself."""
    return kind != "table" or name in OWN_TABLES


def render_item(kind: str, item: object, _context: object) -> str | Literal[False]:
    """A migration must not change when the program does: it names plain SQLAlchemy types only."""
    plain = {UTCDateTime: "sa.DateTime()", Text: "sa.String()"}
    return plain.get(type(item), False) if kind == "type" else False


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_name=include_name,
        render_as_batch=True,
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    settings = Settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with open_database(settings.resolved_database_url, create=True).connect() as opened:
        migrate(opened)
        opened.commit()
