"""take conversations in again

Safety: adds three columns that are empty for all that is there. A downgrade forgets who wrote the answers of
conversations that came with a file, and shows those of an import that is not over.
"""

import sqlalchemy as sa
from alembic import op

revision = "b85d0c6f3e21"
down_revision = "8c2f51d7e6a4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("conversations", sa.Column("digest", sa.String(), nullable=True))
    op.add_column("conversations", sa.Column("import_id", sa.Integer(), nullable=True))
    op.create_index("ix_conversations_digest", "conversations", ["digest"], unique=True)
    op.create_index(
        "ix_conversations_import",
        "conversations",
        ["import_id"],
        sqlite_where=sa.text("import_id IS NOT NULL"),
        postgresql_where=sa.text("import_id IS NOT NULL"),
    )
    op.add_column("turns", sa.Column("written_by", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("turns", "written_by")
    op.drop_index("ix_conversations_import", table_name="conversations")
    op.drop_index("ix_conversations_digest", table_name="conversations")
    op.drop_column("conversations", "import_id")
    op.drop_column("conversations", "digest")
