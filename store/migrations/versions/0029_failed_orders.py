"""Actions of cases that failed for good, as they were ordered: to be tried again when their cases have ended."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "failed_orders",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("ordered", sa.JSON(), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_failed_orders"),
    )
    op.create_index("ix_failed_orders_failed_at", "failed_orders", ["failed_at"])


def downgrade() -> None:
    op.drop_table("failed_orders")
