"""A file is compared with what it said when it was last applied. Until now that was not kept: it is what stands."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_DECLARED = (
    "entitlement_templates",
    "products",
    "accounts",
    "contacts",
    "assets",
    "service_contracts",
    "contract_line_items",
    "entitlements",
)
_WRITTEN = ("cancelled_at", "renews")
"""What people and time wrote into the record of an entitlement, and files do not speak of."""
_AT_ONCE = 500


def upgrade() -> None:
    applied = op.create_table(
        "applied_files",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", name="pk_applied_files"),
    )
    connection = op.get_bind()
    for kind in _DECLARED:
        table = sa.table(kind, sa.column("id"), sa.column("retired", sa.Boolean), sa.column("definition", sa.JSON))
        rows = [
            {"kind": kind, "name": name, "document": _said(definition, retired=retired)}
            for name, retired, definition in connection.execute(sa.select(table))
        ]
        _insert(connection, applied, rows)
    table = sa.table("organisation", sa.column("definition", sa.JSON))
    _insert(
        connection,
        applied,
        [
            {"kind": "organisation", "name": "organisation", "document": definition}
            for (definition,) in connection.execute(sa.select(table))
        ],
    )


def downgrade() -> None:
    op.drop_table("applied_files")


def _said(definition: dict[str, object], *, retired: bool) -> dict[str, object]:
    return {key: value for key, value in definition.items() if key not in _WRITTEN} | {"retired": retired}


def _insert(connection: sa.Connection, applied: sa.Table, rows: list[dict[str, object]]) -> None:
    for begin in range(0, len(rows), _AT_ONCE):
        connection.execute(applied.insert(), rows[begin : begin + _AT_ONCE])
