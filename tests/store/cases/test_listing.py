"""Lists of cases: each filter leads by an index to the next ones, and pages have each case once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.timeline.views import MilestoneStatus
from store import Store, tables
from store.cases.listing import CaseFilter, ListedCase, Position, _in_order

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
        named = {"owner": f"o-{number % 4}", "priority": "High" if number % 2 else "Low", "paused": number % 4 == 1}
        due_at = None if closed or number == 19 else T0 + (number + 1) * HOUR
        due = {"due_at": due_at, "due_milestone": due_at and "First response"}
        cases.append(_case(number, stopped=number % 4 == 1, **closed, **violated, **named, **due))
        state = "open at exit" if closed or number == 19 else "running"
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
            assert store.listing.count(CaseFilter(**which), up_to=1000) == len(found)
            assert store.listing.count(CaseFilter(**which), up_to=2) == min(len(found), 2)
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
    ({"milestone": "Resolution"}, lambda n: n % 5 != 0 and n != 19),
    ({"milestone": "Nope"}, lambda n: False),
    ({"due_before": T0 + 8 * HOUR}, lambda n: n % 5 != 0 and n + 1 < 8),
    ({"due_before": T0 + 12 * HOUR, "milestone": "Resolution"}, lambda n: n % 5 != 0 and n + 9 < 12),
    ({"due_before": T0 + 99 * HOUR, "violated": True}, lambda n: n % 5 != 0 and n % 7 == 0),
    ({"milestone": "Resolution", "violated": True}, lambda n: False),
    ({"milestone": "First response", "account": "a-2", "state": "stopped"}, lambda n: n % 12 == 5 and n % 5 != 0),
    ({"owner": "o-1"}, lambda n: n % 4 == 1),
    ({"priority": "High", "account": "a-1"}, lambda n: n % 6 == 1),
    ({"paused": True}, lambda n: n % 4 == 1),
    ({"paused": False, "state": "open"}, lambda n: n % 4 != 1 and n % 5 != 0),
    ({"order": "due"}, lambda n: n % 5 != 0),
    ({"order": "due", "account": "a-1"}, lambda n: n % 3 == 1 and n % 5 != 0),
    ({"order": "due", "owner": "o-3", "priority": "High"}, lambda n: n % 4 == 3 and n % 5 != 0),
    ({"order": "due", "paused": True}, lambda n: n % 4 == 1 and n % 5 != 0),
    ({"order": "due", "violated": True}, lambda n: n % 7 == 0 and n % 5 != 0),
    ({"order": "due", "due_before": T0 + 8 * HOUR, "priority": "Low"}, lambda n: n % 2 == 0 and n % 5 != 0 and n < 7),
    ({"order": "due", "milestone": "Resolution", "owner": "o-2"}, lambda n: n % 4 == 2 and n % 5 != 0),
    ({"order": "oldest", "state": "open"}, lambda n: n % 5 != 0),
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
        last = T0 + 999 * HOUR  # those of which nothing is due are at the end
        assert [case.due_at or last for case in found] == sorted(case.due_at or last for case in found)
    else:
        keys = [(case.opened_at, case.case_id) for case in found]
        assert keys == sorted(keys, reverse=which.get("order") != "oldest")


def test_a_case_shows_what_is_due_first_of_what_was_asked_for(listed: Store) -> None:
    """Of all its open milestones, or of the one that is named; nothing of one that is closed."""
    by_id = {case.case_id: case for case in _all(listed)}
    assert (by_id["c-01"].due_milestone, by_id["c-01"].due_at) == ("First response", T0 + 2 * HOUR)
    assert (by_id["c-05"].due_milestone, by_id["c-05"].due_at) == (None, None)
    [named] = [case for case in _all(listed, milestone="Resolution") if case.case_id == "c-01"]
    assert (named.due_milestone, named.due_at) == ("Resolution", T0 + 10 * HOUR)


def test_a_listed_case_says_what_another_system_calls_it(store: Store) -> None:
    """By whichever list; nothing where there is no other id."""
    foreign = _case(1, case_id="INC~2F1", external_id="INC/1", due_at=T0, due_milestone="First response")
    with store._database.write() as connection:
        connection.execute(tables.cases.insert(), foreign)
        connection.execute(tables.cases.insert(), _case(2))
    found = {case.case_id: case.external_id for case in [*_all(store), *_all(store, order="due")]}
    assert found == {"INC~2F1": "INC/1", "c-02": None}


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
    ({"due_before": T0, "violated": True}, "ix_milestones_open_target_at"),
    ({"due_before": T0}, "ix_cases_due_at_running"),
    ({"order": "due"}, "ix_cases_due_at_running"),
    ({"order": "due", "account": "a-1"}, "ix_cases_account_due_at"),
    ({"order": "due", "account": "a-1", "owner": "o-1", "priority": "High"}, "ix_cases_account_due_at"),
    ({"order": "due", "owner": "o-1"}, "ix_cases_owner_due_at"),
    ({"order": "due", "owner": "o-1", "priority": "High"}, "ix_cases_owner_due_at"),
    ({"order": "due", "priority": "High"}, "ix_cases_priority_due_at"),
    ({"order": "due", "violated": True}, "ix_cases_due_at_violated"),
    ({"order": "due", "paused": True}, "ix_cases_due_at_paused"),
    ({"order": "newest", "state": "open"}, "ix_cases_opened_at_running"),
    ({"order": "oldest", "state": "open"}, "ix_cases_opened_at_running"),
]


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("which", "index"), BY_INDEX)
def test_every_filter_has_an_index(listed: Store, which: dict[str, Any], index: str) -> None:
    """That gives the order as well: nothing is sorted, and no case is looked at in vain."""
    for plan in _plans(listed, **which):
        assert index in plan
        assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", ["account", "owner", "priority", "accounts"])
def test_a_milestone_of_few_cases_is_looked_up_case_by_case(listed: Store, name: str) -> None:
    """Those of others are not walked through: only the few that are found are sorted."""
    given: Any = {name: "x"} if name != "accounts" else {"accounts": ["x", "y"]}
    [plan] = _plans(listed, order="due", milestone="Resolution", **given)
    name = name.removesuffix("s")
    assert f"ix_cases_{name}_due_at" in plan
    assert "milestones USING INDEX sqlite_autoindex_milestones_1 (case_id=?)" in plan


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("which", [{"milestone": "Resolution"}, {"due_before": T0, "violated": True}])
def test_whether_another_is_due_earlier_is_asked_of_the_case_alone(listed: Store, which: dict[str, Any]) -> None:
    """Not of all milestones of that name: that would take longer with each case there is."""
    [plan] = _plans(listed, **which)
    assert "other USING INDEX sqlite_autoindex_milestones_1 (case_id=?)" in plan


def _plans(store: Store, **which: Any) -> list[str]:
    """How the database goes about a list."""
    with store._database.read() as connection:
        spelt = [
            str(query.limit(51).compile(connection.engine, compile_kwargs={"literal_binds": True}))
            for query in _in_order(CaseFilter(**which), None)
        ]
        return [" ".join(map(str, connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {one}"))) for one in spelt]


def test_names_of_open_milestones(listed: Store) -> None:
    """Each once, however many cases have it."""
    assert listed.listing.milestone_names() == ["First response", "Resolution"]
