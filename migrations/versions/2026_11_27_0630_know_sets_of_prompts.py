"""know which models shipped prompts were written for

Safety: adds columns, and builds an index anew (seconds for a million prompts). Prompts that came with the program so
far are those of the corpus; a downgrade leaves the others as prompts for every model.
"""

import sqlalchemy as sa
from alembic import op

revision = "7b2f60d4c9e1"
down_revision = "7c2b9e51d0f4"
branch_labels = None
depends_on = None

IN_USE = sa.text("archived_at IS NULL AND set_aside IS NULL AND import_id IS NULL")
INDEX, KEYS = "ix_prompts_drawing_by_language", ["language", "split", "shown", "draw_key"]


def upgrade() -> None:
    op.add_column("prompts", sa.Column("prompt_set", sa.String(), server_default="", nullable=False))
    op.execute("UPDATE prompts SET prompt_set = 'corpus' WHERE source = 'shipped'")
    _index_by(["prompt_set", *KEYS])
    op.add_column(
        "label_settings", sa.Column("draws_all_sets", sa.Boolean(), server_default=sa.false(), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("label_settings", "draws_all_sets")
    _index_by(KEYS)
    op.drop_column("prompts", "prompt_set")


def _index_by(keys: list[str]) -> None:
    op.drop_index(INDEX, table_name="prompts")
    op.create_index(INDEX, "prompts", keys, unique=False, sqlite_where=IN_USE, postgresql_where=IN_USE)
