"""choose top-k of cards

Safety: adds a column. Where nothing was chosen the environment's top-k holds, as before. A downgrade forgets a chosen
one.
"""

import sqlalchemy as sa
from alembic import op

revision = "d1f7b3a95c62"
down_revision = "c4a86f12d7b5"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("label_settings", sa.Column("top_k", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("label_settings", "top_k")
