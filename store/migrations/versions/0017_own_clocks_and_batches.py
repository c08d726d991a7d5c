"""Whether a case goes by a clock of its own; which batch of a subscription sent a dead letter again."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Null: written by a Milepost before this one, which may go on beside it.
    op.add_column("cases", sa.Column("own_clock", sa.Boolean()))
    op.add_column("dead_letters", sa.Column("batch", sa.Text()))


def downgrade() -> None:
    with op.batch_alter_table("dead_letters") as letters:
        letters.drop_column("batch")
    with op.batch_alter_table("cases") as cases:
        cases.drop_column("own_clock")
