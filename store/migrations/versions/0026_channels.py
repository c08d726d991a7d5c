"""By which channel a case came in, for reports by channel; of cases that are there nobody has kept it."""

import sqlalchemy as sa
from alembic import op

from store.types import Line

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("cases", sa.Column("channel", Line))


def downgrade() -> None:
    op.drop_column("cases", "channel")
