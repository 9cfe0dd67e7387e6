"""order by numbers

What is newer is told by numbers that only grow: of jobs, leases and activations. Columns are added in place, since
other tables refer to these; a resumed job's doubled points are removed, the later one of each step stays.
"""

import sqlalchemy as sa
from alembic import op

revision = "8a2f4c60d1b7"
down_revision = "5c1d0e7a9b42"
branch_labels = None
depends_on = None

NUMBER_JOBS = """
UPDATE jobs SET number = (
  SELECT count(*) FROM jobs AS other
  WHERE other.created_at < jobs.created_at OR (other.created_at = jobs.created_at AND other.id <= jobs.id)
)
"""
COUNT_HAND_OVERS = "UPDATE jobs SET dispatches = 1 WHERE dispatched_at IS NOT NULL"
# What a reward training read: its version's rankings, else those that were there when it began.
NEWEST_RANKING_READ = """
UPDATE jobs SET newest_ranking_id = coalesce(
  (SELECT max(read.ranking_id) FROM version_rankings AS read JOIN versions ON versions.id = read.version_id
   WHERE versions.job_id = jobs.id),
  (SELECT max(rankings.id) FROM rankings WHERE rankings.created_at <= coalesce(jobs.started_at, jobs.created_at)),
  0
) WHERE kind = 'train_reward'
"""
RANKINGS_READ = """
UPDATE jobs SET num_rankings = coalesce(
  (SELECT nullif(count(*), 0) FROM version_rankings AS read JOIN versions ON versions.id = read.version_id
   WHERE versions.job_id = jobs.id),
  (SELECT count(*) FROM rankings WHERE rankings.id <= jobs.newest_ranking_id AND rankings.withdrawn_at IS NULL)
) WHERE kind = 'train_reward'
"""
NUMBER_LEASES = "UPDATE groups SET lease_number = id WHERE leased_to IS NOT NULL"
NUMBER_ACTIVATIONS = """
UPDATE versions SET activation_number = (
  SELECT count(*) FROM versions AS other
  WHERE other.activated_at < versions.activated_at
     OR (other.activated_at = versions.activated_at AND other.id <= versions.id)
) WHERE activated_at IS NOT NULL
"""
ADDED = {
    "versions": ("activation_number",),
    "groups": ("leased_at", "lease_number"),
    "jobs": (
        "number",
        "dispatches",
        "executor_id",
        "attempts_without_progress",
        "checkpoint_seen",
        "newest_ranking_id",
        "num_rankings",
    ),
}
ONE_POINT_PER_STEP = "DELETE FROM job_metrics WHERE id NOT IN (SELECT max(id) FROM job_metrics GROUP BY job_id, step)"


def upgrade() -> None:
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("number", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("dispatches", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("executor_id", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("attempts_without_progress", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("checkpoint_seen", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("newest_ranking_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("num_rankings", sa.Integer(), nullable=True))
    with op.batch_alter_table("groups", schema=None) as batch_op:
        batch_op.add_column(sa.Column("leased_at", sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column("lease_number", sa.Integer(), nullable=True))
    with op.batch_alter_table("versions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("activation_number", sa.Integer(), nullable=True))

    for statement in (
        NUMBER_JOBS,
        COUNT_HAND_OVERS,
        NEWEST_RANKING_READ,
        RANKINGS_READ,
        NUMBER_LEASES,
        NUMBER_ACTIVATIONS,
        ONE_POINT_PER_STEP,
    ):
        op.execute(statement)

    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_jobs_status_created_at"))
        batch_op.create_index(batch_op.f("ix_jobs_status_number"), ["status", "number"], unique=False)
        batch_op.create_index(batch_op.f("ix_jobs_number"), ["number"], unique=True)
    with op.batch_alter_table("job_metrics", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_job_metrics_job_id_step"), ["job_id", "step"], unique=True)
    with op.batch_alter_table("groups", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_groups_leased_to"))
        batch_op.create_index(
            batch_op.f("ix_groups_leased_to_lease_number"), ["leased_to", "lease_number"], unique=False
        )
    with op.batch_alter_table("versions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_versions_activation_number"), ["activation_number"], unique=True)


def downgrade() -> None:
    with op.batch_alter_table("versions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_versions_activation_number"))
    with op.batch_alter_table("groups", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_groups_leased_to_lease_number"))
        batch_op.create_index(batch_op.f("ix_groups_leased_to"), ["leased_to"], unique=False)
    with op.batch_alter_table("job_metrics", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_job_metrics_job_id_step"))
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_jobs_number"))
        batch_op.drop_index(batch_op.f("ix_jobs_status_number"))
        batch_op.create_index(batch_op.f("ix_jobs_status_created_at"), ["status", "created_at"], unique=False)
    for table, names in ADDED.items():  # in place: a batch would make the table anew, and others refer to it
        for name in names:
            op.drop_column(table, name)
