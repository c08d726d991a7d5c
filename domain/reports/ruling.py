"""By which business hours the time of an instance counts: each stretch by those that ruled it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from domain.frozen import FrozenCalendar
from domain.timeline.instances import MilestoneInstance
from domain.timeline.views import MilestoneView

Elapsed = Callable[[datetime, datetime], int]
"""Open seconds between two instants.

Raises:
    HorizonExceeded: they lie past the horizon of a calendar.
"""


def open_time_of(
    view: MilestoneView, instance: MilestoneInstance | None, calendars: Mapping[str, FrozenCalendar], now: datetime
) -> Elapsed | None:
    """How the time of an instance is counted, from its start on; None: its calendar is not known.

    Args:
        view: of the instance.
        instance: what the view is of; None: it is not known any more, and its last business hours count for all of it.
        calendars: of its plan.
        now: of the view.
    """
    until = view.completed_at or view.removed_at or view.exited_at or max(now, view.start_at)
    stretches = list(instance.stretches(until)) if instance is not None else []
    names = {name for name, _, _ in stretches} | {view.business_hours}
    if not names <= calendars.keys():
        return None
    if len(names) == 1:
        return calendars[view.business_hours].elapsed

    def elapsed(begin: datetime, end: datetime) -> int:
        met = [(name, max(since, begin), min(upto, end)) for name, since, upto in stretches]
        return sum(calendars[name].elapsed(since, upto) for name, since, upto in met if since < upto)

    return elapsed
