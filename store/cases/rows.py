"""The rows of a case's record, for whoever writes them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from domain.messages.migrations import hours_in_use
from domain.process import FieldUpdate
from domain.process.actions import slug
from store import tables
from store.types import written

if TYPE_CHECKING:
    from domain.messages.steps import CaseRecord
    from domain.timeline.effects import TriggerFired
    from domain.timeline.views import CaseView

Row = dict[str, Any]

NOTE_COLUMNS = tuple(column.name for column in tables.notes.c if column.name != "case_id")
TRIGGER_CHANGES = ("case_id", "kind", "milestone", "occurrence", "trigger", "firing", "due_at", "at", "noticed_at")
ACTION_CHANGES = ("position", "trigger_key", "action")
"""What changes of one that is there: an attempt that the server never took may have noticed it at another time."""


def case_row(record: CaseRecord) -> Row:
    """How the case stands."""
    view = record.view
    return {
        "case_id": view.case_id,
        "external_id": view.external_id,
        "channel": view.channel,
        "run": record.run,
        "history": record.history,
        "number": record.number,
        "run_id": record.run_id,
        "account": record.account,
        "entitlement": record.entitlement,
        "process": view.process,
        "process_version": view.process_version,
        "status": view.status.value,
        "stopped": view.stopped,
        "opened_at": view.opened_at,
        "closed_at": view.closed_at,
        "next_due": view.next_due,
        "view": written(view),
        "carried": written(record.carried),
        "recorded_at": datetime.now(UTC),
        "fields": view.fields,
        "own_clock": bool(record.carried.ahead),
        "began_at": record.began_at,
    }


def hours_of(record: CaseRecord) -> dict[str, int]:
    """The business hours that the case goes by, each with its version; none of one that is closed."""
    return {} if record.view.closed_at is not None else hours_in_use(record.carried.plan)


def note_rows(record: CaseRecord) -> list[Row]:
    """What was noted."""
    case_id = record.view.case_id
    return [{"case_id": case_id, **{key: getattr(note, key) for key in NOTE_COLUMNS}} for note in record.notes]


def trigger_row(view: CaseView, fired: TriggerFired) -> Row:
    """A trigger that fired."""
    same = ("milestone", "occurrence", "trigger", "firing", "due_at", "at", "noticed_at")
    row = {"key": _trigger_key(view, fired), "case_id": view.case_id, "kind": fired.kind.value}
    return row | {name: getattr(fired, name) for name in same}


def action_rows(view: CaseView, fired: TriggerFired) -> Iterator[Row]:
    """What it ordered."""
    key = _trigger_key(view, fired)
    for position, call in enumerate(fired.calls):
        known = {"position": position, "trigger_key": key, "action": written(call.action)}
        # The timeline itself has carried out a change of a field by the time it tells of it.
        taken = isinstance(call.action, FieldUpdate)
        outcome = {"status": "done", "done_at": fired.at} if taken else {"status": "ordered", "done_at": None}
        yield {"key": call.key, "case_id": view.case_id, **known, **outcome}


def _trigger_key(view: CaseView, fired: TriggerFired) -> str:
    """The key of its effects without the action; also for a trigger that has none."""
    if fired.calls:
        return fired.calls[0].key.rpartition("/")[0]
    instances = [
        milestone
        for milestone in view.milestones
        if (milestone.milestone, milestone.occurrence) == (fired.milestone, fired.occurrence)
    ]
    process = instances[-1].process if instances else slug(view.process or "")
    place = (view.case_id, process, slug(fired.milestone), str(fired.occurrence), fired.trigger, str(fired.firing))
    return "/".join(place)
