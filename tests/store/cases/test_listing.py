"""Lists of cases: each filter leads by an index to the next ones, and pages have each case once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from domain.timeline.views import MilestoneStatus
from store import Store, tables
from store.cases import listing
from store.cases.listing import CaseFilter, ListedCase, Position

T0 = datetime(2026, 6, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _case(number: int, **said: Any) -> dict[str, Any]:
    kept = {"run": 1, "history": 1, "number": 1, "run_id": "r", "view": {}, "carried": {}, "next_due": None}
    plain = {"process": "P", "process_version": 1, "status": "compliant", "stopped": False, "closed_at": None}
    whose = {"case_id": f"c-{number:02}", "account": f"a-{number % 3}", "entitlement": f"e-{number % 2}"}
    return {**kept, **plain, **whose, "opened_at": T0 + (number // 2) * HOUR, **said}


def _milestone(number: int, name: str, hours: int, **said: Any) -> dict[str, Any]:
    target = T0 + (number + hours) * HOUR
    plain = {"process": "p", "occurrence": 1, "state": "running", "start_at": T0, "violated": False, "view": {}}
    return {"case_id": f"c-{number:02}", "milestone": name, "target_at": target, **plain, **said}


@pytest.fixture
def listed(store: Store) -> Store:
    """Twenty cases: some closed, stopped or violated, with two milestones each."""
    cases, milestones = [], []
    for number in range(20):
        closed = {"closed_at": T0 + 90 * HOUR} if number % 5 == 0 else {}
        violated = {"status": "open violation"} if number % 7 == 0 else {}
        cases.append(_case(number, stopped=number % 4 == 1, **closed, **violated))
        state = "open at exit" if closed else "running"
        milestones.append(_milestone(number, "First response", 1, state=state, violated=bool(violated)))
        milestones.append(_milestone(number, "Resolution", 9, state=state))
    with store._database.write() as connection:
        connection.execute(tables.cases.insert(), cases)
        connection.execute(tables.milestones.insert(), milestones)
    return store


def _all(store: Store, limit: int = 3, **which: Any) -> list[ListedCase]:
    found: list[ListedCase] = []
    after: Position | None = None
    while True:
        page = store.listing.page(CaseFilter(**which), after=after, limit=limit)
        found += page.cases
        assert len(page.cases) <= limit
        if page.end is None:
            return found
        after = page.end


FILTERS: list[tuple[dict[str, Any], Any]] = [
    ({}, lambda n: True),
    ({"state": "open"}, lambda n: n % 5 != 0),
    ({"state": "closed"}, lambda n: n % 5 == 0),
    ({"state": "stopped"}, lambda n: n % 4 == 1),
    ({"account": "a-1"}, lambda n: n % 3 == 1),
    ({"entitlement": "e-1"}, lambda n: n % 2 == 1),
    ({"status": MilestoneStatus.OPEN_VIOLATION}, lambda n: n % 7 == 0),
    ({"violated": True}, lambda n: n % 7 == 0),
    ({"violated": False}, lambda n: n % 7 != 0),
    ({"accounts": ["a-0", "a-2"]}, lambda n: n % 3 != 1),
    ({"accounts": []}, lambda n: False),
    ({"account": "a-1", "accounts": ["a-0"]}, lambda n: False),
    ({"milestone": "Resolution"}, lambda n: n % 5 != 0),
    ({"milestone": "Nope"}, lambda n: False),
    ({"due_before": T0 + 8 * HOUR}, lambda n: n % 5 != 0 and n + 1 < 8),
    ({"due_before": T0 + 12 * HOUR, "milestone": "Resolution"}, lambda n: n % 5 != 0 and n + 9 < 12),
    ({"due_before": T0 + 99 * HOUR, "violated": True}, lambda n: n % 5 != 0 and n % 7 == 0),
    ({"milestone": "Resolution", "violated": True}, lambda n: False),
    ({"milestone": "First response", "account": "a-2", "state": "stopped"}, lambda n: n % 12 == 5 and n % 5 != 0),
]


@pytest.mark.parametrize(("which", "expected"), FILTERS, ids=lambda one: None)
@pytest.mark.parametrize("limit", [1, 3, 50])
def test_pages_have_each_case_once_and_in_order(
    listed: Store, which: dict[str, Any], expected: Any, limit: int
) -> None:
    """By opening, the last first; by milestone or due time, what is due first."""
    found = _all(listed, limit, **which)
    numbers = [int(case.case_id[2:]) for case in found]
    assert sorted(numbers) == [number for number in range(20) if expected(number)]
    if CaseFilter(**which).is_by_due:
        assert [case.due_at for case in found] == sorted(case.due_at for case in found if case.due_at)
    else:
        keys = [(case.opened_at, case.case_id) for case in found]
        assert keys == sorted(keys, reverse=True)


def test_a_case_shows_what_is_due_first_of_what_was_asked_for(listed: Store) -> None:
    """Of all its open milestones, or of the one that is named; nothing of one that is closed."""
    by_id = {case.case_id: case for case in _all(listed)}
    assert (by_id["c-01"].due_milestone, by_id["c-01"].due_at) == ("First response", T0 + 2 * HOUR)
    assert (by_id["c-05"].due_milestone, by_id["c-05"].due_at) == (None, None)
    [named] = [case for case in _all(listed, milestone="Resolution") if case.case_id == "c-01"]
    assert (named.due_milestone, named.due_at) == ("Resolution", T0 + 10 * HOUR)


BY_INDEX: list[tuple[dict[str, Any], str]] = [
    ({}, "ix_cases_opened_at_case_id"),
    ({"state": "open"}, "ix_cases_opened_at_running"),
    ({"state": "closed"}, "ix_cases_opened_at_closed"),
    ({"state": "stopped"}, "ix_cases_opened_at_stopped"),
    ({"account": "a-1"}, "ix_cases_account_opened_at_case_id"),
    ({"entitlement": "e-1"}, "ix_cases_entitlement_opened_at_case_id"),
    ({"status": MilestoneStatus.OPEN_VIOLATION}, "ix_cases_status_opened_at_case_id"),
    ({"violated": True}, "ix_cases_opened_at_violated"),
    ({"violated": False}, "ix_cases_opened_at_unviolated"),
    ({"milestone": "Resolution"}, "ix_milestones_open_milestone_target_at"),
    ({"due_before": T0}, "ix_milestones_open_target_at"),
]


def _plan(store: Store, which: dict[str, Any]) -> str:
    """How SQLite finds the page after the first case, as it is asked in truth."""
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _k: Any, statement: str, parameters: Any, _x: Any, _m: Any) -> None:
        asked.append((statement, parameters))

    engine = store._database._engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        store.listing.page(CaseFilter(**which), after=Position(T0, "c-00"))
    finally:
        event.remove(engine, "before_cursor_execute", note)
    statement, parameters = next(one for one in reversed(asked) if " LIMIT " in one[0])
    with store._database.read() as connection:
        driver: Any = connection.connection.driver_connection
        return "; ".join(str(row[3]) for row in driver.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("which", "index"), BY_INDEX)
def test_every_filter_has_an_index(listed: Store, which: dict[str, Any], index: str) -> None:
    """That gives the order as well: nothing is sorted, and no case is looked at in vain."""
    plan = _plan(listed, which)
    assert index in plan
    assert "TEMP B-TREE" not in plan


LED_BY_CASE = [
    {"milestone": "Resolution", "account": "a-1"},
    {"due_before": T0 + 99 * HOUR, "accounts": ["a-0", "a-2"]},
    {"due_before": T0 + 99 * HOUR, "milestone": "Resolution", "entitlement": "e-1"},
]


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("which", LED_BY_CASE)
@pytest.mark.parametrize("most", [50, 3])
def test_few_cases_are_looked_at_and_of_many_what_is_due(
    listed: Store, which: dict[str, Any], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of an account among all that is due would be far apart, and all of a large account are many."""
    monkeypatch.setattr(listing, "MOST_LOOKED_AT", most)
    are_few = most == 50
    plan = _plan(listed, which)
    leads = plan.partition(";")[0]
    assert ("(case_id=?)" in leads) is are_few, plan
    assert ("ix_milestones_open" in leads) is not are_few
    assert "(milestone=?)" not in plan  # an index that leads to half of all rows, for each of them
    listed_by_both = [case.case_id for case in _all(listed, **which)]
    monkeypatch.setattr(listing, "MOST_LOOKED_AT", 1000)
    assert listed_by_both == [case.case_id for case in _all(listed, **which)] != []


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_the_first_that_is_due_is_found_by_its_case(listed: Store) -> None:
    """Whether another milestone of a case is due before: asked of that case alone, whatever the milestone's name."""
    plan = _plan(listed, {"milestone": "Resolution", "due_before": T0 + 99 * HOUR})
    assert "SEARCH other USING INDEX sqlite_autoindex_milestones_1 (case_id=?)" in plan
