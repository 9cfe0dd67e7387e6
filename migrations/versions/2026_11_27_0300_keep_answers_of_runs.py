"""keep what a policy answers while it trains

Safety: adds a table. A downgrade drops it and what is in it; runs and their curves stay.
"""

import sqlalchemy as sa
from alembic import op

revision = "e5b0947ac213"
down_revision = "e61b92f07d3a"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "job_answers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("kl", sa.Double(), nullable=True),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_answers_job_id_jobs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_answers")),
    )
    with op.batch_alter_table("job_answers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_job_answers_job_id_step"), ["job_id", "step"], unique=True)


def downgrade() -> None:
    with op.batch_alter_table("job_answers", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_job_answers_job_id_step"))
    op.drop_table("job_answers")
