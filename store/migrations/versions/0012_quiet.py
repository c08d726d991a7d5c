"""Limits of mails, and the digests of what was over them."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sent_mails",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", "recipient", "case_id", name="pk_sent_mails"),
    )
    op.create_index("ix_sent_mails_recipient_at", "sent_mails", ["recipient", "at"])
    op.create_index("ix_sent_mails_case_id_at", "sent_mails", ["case_id", "at"])
    op.create_index("ix_sent_mails_at", "sent_mails", ["at"])
    op.create_table(
        "held_mails",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("to", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("expires_completed", sa.Boolean(), nullable=False),
        sa.Column("alone", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.Text()),
        sa.PrimaryKeyConstraint("key", "recipient", name="pk_held_mails"),
    )
    op.create_index("ix_held_mails_recipient_digest_held_at", "held_mails", ["recipient", "digest", "held_at"])
    op.create_index("ix_held_mails_digest", "held_mails", ["digest"])
    op.create_table(
        "digests",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("to", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_being_sent", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_digests"),
    )
    op.create_index("ix_digests_recipient_made_at", "digests", ["recipient", "made_at"])


def downgrade() -> None:
    op.drop_table("digests")
    op.drop_table("held_mails")
    op.drop_table("sent_mails")
