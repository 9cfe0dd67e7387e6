"""know what opened a conversation

Safety: adds a column. Conversations that are there keep no mark: their idempotency keys give them whatever is sent, as
before. A downgrade forgets the marks.
"""

import sqlalchemy as sa
from alembic import op

revision = "c4a86f12d7b5"
down_revision = "b7e41d0f93c8"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("conversations", sa.Column("opened_as", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("conversations", "opened_as")
