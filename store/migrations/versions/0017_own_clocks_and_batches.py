"""Clocks of their own, promises, and dead letters that were sent again: columns and an index."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Null: written by a Milepost before this one, which may go on beside it.
    op.add_column("cases", sa.Column("own_clock", sa.Boolean()))
    op.drop_index("ix_cases_opened_at_violated", "cases")
    violated = "status != 'compliant' AND status != 'nothing promised'"
    _index("violated", violated)
    _index("unviolated", f"NOT ({violated})")
    op.add_column("dead_letters", sa.Column("batch", sa.Text()))


def downgrade() -> None:
    with op.batch_alter_table("dead_letters") as letters:
        letters.drop_column("batch")
    for name in ("unviolated", "violated"):
        op.drop_index(f"ix_cases_opened_at_{name}", "cases")
    _index("violated", "status != 'compliant'")
    op.drop_column("cases", "own_clock")


def _index(name: str, condition: str) -> None:
    which = sa.text(condition)
    op.create_index(
        f"ix_cases_opened_at_{name}", "cases", ["opened_at", "case_id"], sqlite_where=which, postgresql_where=which
    )
