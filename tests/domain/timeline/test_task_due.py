"""By when a task is to be done: open time of its milestone's calendar from its trigger or from the target."""

from __future__ import annotations

from typing import Any

import pytest

from domain.process import Task
from domain.process.actions import of_an_entitlement
from domain.timeline.effects import TriggerFired
from tests.domain.timeline.bench import Bench, told, triggers

TASK: dict[str, Any] = {"do": "task", "subject": "call"}


def due(bench: Bench) -> list[str]:
    """By when each task of the first trigger that fired is to be done."""
    fired = next(effect for effect in bench.effects if isinstance(effect, TriggerFired))
    return [told(call.due_at) for call in fired.calls]


@pytest.mark.parametrize(
    ("at", "task", "by"),
    [
        ("warning 60m", {}, ""),
        ("warning 60m", {"due": "30m"}, "Thu 10:30"),
        ("warning 60m", {"due": "8h"}, "Fri 10:00"),
        ("warning 60m", {"due": "1bd"}, "Fri 10:00"),
        ("warning 60m", {"due": "eod"}, "Thu 17:00"),
        ("warning 60m", {"due_from": "target"}, "Thu 11:00"),
        ("warning 60m", {"due": "7h", "due_from": "target"}, "Fri 10:00"),
        ("violation 60m", {"due": "6h"}, "Fri 10:00"),
    ],
)
def test_a_task_is_due_in_open_time(at: str, task: dict[str, Any], by: str) -> None:
    """240 minutes of office hours from Wednesday 15:00 end on Thursday at 11:00; nights are no time to do a task."""
    milestone = {"within": "240m", "triggers": triggers(at, actions=[TASK | task])}
    assert due(Bench(milestone, opened="Wed 15:00").to("Fri 17:00")) == [by]


def test_a_task_is_due_from_when_its_trigger_was_due() -> None:
    """Not from when the engine got to it, three days late."""
    milestone = {
        "within": "4h",
        "business_hours": "X",
        "triggers": triggers("violation 0", actions=[TASK | {"due": "2h"}]),
    }
    assert due(Bench(milestone).to("Thu 12:00")) == ["Mon 15:00"]


def test_a_task_by_a_milestones_own_calendar() -> None:
    """Of a milestone around the clock, a task of its warning may be due at night."""
    late = triggers("violation 0", actions=[TASK | {"due": "12h"}])
    assert due(Bench({"within": "4h", "business_hours": "X", "triggers": late}).to("Tue 12:00")) == ["Tue 01:00"]


@pytest.mark.parametrize("due", [{"due": "2h"}, {"due_from": "target"}])
def test_an_entitlements_task_has_no_due_time(due: dict[str, Any]) -> None:
    """A threshold has no business hours to count by: it is refused, and the message says what to leave out."""
    with pytest.raises(ValueError, match="leave due and due_from out"):
        of_an_entitlement([Task.model_validate(TASK | due)])


def test_no_due_time_is_left_out_of_what_is_stored() -> None:
    """So that a process that was stored before is no new version."""
    assert set(Task.model_validate(TASK).model_dump()) == {"id", "do", "subject", "assign_to", "body"}
