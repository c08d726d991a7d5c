"""Tasks with a due time, an account, and who ticked them off; whose an action is; who knows of an endpoint."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Null: made before there was such a column, or by a Milepost before this one, which may go on beside it.
    op.add_column("tasks", sa.Column("account", sa.Text()))
    op.add_column("tasks", sa.Column("due_at", sa.DateTime(timezone=True)))
    op.add_column("tasks", sa.Column("done_at", sa.DateTime(timezone=True)))
    op.add_column("tasks", sa.Column("done_by", sa.Text()))
    op.add_column("actions", sa.Column("entitlement", sa.Text()))
    op.add_column("endpoint_states", sa.Column("told_at", sa.DateTime(timezone=True)))
    op.create_index("ix_tasks_assign_to_due_at", "tasks", ["assign_to", "due_at"])
    op.create_table(
        "task_ticks",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("is_done", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["key"], ["tasks.key"], name="fk_task_ticks_key"),
        sa.PrimaryKeyConstraint("key", "number", name="pk_task_ticks"),
    )


def downgrade() -> None:
    op.drop_table("task_ticks")
    op.drop_index("ix_tasks_assign_to_due_at", "tasks")
    with op.batch_alter_table("endpoint_states") as endpoint_states:
        endpoint_states.drop_column("told_at")
    with op.batch_alter_table("actions") as actions:
        actions.drop_column("entitlement")
    with op.batch_alter_table("tasks") as tasks:
        for name in ("done_by", "done_at", "due_at", "account"):
            tasks.drop_column(name)
