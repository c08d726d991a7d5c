"""Who of a mail's recipients has it, where a mail server took it for some only."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mail_recipients",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("has_it", sa.Boolean(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", "recipient", name="pk_mail_recipients"),
    )
    op.create_index("ix_mail_recipients_at", "mail_recipients", ["at"])


def downgrade() -> None:
    op.drop_table("mail_recipients")
