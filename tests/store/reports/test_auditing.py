"""What an audit finds: rows of reports that say something else than the pure timeline works out, on each database."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Table, event

from domain.process import EntitlementProcess
from domain.reports.comparing import HOLDINGS, LISTED, MEASURES, PAUSES, in_view
from domain.timeline.events import (
    ClockResumed,
    ClockStopped,
    CompletionCleared,
    EntitlementChanged,
    FieldsChanged,
    MilestoneCompleted,
)
from store import Store, tables
from store.reports.auditing import AuditedReports
from tests.recorded import RecordedCase
from tests.store.cases.test_folded import Recorded
from tests.store.reports.test_reporting import PLAN, T0, case, completed, store

__all__ = ["store"]

HOUR = timedelta(hours=1)


def audited(store: Store) -> list[AuditedReports]:
    return list(store.reports.audit())


def found(store: Store) -> list[str]:
    return [line for one in audited(store) for line in one.discrepancies]


def tamper(store: Store, table: Table, **values: Any) -> None:
    """Change every row of a table, or delete it."""
    with store._database.write() as connection:
        connection.execute(table.update().values(**values) if values else table.delete())


def at(hours: float) -> datetime:
    return T0 + hours * HOUR


def held(store: Store) -> RecordedCase:
    """A case that one team and then another held, and that was stopped for an hour: completed late, at 6 hours."""
    lived = case(store, "a", team="one")
    lived.apply(FieldsChanged(event_id="f", occurred_at=at(1), by="bo", fields={"team": "two"}))
    lived.apply(ClockStopped(event_id="s", occurred_at=at(2), by="ann"))
    lived.apply(ClockResumed(event_id="r", occurred_at=at(3), by="ann"))
    lived.apply(MilestoneCompleted(event_id="c", occurred_at=at(6), milestone="Answer"))
    assert found(store) == []
    return lived


@pytest.mark.parametrize(
    ("column", "value", "what", "worked_out"),
    [
        ("response_seconds", 7, "the response time is 7s", "5h"),
        ("actual_seconds", 7, "the open time is 7s", "5h"),
        ("margin_seconds", 7, "the margin is 7s", "-1h"),
        ("overrun_seconds", None, "the overrun is nothing", "1h"),
        ("paused_seconds", 7, "the paused time is 7s", "1h"),
        ("span_seconds", 7, "the span is 7s", "4h"),
        ("violations", 7, "the number of violations is '7'", "'1'"),
        ("target_at", T0, "the target is 2026-03-28 20:30:00Z", "2026-03-29 01:30:00Z"),
        ("promise", False, "whether it is a promise is no", "yes"),
        ("ran_under", {"team": "x"}, 'what it ran under is \'{"team": "x"}\'', "nothing"),
        ("violated_after", T0 + 99 * HOUR, "from when on it is violated is 2026-04-01 23:30:00Z", "nothing"),
    ],
)
def test_a_figure_that_was_changed_is_named(store: Store, column: str, value: Any, what: str, worked_out: str) -> None:
    held(store)
    tamper(store, tables.measures, **{column: value})
    assert found(store) == [f"Answer: {what} as stored, and {worked_out} as worked out"]


def test_every_column_is_compared() -> None:
    """Outcomes by what reports count, persons by the notes; a new column is not forgotten."""
    for table, kind, apart in (
        (tables.measures, MEASURES, {"outcome"}),
        (tables.pauses, PAUSES, {"by"}),
        (tables.holdings, HOLDINGS, set()),
        (tables.milestones, LISTED, {"view", "explained"}),
    ):
        figures = {name for name in kind.figures if not name.startswith(in_view(""))}
        known = {"case_id", "process", "milestone", "occurrence", *kind.by, *figures, *apart}
        assert {column.name for column in table.c} == known


@pytest.mark.parametrize(
    ("column", "value", "what", "worked_out"),
    [
        ("state", "running", "the state is 'running'", "'completed'"),
        ("start_at", at(1), "the start is 2026-03-28 21:30:00Z", "2026-03-28 20:30:00Z"),
        ("target_at", None, "the target is nothing", "2026-03-29 01:30:00Z"),
        ("completed_at", None, "the completion is nothing", "2026-03-29 02:30:00Z"),
        ("violated", False, "whether it is violated is no", "yes"),
        ("violated_at", T0, "the last violation is 2026-03-28 20:30:00Z", "2026-03-29 01:30:00Z"),
        ("elapsed_seconds", 7, "the time since the start is 7s", "6h"),
        ("paused_seconds", 7, "the paused time is 7s", "1h"),
    ],
)
def test_what_lists_say_otherwise_is_named(store: Store, column: str, value: Any, what: str, worked_out: str) -> None:
    held(store)
    tamper(store, tables.milestones, **{column: value})
    assert found(store) == [f"Answer, as listed: {what} as stored, and {worked_out} as worked out"]


def test_what_is_listed_and_is_not_there_is_named(store: Store) -> None:
    """And what is there and not listed; also where the view beside the columns alone says something else."""
    held(store)
    with store._database.read() as connection:
        view = connection.execute(tables.milestones.select()).one().view
    tamper(store, tables.milestones, view={**view, "completed_by": "eve", "actual_seconds": 7})
    assert found(store) == [
        "Answer, as listed: completed_by of its view is 'eve' as stored, and 'unknown' as worked out",
        "Answer, as listed: actual_seconds of its view is 7s as stored, and 5h as worked out",
    ]
    tamper(store, tables.milestones, view=view, occurrence=2)
    assert found(store) == [
        "Answer, as listed: nothing is stored, and 'completed' is worked out",
        "Answer (2), as listed: 'completed' is stored, and nothing is worked out",
    ]
    tamper(store, tables.milestones)
    assert found(store) == ["Answer, as listed: nothing is stored, and 'completed' is worked out"]


def test_what_is_listed_of_a_folded_one_is_held_against_its_view(store: Store) -> None:
    lived = Recorded(store)
    for number in range(1, 31):
        lived.complete(40 * number)
    with store._database.write() as connection:
        second = tables.milestones.c.occurrence == 2
        connection.execute(tables.milestones.update().where(second).values(target_at=None))
    [line] = found(store)
    assert line.startswith("M (2), as listed: the target is nothing as stored, and ")


def test_pauses_that_are_missing_changed_or_of_nobody_are_named(store: Store) -> None:
    held(store)
    pause = "Answer, pause from 2026-03-28 22:30:00Z"
    for values, line in (
        ({"open_seconds": 7}, f"{pause}: the open time is 7s as stored, and 1h as worked out"),
        ({"left_seconds": 7}, f"{pause}: the time left is 7s as stored, and 2h as worked out"),
        ({"cause": "x"}, f"{pause}: the cause is 'x' as stored, and 'case stopped' as worked out"),
        ({"to_at": None}, f"{pause}: the end is nothing as stored, and 2026-03-28 23:30:00Z as worked out"),
        ({"by": "eve"}, f"{pause}: the person is 'eve' as stored, and 'ann' as worked out"),
        ({"by": None}, f"{pause}: the person is nothing as stored, and 'ann' as worked out"),
    ):
        before = {"open_seconds": 3600, "left_seconds": 7200, "cause": "case stopped", "to_at": at(3), "by": "ann"}
        tamper(store, tables.pauses, **{**before, **values})
        assert found(store) == [line]
    tamper(store, tables.pauses)
    assert found(store) == [f"{pause}: nothing is stored, and 1h is worked out"]


def test_who_held_it_is_worked_out_anew(store: Store) -> None:
    held(store)
    tamper(store, tables.holdings, open_seconds=7)
    assert found(store) == [
        "Answer, team 'one': the open time is 7s as stored, and 1h as worked out",
        "Answer, team 'two': the open time is 7s as stored, and 4h as worked out",
    ]
    tamper(store, tables.holdings)
    assert found(store) == [
        "Answer, team 'one': nothing is stored, and 1h is worked out",
        "Answer, team 'two': nothing is stored, and 4h is worked out",
    ]


def test_changes_of_fields_are_held_against_the_feed(store: Store) -> None:
    """From them follows who held it; so if both are lost, the feed tells."""
    held(store)
    with store._database.write() as connection:
        connection.execute(tables.field_changes.delete())
        connection.execute(tables.holdings.delete())
    assert found(store) == ["the feed tells of a change of fields at 2026-03-28 21:30:00Z, and none is stored"]
    tamper(store, tables.cases, fields={"team": "x"})
    assert 'the fields are \'{"team": "x"}\' as stored, and \'{"team": "two"}\' as worked out' in found(store)


def test_rows_of_what_is_not_there_are_named(store: Store) -> None:
    held(store)
    for table in (tables.pauses, tables.holdings, tables.measures):
        tamper(store, table, occurrence=2)
    pause = "pause from 2026-03-28 22:30:00Z"
    assert found(store) == [
        "Answer is met late, and reports count nothing of it",
        "Answer (2) is not there, and reports count it as met late",
        f"Answer, {pause}: nothing is stored, and 1h is worked out",
        f"Answer (2), {pause}: 1h is stored, and nothing is worked out",
        "Answer, team 'one': nothing is stored, and 1h is worked out",
        "Answer, team 'two': nothing is stored, and 4h is worked out",
        "Answer (2), team 'one': 1h is stored, and nothing is worked out",
        "Answer (2), team 'two': 4h is stored, and nothing is worked out",
    ]


def test_what_was_folded_is_held_against_its_view(store: Store) -> None:
    """An occurrence that its case keeps no more: what its own record says needs no calendar, and is compared."""
    held(store)
    with store._database.write() as connection:
        connection.execute(tables.milestones.update().values(explained={"x": 1}))
        carried = connection.execute(tables.cases.select()).one().carried
        view = connection.execute(tables.cases.select()).one().view
        carried["state"]["instances"], view["milestones"] = [], []
        view["status"] = "compliant"
        connection.execute(tables.cases.update().values(carried=carried, view=view))
    assert found(store) == []
    tamper(store, tables.measures, response_seconds=7, margin_seconds=7)
    assert found(store) == ["Answer: the response time is 7s as stored, and 5h as worked out"]
    tamper(store, tables.measures, response_seconds=5 * 3600)
    tamper(store, tables.pauses)
    assert found(store) == [
        "Answer, pause from 2026-03-28 22:30:00Z: nothing is stored, and 2026-03-28 23:30:00Z is worked out"
    ]


def test_what_records_have_folded_agrees(store: Store) -> None:
    lived = Recorded(store)
    for number in range(1, 31):
        lived.complete(40 * number)
    assert [(one.instances, one.discrepancies) for one in audited(store)] == [(31, [])]
    with store._database.write() as connection:
        second = tables.measures.c.occurrence == 2
        connection.execute(tables.measures.update().where(second).values(actual_seconds=7))
    assert found(store) == ["M (2): the open time is 7s as stored, and 40m as worked out"]


def test_pauses_that_a_case_keeps_as_their_sum_are_left_out(store: Store) -> None:
    """The newest thousand and some are compared; the store alone has those before them."""
    paused = case(store, "a")
    effects = []
    for _ in range(1200):
        since = paused.timeline.state.last_at + timedelta(seconds=60)
        effects += paused.timeline.apply(ClockStopped(event_id=f"s-{since}", occurred_at=since))
        until = since + timedelta(seconds=30)
        effects += paused.timeline.apply(ClockResumed(event_id=f"r-{until}", occurred_at=until))
    paused.record(effects)
    [instance] = paused.timeline.state.instances
    assert instance.rested is not None
    assert found(store) == []
    tamper(store, tables.pauses, open_seconds=7)
    assert len(found(store)) == len(instance.pauses) < 1200


def test_a_case_of_two_processes_is_held_against_the_feed(store: Store) -> None:
    """Each event belongs to the process that the case had entered last; both may have a milestone of that name."""
    lived = case(store, "a")
    lived.apply(MilestoneCompleted(event_id="c", occurred_at=at(1), milestone="Answer"))
    other = EntitlementProcess.model_validate(
        {"name": "Field work", "milestones": [{"name": "Answer", "within": "2h", "starts": "process"}]}
    )
    plan = PLAN.model_copy(update={"process": other})
    lived.apply(EntitlementChanged(event_id="e", occurred_at=at(2), entitlement="silver", plan=plan))
    lived.advance(at(5))
    assert found(store) == []
    events = tables.events
    with store._database.write() as connection:
        violated = events.c.type == "milepost.case.milestone.violated.v1"
        connection.execute(events.delete().where(violated))
    assert found(store) == ["Answer is violated, and the feed tells it as open"]


def test_what_a_clear_reveals_is_told_in_the_feed(store: Store) -> None:
    """Behind its completion it was removed, another one missed its target and was removed, and a third one runs."""
    watched = EntitlementProcess.model_validate(
        {"name": "P", "milestones": [{"name": "M", "within": "1h", "starts": "criteria", "when": 'case.team == "one"'}]}
    )
    lived = RecordedCase(store, PLAN.model_copy(update={"process": watched}), "a", {"team": "one"}, T0)
    lived.apply(MilestoneCompleted(event_id="c", occurred_at=at(0.5), milestone="M"))
    for hours, team in ((1, "two"), (2, "one"), (4, "two"), (5, "one")):
        lived.apply(FieldsChanged(event_id=f"{hours}", occurred_at=at(hours), fields={"team": team}))
    lived.apply(CompletionCleared(event_id="x", occurred_at=at(5.5), milestone="M"))
    assert (lived.refused, found(store)) == ([], [])
    assert [str(one.state) for one in lived.timeline.view(at(5.5)).milestones] == ["removed", "removed", "running"]


def test_an_audit_reads_a_page_of_cases_with_few_statements(store: Store) -> None:
    """It neither asks for each table case by case, nor holds more than a page of cases."""
    for number in range(120):
        completed(case(store, f"c{number:03}"), 5 * HOUR)
    asked: list[str] = []
    engine = store._database._engine

    def listen(_c: Any, _u: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", listen)
    try:
        assert len(audited(store)) == 120
    finally:
        event.remove(engine, "before_cursor_execute", listen)
    assert sum("FROM measures" in one for one in asked) == 2
    assert len(asked) < 120 + 20  # the events of each case, and each table once a page
