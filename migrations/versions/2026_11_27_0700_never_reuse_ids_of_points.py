"""never reuse ids of a curve's points

Who follows a job asks for the points after the newest one that was seen. On SQLite, points that took the place of the
newest ones got their ids again, and nobody was told of them. On PostgreSQL ids always grow.

Safety: the table is copied once, on SQLite alone; nothing is lost.
"""

from alembic import op

revision = "8c2f51d7e6a4"
down_revision = "7b2f60d4c9e1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    copy_points(reuse_ids=False)


def downgrade() -> None:
    copy_points(reuse_ids=True)


def copy_points(*, reuse_ids: bool) -> None:
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table(
            "job_metrics", recreate="always", table_kwargs={"sqlite_autoincrement": not reuse_ids}
        ):
            pass
