"""choose groups by what they are expected to teach

Safety: adds columns. Nothing is chosen until somebody asks for it; a downgrade forgets how groups were chosen.
"""

import sqlalchemy as sa
from alembic import op

revision = "1d7e94c0a8b3"
down_revision = "f50c3b7e92d8"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("groups", sa.Column("chosen_by", sa.String(), nullable=True))
    op.add_column(
        "label_settings", sa.Column("chooses_groups", sa.Boolean(), server_default=sa.false(), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("label_settings", "chooses_groups")
    op.drop_column("groups", "chosen_by")
