"""record the number format of the installation and of each version

Safety: adds a table and a column; nothing is filled in (what was made before stays without a format).
"""

import sqlalchemy as sa
from alembic import op

revision = "8e2f6b10c4d7"
down_revision = "8a2f4c60d1b7"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("precision", sa.String(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_installation_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.add_column("versions", sa.Column("precision", sa.String(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("versions", schema=None) as batch_op:
        batch_op.drop_column("precision")
    op.drop_table("installation")
