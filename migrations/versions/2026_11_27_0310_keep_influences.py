"""keep what each ranking did to a reward model

Safety: adds columns. Versions of before say nothing of it; a downgrade forgets it.
"""

import sqlalchemy as sa
from alembic import op

revision = "e2b90d6a41c7"
down_revision = "e5b0947ac213"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("version_rankings", sa.Column("influence", sa.Double(), nullable=True))
    op.add_column("version_rankings", sa.Column("influence_error", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("version_rankings", "influence_error")
    op.drop_column("version_rankings", "influence")
