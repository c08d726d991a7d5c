"""What lists of cases go by: milestones, and beside what records say who owns cases and what of them is due first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, bindparam, select, update

from domain.bounds import cut_for_search
from domain.catalog.mailing import Role, named_by
from domain.timeline.instances import InstanceState
from store import tables
from store.types import written

if TYPE_CHECKING:
    from domain.timeline.views import CaseView, MilestoneView

_AT_ONCE = 1000
_DECLARED = select(tables.organisation.c.definition)
PRIORITY = "priority"
"""The field of a case by which people rank it."""


def listed(view: CaseView, roles: Mapping[Role, str]) -> dict[str, Any]:
    """The columns of a case that lists go by; which field names its owner, the roles say."""
    due = [(m.target_at, m.milestone) for m in view.milestones if m.is_open and m.target_at is not None]
    due_at, due_milestone = min(due, default=(None, None)) if view.closed_at is None else (None, None)
    priority = view.fields.get(PRIORITY)
    return {
        "priority": None if priority is None else cut_for_search(str(priority)),
        "owner": _owner(view.fields, roles),
        "paused": view.stopped or any(m.state is InstanceState.PAUSED for m in view.milestones),
        "due_at": due_at,
        "due_milestone": due_milestone,
    }


def milestone_row(case_id: str, milestone: MilestoneView) -> dict[str, Any]:
    """The row of a milestone instance."""
    same = (
        *("process", "milestone", "occurrence", "start_at", "target_at", "completed_at", "violated"),
        *("elapsed_seconds", "paused_seconds"),
    )
    violations = milestone.violations
    return {
        "case_id": case_id,
        **{name: getattr(milestone, name) for name in same},
        "state": milestone.state.value,
        "violated_at": violations[-1].violated_at if violations else None,
        "view": written(milestone),
        "explained": None,
    }


def name_owners_anew(connection: Connection) -> None:
    """Another field of the cases says now who owns them: of all that are open, owners are read again."""
    table, roles = tables.cases, roles_now(connection)
    wanted = select(table.c.case_id, table.c.view).where(tables.RUNNING).order_by(table.c.case_id).limit(_AT_ONCE)
    changed = update(table).where(table.c.case_id == bindparam("of_case")).values(owner=bindparam("named"))
    last = ""
    while some := connection.execute(wanted.where(table.c.case_id > last)).all():
        rows = [{"of_case": row.case_id, "named": _owner(row.view.get("fields") or {}, roles)} for row in some]
        connection.execute(changed, rows)
        last = some[-1].case_id


def _owner(fields: Mapping[str, Any], roles: Mapping[Role, str]) -> str | None:
    named = next(iter(named_by(Role.OWNER, fields, dict(roles))), None)
    return None if named is None else cut_for_search(named)


def roles_now(connection: Connection) -> dict[Role, str]:
    """Which fields of cases name whom, as the organisation has declared it."""
    declared = connection.execute(_DECLARED).scalar() or {}
    return {Role(role): field for role, field in declared.get("roles", {}).items()}
