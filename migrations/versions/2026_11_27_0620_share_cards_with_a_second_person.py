"""give some cards to a second person

Safety: adds two columns and a small index. No card goes to a second person before somebody asks for it; a downgrade
forgets which groups were a second person's, whose rankings stay as they are.
"""

import sqlalchemy as sa
from alembic import op

revision = "7c2b9e51d0f4"
down_revision = "1d7e94c0a8b3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    first = sa.ForeignKey("groups.id", name="fk_groups_second_of_groups")
    op.add_column("groups", sa.Column("second_of", sa.Integer(), first, nullable=True), inline_references=True)
    op.create_index(
        "uq_groups_second_of",
        "groups",
        ["second_of"],
        unique=True,
        sqlite_where=sa.text("second_of IS NOT NULL"),
        postgresql_where=sa.text("second_of IS NOT NULL"),
    )
    op.add_column("label_settings", sa.Column("second_share", sa.Double(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("label_settings", "second_share")
    op.drop_index("uq_groups_second_of", table_name="groups")
    op.drop_column("groups", "second_of")
