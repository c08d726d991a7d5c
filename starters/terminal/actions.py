"""The actions of a case as people see them: what each said or did, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from domain.process import Email, FieldUpdate, Task
from store import Store, StoredAction


@dataclass(frozen=True, slots=True)
class ShownAction:
    """An action of a trigger that fired.

    Attributes:
        due_at: when its trigger was due.
        text: in words; of one that was done, as its receiver has it.
        status: `ordered`, `done` or `failed`.
        error: why it failed.
    """

    milestone: str
    occurrence: int
    trigger: str
    due_at: datetime
    text: str
    status: str
    error: str | None = None


def case_actions(store: Store, case_id: str) -> list[ShownAction]:
    """The recorded actions of a case, in the order in which they fell due; nothing for a case that is not known."""
    said = {mail.key: f"email to {', '.join(mail.to)}: {mail.subject}" for mail in store.mails(case_id)}
    said |= {task.key: f"task for {task.assign_to or 'nobody'}: {task.subject}" for task in store.tasks(case_id)}
    return [
        ShownAction(
            milestone=stored.milestone,
            occurrence=stored.occurrence or 1,
            trigger=stored.trigger,
            due_at=stored.due_at,
            text=said.get(stored.key) or _declared(stored),
            status=stored.status,
            error=stored.error,
        )
        for stored in store.actions(case_id)
        if stored.milestone and stored.trigger and stored.due_at  # else only its outcome is recorded so far
    ]


def _declared(stored: StoredAction) -> str:
    """What it is to do, with its templates as they were declared."""
    match stored.action:
        case Email(to=to, subject=subject):
            return f"email to {', '.join(to)}: {subject}"
        case Task(assign_to=assign_to, subject=subject):
            return f"task for {assign_to}: {subject}"
        case FieldUpdate(field=field, value=value):
            return f"field update: {field} = {value}"
        case None:
            return stored.key
        case _:
            assert_never(stored.action)
