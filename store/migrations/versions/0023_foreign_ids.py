"""The ids by which other systems know cases, where the ids of the cases were made of them."""

import sqlalchemy as sa
from alembic import op

from store.types import Line

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("cases", sa.Column("external_id", Line))


def downgrade() -> None:
    op.drop_column("cases", "external_id")
