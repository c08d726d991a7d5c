"""The rows of a case that reports are made from: what came of each milestone instance, its pauses, and who held it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from domain.frozen import FrozenCalendar, HorizonExceeded
from domain.messages.case_state import CaseState
from domain.messages.steps import CaseRecord
from domain.reports.holding import FieldChange, held
from domain.reports.measures import Measured, measure, pauses_of
from domain.reports.persons import Stop, begins_by_stop, last_stop, stops_of
from domain.reports.ruling import open_time_of
from domain.timeline.effects import Noted, NoteKind
from domain.timeline.instances import InstanceState, MilestoneInstance
from domain.timeline.views import MilestoneView

T = TypeVar("T")
Row = dict[str, Any]
Begun = Mapping[tuple[datetime, bool], str | None]
"""Who began pauses at an instant, those that begin because the case is stopped (True) and the others."""
Key = tuple[str, str, int]
"""A milestone instance of a case: process, milestone, occurrence."""

_OF_MEASURED = (
    *("target_at", "ended_at", "violations", "corrected", "span_seconds", "response_seconds", "margin_seconds"),
    *("overrun_seconds", "paused_seconds", "was_paused"),
)


@dataclass(frozen=True)
class CaseToMeasure:
    """A case, and what its rows follow from.

    Attributes:
        views: of its milestone instances, as of `now`.
        instances: what the views are of, as far as they are known.
        has_own_clock: it goes by a clock of its own, as those of a replayed log do: nothing of it becomes late.
        changes: of its fields, in order.
        stops: of its clock, in order, the newest.
    """

    case_id: str
    now: datetime
    views: Sequence[MilestoneView]
    instances: Mapping[Key, MilestoneInstance]
    calendars: Mapping[str, FrozenCalendar]
    has_own_clock: bool
    changes: Sequence[FieldChange] = ()
    stops: Sequence[Stop] = ()


def of_record(record: CaseRecord) -> CaseToMeasure:
    """What a record says of its case; without the changes of its fields, of which the store has the older ones."""
    kept = [*record.carried.state.instances, *(each.instance for each in record.folded)]
    instances = {(one.process, one.milestone, one.occurrence): one for one in kept}
    views = [*record.view.milestones, *(each.view for each in record.folded)]
    return CaseToMeasure(
        case_id=record.view.case_id,
        now=record.view.now,
        views=[_with_pauses(view, instances) for view in views],
        instances=instances,
        calendars=record.carried.plan.calendars,
        has_own_clock=bool(record.carried.ahead),
        stops=stops_of(record.carried.state.holds, record.notes),
    )


def of_stored(
    carried: CaseState, views: Sequence[MilestoneView], now: datetime, notes: Sequence[Noted] = ()
) -> CaseToMeasure:
    """A case as it is on record.

    Args:
        carried: its state.
        views: of all its milestone instances, the folded ones too.
        now: as of which they are.
        notes: of it, for whose stops they were; its state knows the newest.
    """
    instances = {(one.process, one.milestone, one.occurrence): one for one in carried.state.instances}
    return CaseToMeasure(
        case_id=carried.state.case_id,
        now=now,
        views=[_with_pauses(view, instances) for view in views],
        instances=instances,
        calendars=carried.plan.calendars,
        has_own_clock=bool(carried.ahead),
        stops=stops_of(carried.state.holds, notes),
    )


def _with_pauses(view: MilestoneView, instances: Mapping[Key, MilestoneInstance]) -> MilestoneView:
    """A view with every pause that its instance keeps; it may have the newest only."""
    instance = instances.get((view.process, view.milestone, view.occurrence))
    if not view.more_pauses or instance is None:
        return view
    return view.model_copy(update={"pauses": list(instance.pauses)})


def with_changes(case: CaseToMeasure, changes: Sequence[FieldChange]) -> CaseToMeasure:
    """The same with the changes of its fields."""
    return replace(case, changes=changes)


def changes_of(case_id: str, notes: Sequence[Noted]) -> list[Row]:
    """The rows of changes of fields that notes tell of."""
    return [
        {"case_id": case_id, "number": note.number, "at": note.at, "fields": note.facts.fields, "before": before}
        for note in notes
        if note.kind is NoteKind.CHANGED and note.facts and note.facts.fields
        for before in [note.facts.before or {}]
    ]


def measure_rows(case: CaseToMeasure) -> list[Row]:
    """A row for each instance: what came of it."""
    return [row for view in case.views if (row := _measure_row(case, view)) is not None]


def _measure_row(case: CaseToMeasure, view: MilestoneView) -> Row | None:
    measured = _measured(case, view)
    if measured is None:
        return None
    runs = view.state is InstanceState.RUNNING and not case.has_own_clock
    return {
        **_key_of(case, view),
        **{name: getattr(measured, name) for name in _OF_MEASURED},
        "was_paused": measured.was_paused or view.state is InstanceState.PAUSED,
        "promise": view.promise,
        "runs": runs,
        "outcome": measured.outcome.value,
        "business_hours": view.business_hours,
        "measured_at": case.now,
        "start_at": view.start_at,
        "violated_after": view.target_at if runs and view.promise and not view.violated else None,
        "actual_seconds": view.actual_seconds,
        "ran_under": view.ran_under or None,
    }


def _measured(case: CaseToMeasure, view: MilestoneView) -> Measured | None:
    """An instance, measured; what lies past the horizon of its calendar is not known."""
    if view.business_hours not in case.calendars:
        return None
    try:
        return measure(view, case.calendars, case.now, _instance(case, view))
    except HorizonExceeded:
        return measure(view.model_copy(update={"target_at": None}), case.calendars, case.now, _instance(case, view))


def seen_rows(case_id: str, views: Sequence[MilestoneView]) -> list[Row]:
    """Of rows of measures what instances say of themselves, without any calendar."""
    return [
        {
            **_place_of(case_id, view),
            **{name: getattr(view, name) for name in ("promise", "business_hours", "start_at", "actual_seconds")},
            "ended_at": view.completed_at or view.removed_at or view.exited_at,
            "violations": len(view.violations),
            "corrected": sum(violation.corrected_at is not None for violation in view.violations),
            "response_seconds": view.actual_seconds if view.completed_at else None,
            "paused_seconds": view.paused_seconds or 0,
            "ran_under": view.ran_under or None,
        }
        for view in views
    ]


def seen_pauses(case_id: str, view: MilestoneView, now: datetime) -> list[Row]:
    """Of rows of pauses what an instance that has ended says itself: of very many it has the newest."""
    return [
        {**_place_of(case_id, view), "from_at": begins, "to_at": ends, "cause": " + ".join(causes)}
        for begins, ends, causes in pauses_of(view, now)
    ]


def begun_by(who_paused: Mapping[datetime, str | None]) -> dict[tuple[datetime, bool], str | None]:
    """Who began the pauses of an instant that begin because of a change, and not because the case stands."""
    return {(at, False): by for at, by in who_paused.items()}


def pause_rows(case: CaseToMeasure, by: Begun) -> list[Row]:
    """A row for each pause of each instance that counts.

    Args:
        case: whose pauses.
        by: who began those of an instant; of a stop, where the case does not know it any more.
    """
    return [row for view in case.views if view.pauses for row in _pause_rows(case, view, by)]


def _pause_rows(case: CaseToMeasure, view: MilestoneView, by: Begun) -> Iterator[Row]:
    calendar = case.calendars.get(view.business_hours)
    instance = _instance(case, view)
    elapsed = open_time_of(view, instance, case.calendars, case.now)
    open_pause = next((pause for pause in view.pauses if pause.to_at is None), None)
    if calendar is None or elapsed is None:
        return
    counted = pauses_of(view, case.now)
    # One that begins with this record has no length yet, and grows without another one.
    begun = [open_pause] if view.is_open and open_pause and max(open_pause.from_at, view.start_at) >= case.now else []
    for begins, ends, causes in [*counted, *((max(p.from_at, view.start_at),) * 2 + (p.causes,) for p in begun)]:
        is_last = view.is_open and open_pause is not None and begins == max(open_pause.from_at, view.start_at)
        yield {
            **_key_of(case, view),
            "from_at": begins,
            "to_at": None if is_last else ends,
            "goes_on": is_last and not case.has_own_clock,
            "business_hours": view.business_hours,
            "cause": " + ".join(causes),
            "by": _person(case, begins, " + ".join(causes), by),
            "open_seconds": _known(partial(elapsed, begins, ends)) or 0,
            "left_seconds": _known(partial(_left, instance, case, calendar, begins)),
        }


def _person(case: CaseToMeasure, begins: datetime, cause: str, by: Begun) -> str | None:
    """Who began a pause: of one that begins because the case stands, who stopped it, then or before."""
    if not begins_by_stop(cause):
        return by.get((begins, False))
    stop = last_stop(case.stops, begins)
    return by.get((begins, True)) if stop is None else stop.by


def _left(
    instance: MilestoneInstance | None, case: CaseToMeasure, calendar: FrozenCalendar, at: datetime
) -> int | None:
    """Open seconds from an instant to the target as it stood then.

    After it they are negative: a second less than none where no open time lies between.
    """
    if instance is None:
        return None
    target = instance.target_at(case.calendars, as_of=at)
    left = calendar.elapsed(at, target)
    return min(left, -1) if at > target else left


def holding_rows(case: CaseToMeasure) -> list[Row]:
    """A row for each instance and each value that a field had while it ran, of fields that ever changed."""
    rows: list[Row] = []
    if not case.changes:
        return rows
    for view in case.views:
        elapsed = open_time_of(view, _instance(case, view), case.calendars, case.now)
        if elapsed is not None:
            found = _known(partial(held, view, case.changes, elapsed, case.now)) or []
            rows += [{**_key_of(case, view), **one._asdict()} for one in found]
    return rows


def _instance(case: CaseToMeasure, view: MilestoneView) -> MilestoneInstance | None:
    return case.instances.get((view.process, view.milestone, view.occurrence))


def _key_of(case: CaseToMeasure, view: MilestoneView) -> Row:
    return _place_of(case.case_id, view)


def _place_of(case_id: str, view: MilestoneView) -> Row:
    return {
        "case_id": case_id,
        "process": view.process,
        "milestone": view.milestone,
        "occurrence": view.occurrence,
    }


def _known(value: Callable[[], T]) -> T | None:
    try:
        return value()
    except HorizonExceeded:
        return None
