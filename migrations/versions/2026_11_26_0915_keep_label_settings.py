"""keep label settings: how the label page's answers are written, and the guidelines for labelers

Safety: adds an empty table. A downgrade forgets the settings and the guidelines.
"""

import sqlalchemy as sa
from alembic import op

revision = "8f2b6d40c9e1"
down_revision = "3d9c1e7f5a26"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "label_settings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("temperature", sa.Double(), nullable=True),
        sa.Column("top_p", sa.Double(), nullable=True),
        sa.Column("max_tokens", sa.Integer(), nullable=True),
        sa.Column("version_id", sa.Integer(), nullable=True),
        sa.Column("other_version_id", sa.Integer(), nullable=True),
        sa.Column("other_answers", sa.Integer(), nullable=False),
        sa.Column("guidelines", sa.String(), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_label_settings_one_row")),
        sa.CheckConstraint("other_answers BETWEEN 0 AND 3", name=op.f("ck_label_settings_other_answers")),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name="fk_label_settings_version_id_versions"),
        sa.ForeignKeyConstraint(
            ["other_version_id"], ["versions.id"], name="fk_label_settings_other_version_id_versions"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_label_settings"),
    )


def downgrade() -> None:
    op.drop_table("label_settings")
