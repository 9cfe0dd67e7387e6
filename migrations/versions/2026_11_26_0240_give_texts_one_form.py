"""give texts one form: line ends of prompts, blanks and composition of labelers' names

Safety: rewrites prompts with carriage returns, which forms of browsers sent for every line end, as they would be
stored today. One that is there already without them is the same prompt: its groups (and so its rankings) go to that one
and its row goes. Left as they are: one that stands in the other split, which must not mix, and rows of an unfinished
import. A labeler's name gets its one form where nobody else has it. Nothing of this is undone by a downgrade.
"""

import hashlib
import json
import re
import unicodedata
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "c41e7d9a2b60"
down_revision = "8e2f6b10c4d7"
branch_labels = None
depends_on = None

PROMPTS = sa.table(
    "prompts",
    sa.column("id", sa.Integer),
    sa.column("text", sa.String),
    sa.column("messages", sa.JSON),
    sa.column("digest", sa.String),
    sa.column("draw_key", sa.String),
    sa.column("split", sa.String),
    sa.column("shown", sa.Integer),
    sa.column("archived_at", sa.DateTime),
    sa.column("import_id", sa.Integer),
)
GROUPS = sa.table("groups", sa.column("prompt_id", sa.Integer))
LABELERS = sa.table("labelers", sa.column("id", sa.Integer), sa.column("name", sa.String))


def upgrade() -> None:
    connection = op.get_bind()
    columns = PROMPTS.c
    returns = sa.cast(columns.messages, sa.Text).contains("\\r", autoescape=True)  # as JSON writes them
    for row in connection.execute(sa.select(PROMPTS).where(returns, columns.import_id.is_(None))).all():
        _heal(connection, row)
    for number, name in connection.execute(sa.select(LABELERS.c.id, LABELERS.c.name)).all():
        new = re.sub(r"\s+", " ", unicodedata.normalize("NFC", name)).strip()
        free = connection.scalar(sa.select(sa.func.count()).select_from(LABELERS).where(LABELERS.c.name == new)) == 0
        if new != name and free:
            connection.execute(sa.update(LABELERS).where(LABELERS.c.id == number).values(name=new))


def downgrade() -> None:
    """Texts stay in their one form."""


def _heal(connection: sa.Connection, row: sa.Row[Any]) -> None:
    columns = PROMPTS.c
    messages = [{**each, "content": re.sub("\r\n?", "\n", each["content"])} for each in row.messages]
    canonical = json.dumps(messages, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    twin = connection.execute(sa.select(PROMPTS).where(columns.digest == digest, columns.id != row.id)).one_or_none()
    own = columns.id == row.id
    if twin is None:
        changed = {"messages": messages, "text": messages[-1]["content"], "digest": digest}
        connection.execute(sa.update(PROMPTS).where(own).values(**changed))
    elif twin.split == row.split and twin.import_id is None:
        archived = None if row.archived_at is None else twin.archived_at
        both = {"shown": twin.shown + row.shown, "archived_at": archived}
        connection.execute(sa.update(GROUPS).where(GROUPS.c.prompt_id == row.id).values(prompt_id=twin.id))
        connection.execute(sa.update(PROMPTS).where(columns.id == twin.id).values(**both))
        connection.execute(sa.delete(PROMPTS).where(own))
