"""order prompts by how often they were shown, and know the labelers of a file that is not in yet

Safety: adds two indexes and a column that is empty for all who are there. A downgrade leaves the labelers of an import
that is not over; they gave nothing, then.
"""

import sqlalchemy as sa
from alembic import op

revision = "d41f7a92c06b"
down_revision = "b85d0c6f3e21"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_prompts_shown", "prompts", ["shown", "id"])
    op.add_column("labelers", sa.Column("import_id", sa.Integer(), nullable=True))
    op.create_index(
        "ix_labelers_import",
        "labelers",
        ["import_id"],
        sqlite_where=sa.text("import_id IS NOT NULL"),
        postgresql_where=sa.text("import_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_labelers_import", table_name="labelers")
    op.drop_column("labelers", "import_id")
    op.drop_index("ix_prompts_shown", table_name="prompts")
