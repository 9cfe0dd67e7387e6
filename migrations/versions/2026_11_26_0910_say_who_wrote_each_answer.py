"""say who wrote each answer: groups of several versions' answers, of answers from a chat, and of a person's own

Safety: adds columns and writes one value into each answer (some seconds for a million). What a file said of all answers
of a group is said of each. Cards that nobody holds are sampled anew at the next start, since nobody noted how they
were sampled. A downgrade needs an installation without groups of mixed or own answers; it stops before anything is
changed otherwise.
"""

import sqlalchemy as sa
from alembic import op

revision = "3d9c1e7f5a26"
down_revision = "c5f7a10d8e13"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # SQLite adds no constraint later; PostgreSQL loses its name in place.
    in_place = op.get_bind().dialect.name == "sqlite"
    op.add_column("completions", reference("version_id", "versions"), inline_references=in_place)
    op.add_column("completions", reference("labeler_id", "labelers"), inline_references=in_place)
    op.add_column("completions", sa.Column("written_by", sa.String(), nullable=True))
    op.create_index("ix_completions_version_id", "completions", ["version_id"])
    op.create_index("ix_completions_labeler_id", "completions", ["labeler_id"])
    of_group = "FROM groups WHERE groups.id = completions.group_id"
    op.execute(f"UPDATE completions SET version_id = (SELECT version_id {of_group})")
    op.execute(f"UPDATE completions SET written_by = (SELECT written_by {of_group}) WHERE version_id IS NULL")
    op.add_column("groups", sa.Column("version_ids", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("groups", sa.Column("sampled_as", sa.String(), nullable=True))
    op.execute("UPDATE groups SET sampled_as = '' WHERE version_id IS NOT NULL")
    op.execute(f"UPDATE groups SET version_ids = {_four_times('version_id')} WHERE version_id IS NOT NULL")
    op.drop_column("groups", "written_by")


def _four_times(column: str) -> str:
    """A list in JSON, as text; PostgreSQL wants to be told that it is JSON."""
    text = f"'[' || {', '.join([column] * 4)} || ']'".replace(", ", " || ', ' || ")
    return f"CAST({text} AS JSON)" if op.get_bind().dialect.name == "postgresql" else text


def downgrade() -> None:
    several = sa.text(
        "SELECT count(*) FROM groups WHERE (version_id IS NULL AND digest IS NULL) OR EXISTS "
        "(SELECT 1 FROM completions WHERE group_id = groups.id AND labeler_id IS NOT NULL)"
    )
    if op.get_bind().scalar(several):
        raise RuntimeError(
            "There are groups of several versions' or people's answers, which the former schema cannot hold. Nothing "
            "was changed."
        )
    op.add_column("groups", sa.Column("written_by", sa.String(), nullable=True))
    op.execute(
        "UPDATE groups SET written_by = (SELECT min(written_by) FROM completions WHERE group_id = groups.id) "
        "WHERE version_id IS NULL"
    )
    op.drop_column("groups", "sampled_as")
    op.drop_column("groups", "version_ids")
    op.drop_index("ix_completions_labeler_id", "completions")
    op.drop_index("ix_completions_version_id", "completions")
    with op.batch_alter_table("completions", copy_from=completions(), recreate="auto") as batch_op:
        for name, table in (("version_id", "versions"), ("labeler_id", "labelers")):
            batch_op.drop_constraint(f"fk_completions_{name}_{table}", type_="foreignkey")
            batch_op.drop_column(name)
        batch_op.drop_column("written_by")


def reference(name: str, table: str) -> sa.Column[int]:
    key = sa.ForeignKey(f"{table}.id", name=f"fk_completions_{name}_{table}")
    return sa.Column(name, sa.Integer(), key, nullable=True)


def completions() -> sa.Table:
    metadata = sa.MetaData(naming_convention={"ck": "ck_%(table_name)s_%(constraint_name)s"})
    return sa.Table(
        "completions",
        metadata,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("sample_index", sa.Integer(), nullable=False),
        sa.Column("display_position", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("token_ids", sa.JSON(), nullable=False),
        sa.Column("finish_reason", sa.String(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=True),
        sa.Column("labeler_id", sa.Integer(), nullable=True),
        sa.Column("written_by", sa.String(), nullable=True),
        sa.CheckConstraint("finish_reason IN ('stop', 'length')", name="finish_reason"),
        sa.PrimaryKeyConstraint("id", name="pk_completions"),
        sa.UniqueConstraint("group_id", "sample_index", name="uq_completions_group_id_sample_index"),
        sa.UniqueConstraint("group_id", "display_position", name="uq_completions_group_id_display_position"),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name="fk_completions_group_id_groups"),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name="fk_completions_version_id_versions"),
        sa.ForeignKeyConstraint(["labeler_id"], ["labelers.id"], name="fk_completions_labeler_id_labelers"),
        sa.Index("ix_completions_group_id", "group_id"),
    )
