"""keep when a job will probably have done its steps

Safety: adds a column that is empty until a job's next step.
"""

import sqlalchemy as sa
from alembic import op

revision = "b7d3e1f4a602"
down_revision = "b41d7c90e2a6"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("ends_at", sa.DateTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_column("ends_at")
