"""show what the reward model had predicted

Safety: adds a column. Installations that were there show it from now on; a downgrade forgets the choice.
"""

import sqlalchemy as sa
from alembic import op

revision = "a37c05e9d4f1"
down_revision = "9f3d61c0b7a2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "label_settings", sa.Column("shows_prediction", sa.Boolean(), server_default=sa.true(), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("label_settings", "shows_prediction")
