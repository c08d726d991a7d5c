"""What was sent as it was sent, for as long as that is kept; deliveries by hand; whose turn a delivery is."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Null: by a Milepost before this one, which may go on beside it. Such a mail is kept as if it were of today.
    op.add_column("mails", sa.Column("written_at", sa.DateTime(timezone=True)))
    op.create_index("ix_mails_written_at", "mails", ["written_at"])
    for name, kind in (
        ("due_at", sa.DateTime(timezone=True)),
        ("lane", sa.Text()),
        ("tried_until", sa.DateTime(timezone=True)),
    ):
        op.add_column("deliveries", sa.Column(name, kind))
    op.create_index("ix_deliveries_last_at", "deliveries", ["last_at"])
    op.create_table(
        "sent_requests",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_sent_requests"),
    )
    op.create_index("ix_sent_requests_written_at", "sent_requests", ["written_at"])
    op.create_table(
        "redeliveries",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("key", "run_id", name="pk_redeliveries"),
    )
    op.create_index("ix_redeliveries_case_id", "redeliveries", ["case_id"])
    op.create_index("ix_redeliveries_last_at", "redeliveries", ["last_at"])


def downgrade() -> None:
    op.drop_table("redeliveries")
    op.drop_table("sent_requests")
    op.drop_index("ix_deliveries_last_at", "deliveries")
    with op.batch_alter_table("deliveries") as deliveries:
        for name in ("tried_until", "lane", "due_at"):
            deliveries.drop_column(name)
    op.drop_index("ix_mails_written_at", "mails")
    with op.batch_alter_table("mails") as mails:
        mails.drop_column("written_at")
