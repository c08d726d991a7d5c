"""The story of a case as its events of the feed tell it, told to the slow timeline once more.

Nothing else is at hand but what was declared: neither what was sent, nor any record of the case. What the case did by
itself (a field that a trigger changed, a completion by its rule) the slow timeline has to come to by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from domain.feed.envelope import FeedEvent
from domain.timeline.events import (
    CaseClosed,
    CaseReopened,
    ClockResumed,
    ClockStopped,
    CompletionCleared,
    Event,
    FieldsChanged,
    MilestoneCompleted,
    MilestoneExtended,
    PlanReplaced,
)
from domain.timeline.plan import Plan
from tests.models.both_timelines import Opening, SlowTimeline

BY_ITSELF = "complete_when"
"""Who completes a milestone, or takes that back, where its rule does."""

_CLOCKS: dict[str, type[ClockStopped | ClockResumed]] = {"clock_stopped": ClockStopped, "clock_resumed": ClockResumed}
_PLAIN: dict[str, type[CaseClosed | CaseReopened]] = {"closed": CaseClosed, "reopened": CaseReopened}


def told_slowly(opening: Opening, events: Iterable[FeedEvent], plans: Mapping[int, Plan]) -> SlowTimeline:
    """The slow timeline of a case, by its events alone.

    Args:
        opening: what was declared for the case: its process, calendars and fields.
        events: of the case, from the first on.
        plans: by the versions of its process that it may go over to.
    """
    first, *others = events
    assert first.type == "milepost.case.opened.v1", first.type
    slow = SlowTimeline(opening._replace(fields=first.data["fields"], at=first.time))
    slow.advance(first.time)
    processes = [opening.process, *(plan.process for plan in plans.values() if plan.process)]
    by_triggers = {f"{m.name}: {t.id}" for process in processes for m in process.milestones for t in m.triggers}
    last = first.time
    for event in others:
        said = _from_outside(event, plans, by_triggers)
        if said is None or said.occurred_at < event.time:  # whatever took effect later came after what was done by then
            last = max(last, event.time)
            slow.advance(last)
        if said is not None:
            slow.apply(said, max(said.occurred_at, last))
    return slow


def _from_outside(event: FeedEvent, plans: Mapping[int, Plan], by_triggers: set[str]) -> Event | None:
    """What was told to the case, or asked of it; None: it follows from what is known."""
    kind, data = event.type.removeprefix("milepost.case.").removesuffix(".v1"), event.data
    common: dict[str, Any] = {"event_id": event.id, "occurred_at": _instant(data.get("occurred_at")) or event.time}
    by: str | None = data.get("by")
    milestone: Any = data.get("milestone")
    match kind:
        case "fields_changed" if by not in by_triggers:
            return FieldsChanged(fields=data["fields"], **common)
        case "clock_stopped" | "clock_resumed":
            return _CLOCKS[kind](milestone=milestone, **common)
        case "closed" | "reopened":
            return _PLAIN[kind](**common)
        case "migrated":
            return PlanReplaced(plan=plans[data["process_version"]], **common)
        case "milestone.completed" if by != BY_ITSELF:
            return MilestoneCompleted(milestone=milestone, **{**common, "occurred_at": _instant(data["completed_at"])})
        case "milestone.cleared" if by != BY_ITSELF:
            return CompletionCleared(milestone=milestone, **common)
        case "milestone.extended":
            return MilestoneExtended(milestone=milestone, open_seconds=data["open_seconds"], **common)
        case _:
            return None


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
