"""vote in the arena: pairs of answers that are judged blind, the votes on them, and what follows from votes

Safety: adds empty tables. A downgrade forgets pairs, votes and the arena's settings; rankings that votes became stay.
"""

import sqlalchemy as sa
from alembic import op

revision = "5a0c94e7d1b3"
down_revision = "d1f7b3a95c62"
branch_labels = None
depends_on = None

_OF_IMPORT = sa.text("import_id IS NOT NULL")
_IN_FORCE = sa.text("withdrawn_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "pairs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("prompt_id", sa.Integer(), nullable=False),
        sa.Column("source", _one_of("pairsource", "held_out", "drawn", "own"), nullable=False),
        sa.Column("version_a_id", sa.Integer(), nullable=True),
        sa.Column("version_b_id", sa.Integer(), nullable=True),
        sa.Column("writer_a", sa.String(), nullable=True),
        sa.Column("writer_b", sa.String(), nullable=True),
        sa.Column("text_a", sa.String(), nullable=False),
        sa.Column("text_b", sa.String(), nullable=False),
        sa.Column("token_ids_a", sa.JSON(), nullable=False),
        sa.Column("token_ids_b", sa.JSON(), nullable=False),
        sa.Column("finish_reason_a", sa.String(), nullable=False),
        sa.Column("finish_reason_b", sa.String(), nullable=False),
        sa.Column("score_a", sa.Double(), nullable=True),
        sa.Column("score_b", sa.Double(), nullable=True),
        sa.Column("reward_version_id", sa.Integer(), nullable=True),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("status", _one_of("pairstatus", "ready", "held", "voted", "skipped", "same_text"), nullable=False),
        sa.Column("labeler_id", sa.Integer(), nullable=True),
        sa.Column("held_at", sa.DateTime(), nullable=True),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("import_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint("finish_reason_a IN ('stop', 'length')", name=op.f("ck_pairs_finish_reason_a")),
        sa.CheckConstraint("finish_reason_b IN ('stop', 'length')", name=op.f("ck_pairs_finish_reason_b")),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompts.id"], name="fk_pairs_prompt_id_prompts"),
        sa.ForeignKeyConstraint(["version_a_id"], ["versions.id"], name="fk_pairs_version_a_id_versions"),
        sa.ForeignKeyConstraint(["version_b_id"], ["versions.id"], name="fk_pairs_version_b_id_versions"),
        sa.ForeignKeyConstraint(["reward_version_id"], ["versions.id"], name="fk_pairs_reward_version_id_versions"),
        sa.ForeignKeyConstraint(["labeler_id"], ["labelers.id"], name="fk_pairs_labeler_id_labelers"),
        sa.PrimaryKeyConstraint("id", name="pk_pairs"),
        sa.UniqueConstraint("digest", name="uq_pairs_digest"),
    )
    op.create_index("ix_pairs_prompt_id", "pairs", ["prompt_id"])
    op.create_index("ix_pairs_status_id", "pairs", ["status", "id"])
    op.create_index("ix_pairs_version_a_id_version_b_id", "pairs", ["version_a_id", "version_b_id"])
    op.create_index("ix_pairs_version_b_id", "pairs", ["version_b_id"])
    op.create_index("ix_pairs_labeler_id_status", "pairs", ["labeler_id", "status"])
    op.create_index("ix_pairs_import", "pairs", ["import_id"], sqlite_where=_OF_IMPORT, postgresql_where=_OF_IMPORT)
    op.create_table(
        "votes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pair_id", sa.Integer(), nullable=False),
        sa.Column("labeler_id", sa.Integer(), nullable=False),
        sa.Column("verdict", _one_of("verdict", "a", "b", "tie", "both_bad"), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("ranking_id", sa.Integer(), nullable=True),
        sa.Column("activated_version_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["pair_id"], ["pairs.id"], name="fk_votes_pair_id_pairs"),
        sa.ForeignKeyConstraint(["labeler_id"], ["labelers.id"], name="fk_votes_labeler_id_labelers"),
        sa.ForeignKeyConstraint(["ranking_id"], ["rankings.id"], name="fk_votes_ranking_id_rankings"),
        sa.ForeignKeyConstraint(
            ["activated_version_id"], ["versions.id"], name="fk_votes_activated_version_id_versions"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_votes"),
        sa.UniqueConstraint("labeler_id", "idempotency_key", name="uq_votes_labeler_id_idempotency_key"),
        sa.UniqueConstraint("ranking_id", name="uq_votes_ranking_id"),
    )
    op.create_index("ix_votes_pair_id", "votes", ["pair_id"])
    op.create_index("ix_votes_labeler_id", "votes", ["labeler_id"])
    op.create_index(
        "uq_votes_pair_labeler",
        "votes",
        ["pair_id", "labeler_id"],
        unique=True,
        sqlite_where=_IN_FORCE,
        postgresql_where=_IN_FORCE,
    )
    op.create_table(
        "arena_settings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("train_on_votes", sa.Boolean(), nullable=False),
        sa.Column("activate_above", sa.Double(), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_arena_settings_one_row")),
        sa.CheckConstraint("activate_above BETWEEN 0.5 AND 0.95", name=op.f("ck_arena_settings_activate_above")),
        sa.PrimaryKeyConstraint("id", name="pk_arena_settings"),
    )


def downgrade() -> None:
    op.drop_table("arena_settings")
    op.drop_table("votes")
    op.drop_table("pairs")


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)
