"""When the attempt at a task began that has written a case's record; of records that are there nobody has kept it."""

import sqlalchemy as sa
from alembic import op

from store.types import Instant

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("cases", sa.Column("began_at", Instant))


def downgrade() -> None:
    op.drop_column("cases", "began_at")
