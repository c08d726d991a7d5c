"""Ledgers by account, so that a report of one account reads no other."""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_ledger_account_kind", "ledger", ["account", "kind"])


def downgrade() -> None:
    op.drop_index("ix_ledger_account_kind", "ledger")
