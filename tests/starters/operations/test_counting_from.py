"""Since when a request counts that was said to have happened before the last thing that the case took."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import pytest

from domain.messages.cases import Answer
from domain.process.declaration import EntitlementProcess
from domain.timeline.events import CaseClosed, ClockResumed, ClockStopped, Event, MilestoneCompleted
from domain.timeline.machine import Case, Timeline
from starters.operations.counting_from import counts_from
from tests.feeds import PLAN, T0

SUPPORT = EntitlementProcess.model_validate(
    {"name": "Support", "milestones": [{"name": "Answer", "within": "4h"}, {"name": "Solution", "within": "8h"}]}
)
LAST = T0 + timedelta(minutes=10)
EARLIER = T0 + timedelta(minutes=4)
LATER = T0 + timedelta(minutes=20)
UPDATES: dict[str, type[ClockStopped | ClockResumed | CaseClosed]] = {
    "stop_clock": ClockStopped,
    "resume_clock": ClockResumed,
    "close": CaseClosed,
}


def asked(update: str, at: datetime, *before: Event, outcome: Literal["taken", "already"] = "taken") -> datetime | None:
    """Since when a request counts in a case that has taken others."""
    timeline = Timeline.enter(PLAN.model_copy(update={"process": SUPPORT}), Case(case_id="c"), T0)
    for event in (*before, UPDATES[update](event_id="asked", occurred_at=at)):
        timeline.apply(event)
    return counts_from(Answer(outcome=outcome, notes=[], case=timeline.view(LATER)), update, at)


STOPPED = ClockStopped(event_id="stopped", occurred_at=T0)
ANSWERED = MilestoneCompleted(event_id="answered", occurred_at=LAST, milestone="Answer")


@pytest.mark.parametrize(
    ("update", "before"),
    [
        ("stop_clock", [ANSWERED]),
        ("resume_clock", [STOPPED, ANSWERED]),
        ("close", [STOPPED, ANSWERED]),
    ],
)
def test_what_is_said_late_counts_from_the_last_thing_that_happened(update: str, before: list[Event]) -> None:
    assert asked(update, EARLIER, *before) == LAST
    assert asked(update, LATER, *before) is None
    assert asked(update, EARLIER, *before, outcome="already") is None


def test_a_completion_counts_from_its_own_time() -> None:
    """It is judged by that, and nothing was moved."""
    view = Timeline.enter(PLAN, Case(case_id="c"), T0).view(LATER)
    assert counts_from(Answer(outcome="taken", notes=[], case=view), "complete_milestone", EARLIER) is None
