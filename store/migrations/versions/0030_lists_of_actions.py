"""Lists of tasks, of what goes out and of entitlements take no longer with everything that was ever there."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_UNDONE, _UNASKED = sa.text("done_at IS NULL"), sa.text("answer IS NULL")
_NEW = {
    "ix_tasks_at_key": ("tasks", ["at", "key"]),
    "ix_tasks_assign_to_at": ("tasks", ["assign_to", "at", "key", "done_at"]),
    "ix_tasks_account_at": ("tasks", ["account", "at", "key", "done_at"]),
    "ix_deliveries_status_last_at": ("deliveries", ["status", "last_at"]),
    "ix_deliveries_channel_last_at": ("deliveries", ["channel", "last_at"]),
    "ix_deliveries_channel_status": ("deliveries", ["channel", "status", "last_at"]),
    "ix_ledger_newest": ("ledger", ["entitlement", "recorded_at", "count"]),
}


def upgrade() -> None:
    for name, (table, columns) in _NEW.items():
        op.create_index(name, table, columns)
    undone = ["at", "key", "due_at"]
    op.create_index("ix_tasks_at_undone", "tasks", undone, sqlite_where=_UNDONE, postgresql_where=_UNDONE)
    op.create_index("ix_mails_unasked", "mails", ["written_at"], sqlite_where=_UNASKED, postgresql_where=_UNASKED)


def downgrade() -> None:
    op.drop_index("ix_mails_unasked", "mails")
    op.drop_index("ix_tasks_at_undone", "tasks")
    for name, (table, _) in reversed(_NEW.items()):
        op.drop_index(name, table)
