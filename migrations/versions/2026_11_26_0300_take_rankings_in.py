"""take rankings in: groups whose answers no version here wrote, and labelers that a file does not know

Safety: adds columns and an index. On SQLite the tables groups and labelers are written anew with all their rows (a
second for 100,000 groups), since it cannot change a column in place. A downgrade needs an installation without imported
rankings; it stops before anything is changed otherwise.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "d5a0e83f17c4"
down_revision = "b7d3e1f4a602"
branch_labels = None
depends_on = None

STATUSES = ("sampling", "ready", "leased", "ranked", "skipped", "expired")
FORMER_KINDS, KINDS = ("person", "simulated"), ("person", "simulated", "imported")
OF_IMPORT = sa.text("import_id IS NOT NULL")


def upgrade() -> None:
    with op.batch_alter_table("labelers", copy_from=labelers(FORMER_KINDS), recreate="auto") as batch_op:
        batch_op.alter_column("kind", existing_type=kind(FORMER_KINDS), type_=kind(KINDS), existing_nullable=False)
    with op.batch_alter_table("groups", copy_from=groups(), recreate="auto") as batch_op:
        batch_op.alter_column("version_id", existing_type=sa.Integer(), nullable=True)
        batch_op.add_column(sa.Column("written_by", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("digest", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("import_id", sa.Integer(), nullable=True))
        batch_op.create_unique_constraint(batch_op.f("uq_groups_digest"), ["digest"])
    op.create_index("ix_groups_import", "groups", ["import_id"], sqlite_where=OF_IMPORT, postgresql_where=OF_IMPORT)


def downgrade() -> None:
    count = sa.text(
        "SELECT (SELECT count(*) FROM groups WHERE version_id IS NULL) + "
        "(SELECT count(*) FROM labelers WHERE kind = 'imported')"
    )
    if op.get_bind().scalar(count):
        raise RuntimeError("There are imported rankings, which the former schema cannot hold. Nothing was changed.")
    op.drop_index("ix_groups_import", "groups")
    more = (
        sa.Column("written_by", sa.String(), nullable=True),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("import_id", sa.Integer(), nullable=True),
        sa.UniqueConstraint("digest", name="uq_groups_digest"),
    )
    with op.batch_alter_table("groups", copy_from=groups(*more), recreate="auto") as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_groups_digest"), type_="unique")
        for name in ("import_id", "digest", "written_by"):
            batch_op.drop_column(name)
        batch_op.alter_column("version_id", existing_type=sa.Integer(), nullable=False)
    with op.batch_alter_table("labelers", copy_from=labelers(KINDS), recreate="auto") as batch_op:
        batch_op.alter_column("kind", existing_type=kind(KINDS), type_=kind(FORMER_KINDS), existing_nullable=False)


def kind(values: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*values, name="labelerkind", native_enum=False, create_constraint=True, length=32)


def labelers(kinds: tuple[str, ...]) -> sa.Table:
    return sa.Table(
        "labelers",
        metadata(),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", kind(kinds), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_labelers"),
        sa.UniqueConstraint("name", name="uq_labelers_name"),
    )


def groups(*more: Any) -> sa.Table:
    status = sa.Enum(*STATUSES, name="groupstatus", native_enum=False, create_constraint=True, length=32)
    return sa.Table(
        "groups",
        metadata(),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("prompt_id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=bool(more)),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("status", status, nullable=False),
        sa.Column("leased_to", sa.Integer(), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("leased_at", sa.DateTime(), nullable=True),
        sa.Column("lease_number", sa.Integer(), nullable=True),
        *more,
        sa.PrimaryKeyConstraint("id", name="pk_groups"),
        sa.ForeignKeyConstraint(["leased_to"], ["labelers.id"], name="fk_groups_leased_to_labelers"),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompts.id"], name="fk_groups_prompt_id_prompts"),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name="fk_groups_version_id_versions"),
        sa.Index("ix_groups_prompt_id", "prompt_id"),
        sa.Index("ix_groups_status_id", "status", "id"),
        sa.Index("ix_groups_version_id", "version_id"),
        sa.Index("ix_groups_leased_to_lease_number", "leased_to", "lease_number"),
    )


def metadata() -> sa.MetaData:
    return sa.MetaData(naming_convention={"ck": "ck_%(table_name)s_%(constraint_name)s"})
