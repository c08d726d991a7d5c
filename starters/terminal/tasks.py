"""Tasks as people see them: what is to be done by whom and when, with the key to tick it off by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from domain.wording import instant
from store.values import TaskEntry


def task_lines(tasks: Sequence[TaskEntry], *, now: datetime, zone: tzinfo) -> list[str]:
    """Tasks, two lines each.

    Args:
        tasks: in their order.
        now: by which one is overdue.
        zone: in which instants are shown.
    """
    return [line for task in tasks for line in (f"{_stands(task, now, zone)}  {_said(task)}", f"    {task.key}")]


def _stands(task: TaskEntry, now: datetime, zone: tzinfo) -> str:
    if task.done_at is not None:
        return f"done {_minute(task.done_at, zone)} by {task.done_by}"
    if task.due_at is None:
        return "open"
    return f"{'OVERDUE, was' if task.due_at < now else 'open,'} due {_minute(task.due_at, zone)}"


def _said(task: TaskEntry) -> str:
    named = task.external_id or task.case_id
    about = f"{named} of {task.account}" if task.account else named
    return f"{task.assign_to or 'nobody'}: {task.subject} ({about})"


def _minute(at: datetime, zone: tzinfo) -> str:
    return instant(at.replace(second=0, microsecond=0), zone)
