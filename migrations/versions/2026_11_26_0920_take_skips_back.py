"""take skips back, skip what one cannot read, and keep a labeler's languages

Safety: adds columns. On SQLite the table skips is written anew with all its rows (a second for 100,000), since it
cannot change a CHECK in place. A downgrade forgets the languages and which skips were taken back, and "unreadable" is
"other" then.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "b7e41d0f93c8"
down_revision = "8f2b6d40c9e1"
branch_labels = None
depends_on = None

FORMER = ("all_bad", "unsafe", "unclear", "too_similar", "other")
REASONS = ("all_bad", "unsafe", "unclear", "unreadable", "too_similar", "other")


def upgrade() -> None:
    with op.batch_alter_table("skips", copy_from=skips(FORMER), recreate="auto") as batch_op:
        batch_op.alter_column("reason", existing_type=one_of(FORMER), type_=one_of(REASONS), existing_nullable=False)
        batch_op.add_column(sa.Column("newest_ranking_id", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("withdrawn_at", sa.DateTime(), nullable=True))
    op.create_index("ix_skips_labeler_id", "skips", ["labeler_id"])
    op.add_column("labelers", sa.Column("languages", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    op.drop_column("labelers", "languages")
    op.drop_index("ix_skips_labeler_id", "skips")
    op.execute("UPDATE skips SET reason = 'other' WHERE reason = 'unreadable'")
    more = (
        sa.Column("newest_ranking_id", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("withdrawn_at", sa.DateTime(), nullable=True),
    )
    with op.batch_alter_table("skips", copy_from=skips(REASONS, *more), recreate="auto") as batch_op:
        batch_op.drop_column("withdrawn_at")
        batch_op.drop_column("newest_ranking_id")
        batch_op.alter_column("reason", existing_type=one_of(REASONS), type_=one_of(FORMER), existing_nullable=False)


def one_of(reasons: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*reasons, name="skipreason", native_enum=False, create_constraint=True, length=32)


def skips(reasons: tuple[str, ...], *more: sa.Column[Any]) -> sa.Table:
    return sa.Table(
        "skips",
        sa.MetaData(naming_convention={"ck": "ck_%(table_name)s_%(constraint_name)s"}),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("labeler_id", sa.Integer(), nullable=False),
        sa.Column("reason", one_of(reasons), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        *more,
        sa.PrimaryKeyConstraint("id", name="pk_skips"),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name="fk_skips_group_id_groups"),
        sa.ForeignKeyConstraint(["labeler_id"], ["labelers.id"], name="fk_skips_labeler_id_labelers"),
        sa.Index("ix_skips_group_id", "group_id"),
    )
