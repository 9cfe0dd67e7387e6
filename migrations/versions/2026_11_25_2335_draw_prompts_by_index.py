"""draw prompts by index; archive them and set them aside; stage imports

Safety: adds columns, one table and indexes; fills two columns of every prompt (a few seconds for a million).
"""

import sqlalchemy as sa
from alembic import op

revision = "5c1d0e7a9b42"
down_revision = "0001"
branch_labels = None
depends_on = None

IN_USE = sa.text("archived_at IS NULL AND set_aside IS NULL AND import_id IS NULL")


def upgrade() -> None:
    op.create_table(
        "prompt_imports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("staged_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prompt_imports")),
    )
    op.add_column("prompts", sa.Column("shown", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("prompts", sa.Column("draw_key", sa.String(), nullable=False, server_default=""))
    op.add_column("prompts", sa.Column("archived_at", sa.DateTime(), nullable=True))
    op.add_column("prompts", sa.Column("set_aside", sa.String(), nullable=True))
    op.add_column("prompts", sa.Column("set_aside_for", sa.String(), nullable=True))
    op.add_column("prompts", sa.Column("import_id", sa.Integer(), nullable=True))
    op.execute(
        "UPDATE prompts SET draw_key = substr(digest, 1, 16), shown = (SELECT count(*) FROM groups "
        "WHERE groups.prompt_id = prompts.id AND groups.status != 'expired')"
    )
    for name, columns, where in (
        ("ix_prompts_drawing", ["split", "shown", "draw_key"], IN_USE),
        ("ix_prompts_set_aside", ["set_aside_for"], sa.text("set_aside IS NOT NULL")),
        ("ix_prompts_archived", ["id"], sa.text("archived_at IS NOT NULL")),
        ("ix_prompts_import", ["import_id"], sa.text("import_id IS NOT NULL")),
    ):
        op.create_index(name, "prompts", columns, unique=False, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for name in ("ix_prompts_import", "ix_prompts_archived", "ix_prompts_set_aside", "ix_prompts_drawing"):
        op.drop_index(name, table_name="prompts")
    with op.batch_alter_table("prompts", schema=None) as batch_op:
        for name in ("import_id", "set_aside_for", "set_aside", "archived_at", "draw_key", "shown"):
            batch_op.drop_column(name)
    op.drop_table("prompt_imports")
