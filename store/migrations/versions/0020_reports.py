"""What reports are made from: measures, pauses, changes of fields, and who held what.

Of cases that are on record already the rows are made from their records, which takes a while where there are very many.
"""

import sqlalchemy as sa
from alembic import op

from store.reports.filling import fill

_INSTANT = sa.DateTime(timezone=True)

revision = "0020"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("cases", sa.Column("fields", sa.JSON()))
    _measures()
    _pauses()
    op.create_table(
        "field_changes",
        sa.Column("case_id", sa.Text, sa.ForeignKey("cases.case_id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
    )
    op.create_table(
        "holdings",
        *_key(),
        sa.Column("field", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, primary_key=True),
        sa.Column("open_seconds", sa.BigInteger, nullable=False),
        sa.Column("is_last", sa.Boolean, nullable=False),
        sqlite_with_rowid=False,
    )

    op.create_table(
        "exported_overrides",
        sa.Column("entitlement", sa.Text, primary_key=True),
        sa.Column("count", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("export", sa.Integer, nullable=False),
        sa.Column("exported_at", _INSTANT, nullable=False),
        sa.Column("exported_by", sa.Text, nullable=False),
    )
    op.create_index("ix_exported_overrides_export", "exported_overrides", ["export"])
    fill(op.get_bind())


def _key() -> list[sa.Column[object]]:
    return [
        sa.Column("case_id", sa.Text, sa.ForeignKey("cases.case_id"), primary_key=True),
        sa.Column("process", sa.Text, primary_key=True),
        sa.Column("milestone", sa.Text, primary_key=True),
        sa.Column("occurrence", sa.Integer, primary_key=True, autoincrement=False),
    ]


def _measures() -> None:
    op.create_table(
        "measures",
        *_key(),
        sa.Column("promise", sa.Boolean, nullable=False),
        sa.Column("runs", sa.Boolean, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("business_hours", sa.Text, nullable=False),
        sa.Column("measured_at", _INSTANT, nullable=False),
        sa.Column("start_at", _INSTANT, nullable=False),
        sa.Column("target_at", _INSTANT),
        sa.Column("ended_at", _INSTANT),
        sa.Column("violated_after", _INSTANT),
        sa.Column("violations", sa.Integer, nullable=False),
        sa.Column("corrected", sa.Integer, nullable=False),
        sa.Column("span_seconds", sa.BigInteger),
        sa.Column("actual_seconds", sa.BigInteger),
        sa.Column("response_seconds", sa.BigInteger),
        sa.Column("margin_seconds", sa.BigInteger),
        sa.Column("overrun_seconds", sa.BigInteger),
        sa.Column("paused_seconds", sa.BigInteger, nullable=False),
        sa.Column("was_paused", sa.Boolean, nullable=False),
        sa.Column("ran_under", sa.JSON()),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_measures_target_at", "measures", ["target_at"])
    sqlite, postgresql = sa.text("runs IS 1"), sa.text("runs IS true")
    op.create_index("ix_measures_running", "measures", ["case_id"], sqlite_where=sqlite, postgresql_where=postgresql)


def _pauses() -> None:
    op.create_table(
        "pauses",
        *_key(),
        sa.Column("from_at", _INSTANT, primary_key=True),
        sa.Column("to_at", _INSTANT),
        sa.Column("goes_on", sa.Boolean, nullable=False),
        sa.Column("business_hours", sa.Text, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("by", sa.Text),
        sa.Column("open_seconds", sa.BigInteger, nullable=False),
        sa.Column("left_seconds", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_pauses_from_at", "pauses", ["from_at"])


def downgrade() -> None:
    for name in ("exported_overrides", "holdings", "field_changes", "pauses", "measures"):
        op.drop_table(name)
    op.drop_column("cases", "fields")
