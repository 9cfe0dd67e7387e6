"""keep how much each ranking surprised a reward model that had not learned from it

Safety: adds a column. Versions of before say nothing of it; a downgrade forgets it.
"""

import sqlalchemy as sa
from alembic import op

revision = "f50c3b7e92d8"
down_revision = "e2b90d6a41c7"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("version_rankings", sa.Column("surprise", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("version_rankings", "surprise")
