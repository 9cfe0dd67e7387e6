"""tag prompts, groups and rankings

Safety: adds a table; a downgrade deletes all tags.
"""

import sqlalchemy as sa
from alembic import op

revision = "e61b92f07d3a"
down_revision = "d4e8a1b93c57"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tags",
        sa.Column(
            "kind",
            sa.Enum("prompt", "group", "ranking", name="tagged", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("record_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "record_id", "name", name=op.f("pk_tags")),
    )
    op.create_index("ix_tags_name", "tags", ["kind", "name", "record_id"])


def downgrade() -> None:
    op.drop_table("tags")
