"""draw prompts by language

Safety: adds an index (seconds for a million prompts).
"""

import sqlalchemy as sa
from alembic import op

revision = "e7a20c5b81d3"
down_revision = "f2c8a5d90b13"
branch_labels = None
depends_on = None

IN_USE = sa.text("archived_at IS NULL AND set_aside IS NULL AND import_id IS NULL")


def upgrade() -> None:
    op.create_index(
        "ix_prompts_drawing_by_language",
        "prompts",
        ["language", "split", "shown", "draw_key"],
        unique=False,
        sqlite_where=IN_USE,
        postgresql_where=IN_USE,
    )


def downgrade() -> None:
    op.drop_index("ix_prompts_drawing_by_language", table_name="prompts")
