"""A case that runs, for whatever is tried on it."""

from __future__ import annotations

from datetime import UTC, datetime

from domain.calendar import ALWAYS
from domain.criteria.fields import FieldType
from domain.process import EntitlementProcess
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan

OPENED_AT = datetime(2025, 6, 9, 13, tzinfo=UTC)

FIELDS = {
    "note": FieldType.STRING,
    "other": FieldType.STRING,
    "more": FieldType.STRING,
    "state": FieldType.STRING,
    "tags": FieldType.LIST,
    "extra": FieldType.ANY,
    "due_at": FieldType.DATETIME,
}

PROCESS = EntitlementProcess.model_validate(
    {
        "name": "Support",
        "milestones": [
            {
                "name": "Answer",
                "within": "4h",
                "complete_when": 'has(case.state) && case.state == "Answered"',
                "triggers": [
                    {"kind": "warning", "at": "75%", "actions": [{"do": "task", "subject": "soon"}]},
                    {"kind": "violation", "actions": [{"do": "field_update", "field": "other", "value": "late"}]},
                ],
            },
            {"name": "Solution", "within": "8h", "pause_when": 'has(case.note) && case.note == "wait"'},
            {"name": "Visit", "by": "due_at"},
        ],
    }
)


def running() -> Timeline:
    """A case that was opened an hour ago, on a calendar that never closes and reaches 25 years."""
    calendar = ALWAYS.freeze(datetime(2025, 1, 1, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC))
    plan = Plan(process=PROCESS, business_hours=ALWAYS.name, calendars={ALWAYS.name: calendar}, fields=FIELDS)
    timeline = Timeline.enter(plan, Case(case_id="c", fields={"state": "New"}), OPENED_AT)
    timeline.advance(OPENED_AT)
    return timeline
