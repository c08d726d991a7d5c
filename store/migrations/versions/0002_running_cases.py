"""Running cases: an index of them, and the business hours that each goes by."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_AT_ONCE = 200


def upgrade() -> None:
    running = sa.text("closed_at IS NULL")
    columns = ["case_id", "process", "process_version", "account", "entitlement"]
    op.create_index("ix_cases_running", "cases", columns, sqlite_where=running, postgresql_where=running)
    table = op.create_table(
        "case_hours",
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name="fk_case_hours_case_id_cases"),
        sa.PrimaryKeyConstraint("case_id", "name", name="pk_case_hours"),
    )
    _fill(table)


def downgrade() -> None:
    op.drop_table("case_hours")
    op.drop_index("ix_cases_running", "cases")


def _fill(table: sa.Table) -> None:
    """Of the cases that run already, as their records say."""
    cases = sa.table("cases", sa.column("case_id"), sa.column("closed_at"), sa.column("carried", sa.JSON))
    connection, after = op.get_bind(), ""
    while True:
        wanted = sa.select(cases.c.case_id, cases.c.carried).where(cases.c.closed_at.is_(None), cases.c.case_id > after)
        found = connection.execute(wanted.order_by(cases.c.case_id).limit(_AT_ONCE)).all()
        if not found:
            return
        rows = [
            {"case_id": case_id, "name": name, "version": version}
            for case_id, carried in found
            for name, version in _hours_in_use(carried["plan"]).items()
        ]
        if rows:
            connection.execute(table.insert(), rows)
        after = found[-1].case_id


def _hours_in_use(plan: dict[str, Any]) -> dict[str, int]:
    process = plan.get("process") or {"milestones": []}
    names = {plan["business_hours"], process.get("business_hours")}
    for milestone in process["milestones"]:
        names |= {milestone.get("business_hours"), *(row.get("business_hours") for row in milestone["within"] or [])}
    return {name: version for name, version in plan["calendar_versions"].items() if name in names}
