"""Pauses as reports count them: whose they are, and whether they began before their target or after it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.reports.making import ReportWish, make_report
from domain.calendar import BusinessHours
from domain.criteria.fields import FieldType
from domain.process import EntitlementProcess
from domain.reports.result import ReportKind
from domain.timeline.events import ClockResumed, ClockStopped, FieldsChanged
from domain.timeline.plan import Plan
from store import Store, tables
from tests.recorded import RecordedCase

FRIDAY = datetime(2026, 3, 6, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
OFFICE = BusinessHours.model_validate(
    {
        "name": "office",
        "time_zone": "UTC",
        "week": {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")},
    }
)
PROCESS = EntitlementProcess.model_validate(
    {
        "name": "Desk",
        "business_hours": "office",
        "milestones": [
            {"name": "Answer", "within": "8h"},
            {"name": "Call back", "within": "4h", "starts": "criteria", "when": "case.urgent == true"},
        ],
    }
)
PLAN = Plan(
    process=PROCESS,
    business_hours="office",
    calendars={"office": OFFICE.freeze(FRIDAY - timedelta(days=9), FRIDAY + timedelta(days=900))},
    fields={"urgent": FieldType.BOOLEAN},
)


class Lived:
    """A case that is recorded by itself, or as several at once are."""

    def __init__(self, store: Store, *, one_by_one: bool) -> None:
        self._case = RecordedCase(store, PLAN, "a", {"urgent": False}, FRIDAY, account="acme")
        self._one_by_one = one_by_one

    def takes(self, event: type[Any], at: datetime, by: str | None, **said: Any) -> None:
        taken = event(event_id=f"{event.__name__} {at} {by}", occurred_at=at, by=by, **said)
        effects = self._case.timeline.apply(taken, at)
        self._case.record(effects, one_by_one=self._one_by_one)

    def advance(self, now: datetime) -> None:
        self._case.record(self._case.timeline.advance(now), one_by_one=self._one_by_one)


@pytest.fixture(params=[True, False], ids=["by itself", "among others"])
def lived(store: Store, request: pytest.FixtureRequest) -> Lived:
    return Lived(store, one_by_one=request.param)


def persons(store: Store, *by: str) -> dict[Any, Any]:
    """How many pauses there are in each group; an audit agrees."""
    assert [one.discrepancies for one in store.reports.audit()] == [[]]
    made = make_report(store, ReportWish(ReportKind.PAUSES, by=by, now=FRIDAY + timedelta(days=9)))
    return {row[: len(by)]: row[len(by)] for row in made.rows}


def test_what_starts_while_the_case_stands_was_paused_by_who_stopped_it(store: Store, lived: Lived) -> None:
    """And by nobody else: whose change let it start has stopped nothing."""
    lived.takes(ClockStopped, FRIDAY + HOUR, "ann")
    lived.takes(FieldsChanged, FRIDAY + 3 * HOUR, "bo", fields={"urgent": True})
    lived.advance(FRIDAY + 4 * HOUR)
    assert persons(store, "milestone", "person") == {("Answer", "ann"): 1, ("Call back", "ann"): 1}
    with store._database.write() as connection:
        connection.execute(tables.pauses.update().where(tables.pauses.c.milestone == "Call back").values(by="bo"))
    [audited] = store.reports.audit()
    assert audited.discrepancies == [
        "Call back, pause from 2026-03-06 12:00:00Z: the person is 'bo' as stored, and 'ann' as worked out"
    ]


def test_each_stop_is_of_who_made_it(store: Store, lived: Lived) -> None:
    """The last one before a milestone begins, in one instant too; a stop without a name has none."""
    lived.takes(ClockStopped, FRIDAY + HOUR, "ann")
    lived.takes(ClockResumed, FRIDAY + 2 * HOUR, "cy")
    lived.takes(ClockStopped, FRIDAY + 2 * HOUR, None)
    lived.takes(ClockResumed, FRIDAY + 3 * HOUR, "cy")
    lived.takes(ClockStopped, FRIDAY + 4 * HOUR, "ann")
    lived.takes(ClockResumed, FRIDAY + 4 * HOUR, "cy")
    lived.takes(ClockStopped, FRIDAY + 4 * HOUR, "di")
    lived.takes(FieldsChanged, FRIDAY + 5 * HOUR, "bo", fields={"urgent": True})
    assert persons(store, "milestone", "person") == {
        ("Answer", "ann"): 1,
        ("Answer", "none"): 1,
        ("Answer", "di"): 1,
        ("Call back", "di"): 1,
    }


def test_a_stop_of_long_ago_keeps_its_name(store: Store, lived: Lived) -> None:
    """A case knows the newest of its stops; who made those before stays on record."""
    for minute in range(40):
        lived.takes(ClockStopped, FRIDAY + timedelta(minutes=2 * minute), f"p{minute}")
        lived.takes(ClockResumed, FRIDAY + timedelta(minutes=2 * minute + 1), "cy")
    assert persons(store, "person") == {(f"p{minute}",): 1 for minute in range(40)}


@pytest.mark.parametrize(
    ("after", "close", "late"),
    [
        (timedelta(hours=8), 1, 0),
        (timedelta(hours=8, seconds=1), 0, 1),
        (timedelta(hours=11), 0, 1),
        (timedelta(days=3, seconds=1), 0, 1),
        (timedelta(hours=7), 0, 0),
    ],
)
def test_after_the_target_is_not_just_before_it(
    store: Store, lived: Lived, after: timedelta, close: int, late: int
) -> None:
    """Also where no open time lies between: the target was on Friday at 17:00, when the office closed."""
    lived.advance(FRIDAY + after)
    lived.takes(ClockStopped, FRIDAY + after, "ann")
    made = make_report(store, ReportWish(ReportKind.PAUSES, by=["person"], now=FRIDAY + timedelta(days=9)))
    assert [row[-2:] for row in made.rows] == [(close, late)]
    assert [one.discrepancies for one in store.reports.audit()] == [[]]
