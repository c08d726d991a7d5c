"""What entitlements remember of references, once they have put it away."""

import sqlalchemy as sa
from alembic import op

from store.types import Line

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kept_references",
        sa.Column("entitlement", Line, primary_key=True),
        sa.Column("count", Line, primary_key=True),
        sa.Column("digest", Line, primary_key=True),
        sa.Column("ledger", Line, primary_key=True),
        sa.Column("took", Line, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("kept_references")
