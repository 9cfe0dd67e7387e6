"""remember when the files of a version were removed

Safety: adds a column; nothing is filled in.
"""

import sqlalchemy as sa
from alembic import op

revision = "b41d7c90e2a6"
down_revision = "c41e7d9a2b60"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("versions", sa.Column("removed_at", sa.DateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("versions", "removed_at")
