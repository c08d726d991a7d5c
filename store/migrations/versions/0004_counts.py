"""Rows of a ledger and periods know the count that wrote them, so that those of the next are not taken for them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NUMBERED_BY = {"ledger": "number", "usage_periods": "period"}


def upgrade() -> None:
    for table, number in _NUMBERED_BY.items():
        with op.batch_alter_table(table) as changed:
            changed.add_column(sa.Column("count", sa.Text(), nullable=False, server_default=""))
            changed.drop_constraint(f"pk_{table}", type_="primary")
            changed.create_primary_key(f"pk_{table}", ["entitlement", "count", number])
        with op.batch_alter_table(table) as changed:
            changed.alter_column("count", server_default=None)


def downgrade() -> None:
    """Fails, and changes nothing, if an entitlement has rows of two counts: one of them would have to go."""
    for table, number in _NUMBERED_BY.items():
        with op.batch_alter_table(table) as changed:
            changed.drop_constraint(f"pk_{table}", type_="primary")
            changed.create_primary_key(f"pk_{table}", ["entitlement", number])
            changed.drop_column("count")
