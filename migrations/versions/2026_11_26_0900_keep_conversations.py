"""keep conversations: two new tables, those of the chat and their turns

Safety: adds tables only. A downgrade drops them, with every conversation.
"""

import sqlalchemy as sa
from alembic import op

revision = "c5f7a10d8e13"
down_revision = "b4e6f19c7d02"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "conversations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("labeler_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("other_version_id", sa.Integer(), nullable=True),
        sa.Column("is_blind", sa.Boolean(), nullable=False),
        sa.Column("is_swapped", sa.Boolean(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("reads_from", sa.Integer(), nullable=True),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_conversations"),
        sa.ForeignKeyConstraint(["labeler_id"], ["labelers.id"], name="fk_conversations_labeler_id_labelers"),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name="fk_conversations_version_id_versions"),
        sa.ForeignKeyConstraint(
            ["other_version_id"], ["versions.id"], name="fk_conversations_other_version_id_versions"
        ),
        sa.UniqueConstraint("labeler_id", "idempotency_key", name="uq_conversations_labeler_id_idempotency_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_conversations_labeler_id_number", "conversations", ["labeler_id", "number"])
    op.create_table(
        "turns",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.Integer(), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("alternative", sa.Integer(), nullable=False),
        sa.Column("side", sa.Integer(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("is_chosen", sa.Boolean(), nullable=False),
        sa.Column("role", one_of("turnrole", "user", "assistant"), nullable=False),
        sa.Column("status", one_of("turnstatus", "writing", "done", "stopped", "failed"), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=True),
        sa.Column("token_ids", sa.JSON(), nullable=True),
        sa.Column("finish_reason", sa.String(), nullable=True),
        sa.Column("seed", sa.Integer(), nullable=True),
        sa.Column("settings", sa.JSON(), nullable=True),
        sa.Column("reads_from", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_turns"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name="fk_turns_conversation_id_conversations"
        ),
        sa.ForeignKeyConstraint(["parent_id"], ["turns.id"], name="fk_turns_parent_id_turns"),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name="fk_turns_version_id_versions"),
        sa.UniqueConstraint("conversation_id", "parent_id", "alternative", "side", name="uq_turns_place"),
        sa.UniqueConstraint("conversation_id", "idempotency_key", name="uq_turns_key"),
        sa.CheckConstraint("side IN (0, 1)", name="side"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_turns_parent_id", "turns", ["parent_id"])


def downgrade() -> None:
    op.drop_table("turns")
    op.drop_table("conversations")


def one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)
