"""What lists go by: whose cases are and what of each is due first, which entitlements end and what they have left."""

import re
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from domain.bounds import cut_for_search
from store.types import Document, Instant, Line

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_NEW = ("priority", "owner", "paused", "due_at", "due_milestone")
_RUNNING = "closed_at IS NULL"
# Each database uses an index only for a query that spells its condition just so.
_BY_DUE = {
    "running": (_RUNNING, _RUNNING),
    "violated": (f"{_RUNNING} AND status != 'compliant' AND status != 'nothing promised'",) * 2,
    "paused": (f"{_RUNNING} AND paused IS 1", f"{_RUNNING} AND paused IS true"),
}
_AT_ONCE = 500


def upgrade() -> None:
    op.add_column("cases", sa.Column("priority", Line))
    op.add_column("cases", sa.Column("owner", Line))
    op.add_column("cases", sa.Column("paused", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("cases", sa.Column("due_at", Instant))
    op.add_column("cases", sa.Column("due_milestone", Line))
    _fill()
    for name, others in (("account", ["owner", "priority"]), ("owner", ["priority"]), ("priority", [])):
        _create(f"ix_cases_{name}_due_at", [name, "due_at", "case_id", *others], (_RUNNING, _RUNNING))
    for name, which in _BY_DUE.items():
        _create(f"ix_cases_due_at_{name}", ["due_at", "case_id"], which)
    op.create_index("ix_entitlements_ends_on_id", "entitlements", ["ends_on", "id"])
    op.create_index("ix_ledger_period", "ledger", ["entitlement", "count", "period", "number"])


def downgrade() -> None:
    op.drop_index("ix_ledger_period", "ledger")
    op.drop_index("ix_entitlements_ends_on_id", "entitlements")
    for name in ("account_due_at", "owner_due_at", "priority_due_at", *(f"due_at_{name}" for name in _BY_DUE)):
        op.drop_index(f"ix_cases_{name}", "cases")
    for name in reversed(_NEW):
        op.drop_column("cases", name)


def _create(name: str, columns: list[str], which: tuple[str, str]) -> None:
    sqlite, postgresql = map(sa.text, which)
    op.create_index(name, "cases", columns, sqlite_where=sqlite, postgresql_where=postgresql)


def _fill() -> None:
    """Of the cases that are open; of those that are closed nothing is due, and lists by due time leave them out."""
    cases = sa.table(
        "cases",
        sa.column("case_id", Line),
        sa.column("closed_at", Instant),
        sa.column("stopped", sa.Boolean()),
        sa.column("view", Document),
        sa.column("priority", Line),
        sa.column("owner", Line),
        sa.column("paused", sa.Boolean()),
        sa.column("due_at", Instant),
        sa.column("due_milestone", Line),
    )
    connection = op.get_bind()
    milestones = _open_milestones(connection)
    owner = _owner_field(connection)
    wanted = sa.select(cases.c.case_id, cases.c.stopped, cases.c.view).where(cases.c.closed_at.is_(None))
    named = {name: sa.bindparam(f"new_{name}", type_=cases.c[name].type) for name in _NEW}
    changed = sa.update(cases).where(cases.c.case_id == sa.bindparam("of_case")).values(named)
    for some in _some(connection.execute(wanted).all()):
        rows = []
        for row in some:
            fields = (row.view or {}).get("fields") or {}
            found = milestones.get(row.case_id, [])
            dated = [(at, name) for at, name, _ in found if at is not None]
            due_at, due_milestone = min(dated, default=(None, None))
            priority = fields.get("priority")
            rows.append(
                {
                    "of_case": row.case_id,
                    "new_priority": None if priority is None else cut_for_search(str(priority)),
                    "new_owner": _first(fields.get(owner)),
                    "new_paused": bool(row.stopped) or any(state == "paused" for _, _, state in found),
                    "new_due_at": due_at,
                    "new_due_milestone": due_milestone,
                }
            )
        connection.execute(changed, rows)


def _open_milestones(connection: sa.Connection) -> dict[str, list[Any]]:
    table = sa.table(
        "milestones",
        sa.column("case_id", Line),
        sa.column("milestone", Line),
        sa.column("state", Line),
        sa.column("target_at", Instant),
    )
    wanted = sa.select(table.c.case_id, table.c.target_at, table.c.milestone, table.c.state)
    found: dict[str, list[Any]] = {}
    for case_id, *rest in connection.execute(wanted.where(table.c.state.in_(("scheduled", "running", "paused")))):
        found.setdefault(case_id, []).append(tuple(rest))
    return found


def _owner_field(connection: sa.Connection) -> str:
    """The field that says who owns a case."""
    table = sa.table("organisation", sa.column("definition", Document))
    declared = connection.execute(sa.select(table.c.definition)).scalar()
    return str(((declared or {}).get("roles") or {}).get("owner") or "owner")


def _first(value: Any) -> str | None:
    given = value if isinstance(value, list) else [] if value is None else re.split("[,;]", str(value))
    found = next((str(one).strip() for one in given if str(one).strip()), None)
    return None if found is None else cut_for_search(found)


def _some(rows: Any) -> Iterator[Any]:
    for begin in range(0, len(rows), _AT_ONCE):
        yield rows[begin : begin + _AT_ONCE]
