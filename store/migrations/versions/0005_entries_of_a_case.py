"""All that a time entry was split over is found by the entry's id, its case and its time."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_ledger_reference_case_id_at", "ledger", ["reference", "case_id", "at"])


def downgrade() -> None:
    op.drop_index("ix_ledger_reference_case_id_at", "ledger")
