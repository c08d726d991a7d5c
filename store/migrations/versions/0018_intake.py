"""Intake: the systems that tell of tickets, what they sent, and as of when what is known of each case is."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "intake_sources",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_intake_sources"),
    )
    op.create_table(
        "intake_deliveries",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("delivery", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("case_id", sa.Text()),
        sa.Column("external_id", sa.Text()),
        sa.Column("occurred_at", sa.DateTime(timezone=True)),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("did", sa.JSON(), nullable=False),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True)),
        sa.Column("settled_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("number", name="pk_intake_deliveries"),
        sa.UniqueConstraint("source", "delivery"),
    )
    op.create_index("ix_intake_deliveries_status_number", "intake_deliveries", ["status", "number"])
    op.create_index(
        "ix_intake_deliveries_case_id_status_occurred_at_number",
        "intake_deliveries",
        ["case_id", "status", "occurred_at", "number"],
    )
    op.create_table(
        "intake_cases",
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("known", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", name="pk_intake_cases"),
    )


def downgrade() -> None:
    for table in ("intake_cases", "intake_deliveries", "intake_sources"):
        op.drop_table(table)
