"""Whatever changes an entitlement, an order or a catalog, its count is told from one list."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    untold = op.create_table(
        "untold_entitlements",
        sa.Column("entitlement", sa.Text(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entitlement"], ["entitlements.id"], name="fk_untold_entitlements_entitlement_entitlements"
        ),
        sa.PrimaryKeyConstraint("entitlement", name="pk_untold_entitlements"),
    )
    _keep_what_orders_have_not_told(untold)
    with op.batch_alter_table("orders") as orders:
        orders.drop_column("amendments")
        orders.drop_column("told_at")


def downgrade() -> None:
    with op.batch_alter_table("orders") as orders:
        orders.add_column(sa.Column("amendments", sa.JSON(), nullable=False, server_default="[]"))
        orders.add_column(sa.Column("told_at", sa.DateTime(timezone=True)))
    op.drop_table("untold_entitlements")


def _keep_what_orders_have_not_told(untold: sa.Table) -> None:
    names = ("id", "revision", "by", "told_at")
    orders = sa.table("orders", *map(sa.column, names), sa.column("amendments", sa.JSON))
    wanted = sa.select(orders).where(orders.c.told_at.is_(None))
    connection = op.get_bind()
    rows = {
        told["entitlement"]: {
            "entitlement": told["entitlement"],
            "change": f"{found.id}/{found.revision}",
            "by": found.by,
            "reason": f"order {found.id}, revision {found.revision}",
        }
        for found in connection.execute(wanted.order_by(orders.c.revision))
        for told in found.amendments
    }
    if rows:
        connection.execute(untold.insert(), list(rows.values()))
