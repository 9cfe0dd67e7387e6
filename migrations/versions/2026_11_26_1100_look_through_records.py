"""look through a million records

Safety: adds indexes, and puts two in the place of narrower ones (some seconds for each million rankings).
"""

import sqlalchemy as sa
from alembic import op

revision = "9f3d61c0b7a2"
down_revision = "5e0c9b7a1d34"
branch_labels = None
depends_on = None

STANDS, WITHDRAWN = sa.text("withdrawn_at IS NULL"), sa.text("withdrawn_at IS NOT NULL")
TIMED = sa.text("duration_ms IS NOT NULL")


def upgrade() -> None:
    for table in ("rankings", "votes"):
        op.create_index(f"ix_{table}_labeler", table, ["labeler_id", "withdrawn_at", "id"])
        op.drop_index(f"ix_{table}_labeler_id", table_name=table)
        op.create_index(f"ix_{table}_in_force", table, ["id"], sqlite_where=STANDS, postgresql_where=STANDS)
        op.create_index(f"ix_{table}_withdrawn", table, ["id"], sqlite_where=WITHDRAWN, postgresql_where=WITHDRAWN)
    op.create_index(
        "ix_rankings_duration", "rankings", ["duration_ms", "id"], sqlite_where=TIMED, postgresql_where=TIMED
    )
    op.create_index("ix_version_rankings_ranking", "version_rankings", ["ranking_id"])


def downgrade() -> None:
    op.drop_index("ix_version_rankings_ranking", table_name="version_rankings")
    op.drop_index("ix_rankings_duration", table_name="rankings")
    for table in ("rankings", "votes"):
        op.drop_index(f"ix_{table}_withdrawn", table_name=table)
        op.drop_index(f"ix_{table}_in_force", table_name=table)
        op.create_index(f"ix_{table}_labeler_id", table, ["labeler_id"])
        op.drop_index(f"ix_{table}_labeler", table_name=table)
