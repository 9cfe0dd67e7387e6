"""name kinds of job in text: a new kind needs no migration, the program's registry checks the name

Safety: on SQLite the table jobs is written anew with all its rows (a second for 100,000 jobs), since it cannot drop a
CHECK in place; no value changes. A downgrade needs a database with the three former kinds alone; it stops before
anything is changed otherwise.
"""

import sqlalchemy as sa
from alembic import op

revision = "b4e6f19c7d02"
down_revision = "e7a20c5b81d3"
branch_labels = None
depends_on = None

FORMER_KINDS = ("train_reward", "train_policy", "evaluate")
TRIGGERS = ("person", "rule")
STATUSES = ("queued", "running", "succeeded", "failed", "cancelled")
LIVE = sa.text("status IN ('queued', 'running')")


def upgrade() -> None:
    with op.batch_alter_table("jobs", copy_from=jobs(one_of("jobkind", FORMER_KINDS)), recreate="auto") as batch_op:
        batch_op.alter_column(
            "kind", existing_type=one_of("jobkind", FORMER_KINDS), type_=sa.String(32), existing_nullable=False
        )


def downgrade() -> None:
    unknown = sa.text("SELECT count(*) FROM jobs WHERE kind NOT IN ('train_reward', 'train_policy', 'evaluate')")
    if op.get_bind().scalar(unknown):
        raise RuntimeError("There are jobs of kinds that the former schema does not know. Nothing was changed.")
    with op.batch_alter_table("jobs", copy_from=jobs(sa.String(32)), recreate="auto") as batch_op:
        batch_op.alter_column(
            "kind", existing_type=sa.String(32), type_=one_of("jobkind", FORMER_KINDS), existing_nullable=False
        )


def one_of(name: str, values: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def jobs(kind: sa.String) -> sa.Table:
    return sa.Table(
        "jobs",
        sa.MetaData(naming_convention={"ck": "ck_%(table_name)s_%(constraint_name)s"}),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", kind, nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("dedup_key", sa.String(), nullable=False),
        sa.Column("trigger", one_of("jobtrigger", TRIGGERS), nullable=False),
        sa.Column("status", one_of("jobstatus", STATUSES), nullable=False),
        sa.Column("dispatched_at", sa.DateTime(), nullable=True),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("total_steps", sa.Integer(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(), nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=True),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.Column("number", sa.Integer(), server_default="0", nullable=False),
        sa.Column("dispatches", sa.Integer(), server_default="0", nullable=False),
        sa.Column("executor_id", sa.String(), nullable=True),
        sa.Column("attempts_without_progress", sa.Integer(), server_default="0", nullable=False),
        sa.Column("checkpoint_seen", sa.String(), nullable=True),
        sa.Column("newest_ranking_id", sa.Integer(), nullable=True),
        sa.Column("num_rankings", sa.Integer(), nullable=True),
        sa.Column("ends_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.Index("uq_jobs_live_dedup_key", "dedup_key", unique=True, sqlite_where=LIVE, postgresql_where=LIVE),
        sa.Index("ix_jobs_status_number", "status", "number"),
        sa.Index("ix_jobs_number", "number", unique=True),
    )
