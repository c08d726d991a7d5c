"""The explanations of milestone instances that their cases keep no more, and where to look for what they do keep."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("milestones", sa.Column("explained", sa.JSON()))
    kept = sa.text("explained IS NULL")
    names = ["case_id", "process", "milestone", "occurrence"]
    op.create_index("ix_milestones_kept", "milestones", names, sqlite_where=kept, postgresql_where=kept)
    op.create_index("ix_triggers_case_id_at", "triggers", ["case_id", "at"])
    op.drop_index("ix_triggers_case_id", "triggers")


def downgrade() -> None:
    op.create_index("ix_triggers_case_id", "triggers", ["case_id"])
    op.drop_index("ix_triggers_case_id_at", "triggers")
    op.drop_index("ix_milestones_kept", "milestones")
    with op.batch_alter_table("milestones") as milestones:
        milestones.drop_column("explained")
