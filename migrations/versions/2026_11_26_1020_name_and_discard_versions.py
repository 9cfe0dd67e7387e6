"""give versions names and notes, and let candidates be discarded

Safety: adds columns. A downgrade forgets names and notes, and what was discarded waits for a decision again.
"""

import sqlalchemy as sa
from alembic import op

revision = "5e0c9b7a1d34"
down_revision = "5a0c94e7d1b3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("versions", sa.Column("name", sa.String(), nullable=True))
    op.add_column("versions", sa.Column("note", sa.String(), nullable=True))
    op.add_column("versions", sa.Column("discarded_at", sa.DateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("versions", "discarded_at")
    op.drop_column("versions", "note")
    op.drop_column("versions", "name")
