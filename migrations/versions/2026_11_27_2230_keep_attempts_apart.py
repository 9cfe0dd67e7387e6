"""keep the first start of a job apart from its attempts

Safety: adds two columns, empty for all jobs there are: of these the start that was moved on is read as before. A
downgrade forgets how long earlier attempts worked.
"""

import sqlalchemy as sa
from alembic import op

revision = "e27c05b8d914"
down_revision = "d41f7a92c06b"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("attempt_started_at", sa.DateTime(), nullable=True))
    op.add_column("jobs", sa.Column("worked_before_seconds", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "worked_before_seconds")
    op.drop_column("jobs", "attempt_started_at")
