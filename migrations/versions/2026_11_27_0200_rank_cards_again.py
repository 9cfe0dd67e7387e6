"""rank some cards again, unnoticed

Safety: adds two columns and a small index. No card comes again before somebody switches it on; a downgrade forgets
which rankings were repeats, and training would then learn from them.
"""

import sqlalchemy as sa
from alembic import op

revision = "d4e8a1b93c57"
down_revision = "c81f4d27b6e0"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("groups", sa.Column("is_repeat", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index(
        "ix_groups_repeats",
        "groups",
        ["id"],
        sqlite_where=sa.text("is_repeat = 1"),
        postgresql_where=sa.text("is_repeat"),
    )
    op.add_column("label_settings", sa.Column("repeat_share", sa.Double(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("label_settings", "repeat_share")
    op.drop_index("ix_groups_repeats", table_name="groups")
    op.drop_column("groups", "is_repeat")
