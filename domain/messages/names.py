"""The names on the wire of a case's workflow and of the activities that it asks for."""

from __future__ import annotations

CASE_WORKFLOW = "CaseWorkflow"

OPEN_CASE = "open_case"
RECORD_CASE = "record_case"
FREEZE_CALENDARS = "freeze_calendars"
PLAN_ENTITLEMENT_CHANGE = "plan_entitlement_change"
PLAN_MIGRATION = "plan_migration"
DECIDE_OVERAGE = "decide_overage"
LOG_TIME = "log_time"
REVERSE_TIME = "reverse_time"


def case_workflow_id(case_id: str) -> str:
    """The id of the workflow of a case."""
    return f"case/{case_id}"


NOT_OPEN_YET = "the case is not open yet"
"""What a case says to a question that comes before its opening; asked again, it answers."""
