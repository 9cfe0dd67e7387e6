"""give runs names and notes

Safety: adds columns. A downgrade forgets names and notes.
"""

import sqlalchemy as sa
from alembic import op

revision = "c81f4d27b6e0"
down_revision = "a37c05e9d4f1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("name", sa.String(), nullable=True))
    op.add_column("jobs", sa.Column("note", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "note")
    op.drop_column("jobs", "name")
