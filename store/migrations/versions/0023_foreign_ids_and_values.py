"""What other systems call cases, and which values a field may have."""

import sqlalchemy as sa
from alembic import op

from store.types import Document, Line

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("cases", sa.Column("external_id", Line))
    op.add_column("case_fields", sa.Column("values", Document))


def downgrade() -> None:
    op.drop_column("case_fields", "values")
    op.drop_column("cases", "external_id")
