"""keep the key under which a page sent an own prompt, so that one that is sent again opens no second card

Safety: adds a column that is empty for what is there, and an index on it.
"""

import sqlalchemy as sa
from alembic import op

revision = "f2c8a5d90b13"
down_revision = "d5a0e83f17c4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("groups", schema=None) as batch_op:
        batch_op.add_column(sa.Column("ask_key", sa.String(), nullable=True))
        batch_op.create_unique_constraint(batch_op.f("uq_groups_ask_key"), ["ask_key"])


def downgrade() -> None:
    with op.batch_alter_table("groups", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_groups_ask_key"), type_="unique")
        batch_op.drop_column("ask_key")
