"""The running cases of an account or an entitlement are found without those that are closed."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0021"
branch_labels = None
depends_on = None

NAMES = ("account", "entitlement")


def upgrade() -> None:
    running = sa.text("closed_at IS NULL")
    for name in NAMES:
        columns = [name, "case_id"]
        op.create_index(f"ix_cases_{name}_running", "cases", columns, sqlite_where=running, postgresql_where=running)


def downgrade() -> None:
    for name in NAMES:
        op.drop_index(f"ix_cases_{name}_running", "cases")
