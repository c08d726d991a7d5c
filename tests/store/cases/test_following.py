"""Records of several cases written at once leave what the same records leave one by one, whatever was there before."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Integer, cast, event, literal, select, update

from domain.calendar import ALWAYS
from domain.messages.case_state import CaseState
from domain.messages.steps import CaseRecord
from domain.timeline.effects import NoteKind
from domain.timeline.events import CaseClosed, ClockStopped, MilestoneCompleted
from domain.timeline.plan import Plan
from store import Store, tables
from store.cases.feed import FeedGap
from store.errors import Unstorable
from tests.feeds import PLAN, T0, Recorded, at

WITH_PROCESS = Plan.model_validate(
    PLAN.model_dump()
    | {
        "process": {
            "name": "Gold",
            "milestones": [
                {
                    "name": "First response",
                    "within": "1h",
                    "triggers": [
                        {"kind": "warning", "at": "50%", "actions": [{"do": "task", "subject": "call"}]},
                        {"kind": "success", "actions": [{"do": "field_update", "field": "done", "value": "x"}]},
                    ],
                },
                {"name": "Resolution", "within": "2h"},
            ],
        },
        "fields": {"done": "string"},
    }
)
TABLES = (
    *(tables.cases, tables.case_hours, tables.milestones, tables.notes, tables.triggers, tables.actions),
    *(tables.events, tables.measures, tables.pauses, tables.field_changes, tables.holdings),
)
OWN = {"recorded_at", "position"}
"""Columns that say when a row was written, and after which other one."""


def life(case_id: str, *, plan: Plan = WITH_PROCESS) -> list[CaseRecord]:
    """The records of a case that is opened, warned of, stopped, completed and closed."""
    case = Recorded(case_id, plan=plan)
    timeline = case.timeline
    opening = [*timeline.advance(T0), *timeline.remark(NoteKind.COVERED, T0, "covered")]
    records = [case.record(opening, history=0)]
    records.append(case.record(timeline.advance(at(40))))
    records.append(case.record(timeline.apply(ClockStopped(event_id="s", occurred_at=at(41)), at(41))))
    done = MilestoneCompleted(event_id="d", occurred_at=at(42), milestone="First response")
    records.append(case.record(timeline.apply(done, at(42))))
    return [*records, case.record(timeline.apply(CaseClosed(event_id="c", occurred_at=at(50)), at(50)))]


def otherwise(case_id: str) -> CaseRecord:
    """What comes instead of the second record of a life, of which the server never took the step."""
    case = Recorded(case_id, plan=WITH_PROCESS)
    case.record([*case.timeline.advance(T0), *case.timeline.remark(NoteKind.COVERED, T0, "covered")])
    case.history = 100
    return case.record(case.timeline.remark(NoteKind.REFUSED, at(1), "something else"))


def later_attempt(case_id: str) -> CaseRecord:
    """The second record of a life, by an attempt at its task that has begun after its third."""
    case = Recorded(case_id, plan=WITH_PROCESS)
    opening = [*case.timeline.advance(T0), *case.timeline.remark(NoteKind.COVERED, T0, "covered")]
    case.record(opening, history=0)
    done = case.record(case.timeline.advance(at(40)))
    return done.model_copy(update={"began_at": at(41)})


def stored(store: Store) -> dict[str, list[dict[str, Any]]]:
    """Every row that records make, as far as it says what was recorded."""
    found = {}
    with store._database.read() as connection:
        for table in TABLES:
            rows = [
                {name: value for name, value in row.items() if name not in OWN}
                for row in connection.execute(select(table)).mappings()
            ]
            found[table.name] = sorted(rows, key=repr)
    return found


def one_by_one(store: Store, records: Sequence[CaseRecord]) -> None:
    for record in records:
        store.cases.record(record)


@pytest.fixture
def beside(tmp_path: Path) -> Iterator[Store]:
    """Another database."""
    with Store.open(f"sqlite:///{tmp_path / 'beside.db'}") as other:
        yield other


def test_what_is_written_at_once_is_what_is_written_one_by_one(store: Store, beside: Store) -> None:
    """Three cases, step by step; the last one begins later."""
    lives = [life("a"), life("b"), life("c")]
    for step in range(6):
        late = [lives[2][step - 1]] if step else []
        records = [*(one[step] for one in lives[:2] if step < len(one)), *late]
        assert store.cases.record_all(records) == [record.carried.events for record in records]
    one_by_one(beside, [record for one in lives for record in one])
    assert stored(store) == stored(beside)
    assert len(stored(store)["events"]) == sum(record.events for one in lives for record in one)


def test_records_that_follow_share_their_statements(store: Store) -> None:
    """Ten cases take as many statements as one."""
    lives = [life(f"c-{number}") for number in range(10)]
    assert store.cases.record_all([one[0] for one in lives]) == [0] * 10
    said: list[str] = []
    event.listen(store._database._engine, "before_cursor_execute", lambda *about: said.append(about[2]))
    assert store.cases.record_all([lives[0][1]]) == [0]
    alone, said[:] = len(said), []
    assert store.cases.record_all([one[1] for one in lives[1:]]) == [0] * 9
    assert len(said) <= alone <= 12


def test_openings_share_their_statements(store: Store) -> None:
    """Nothing is looked for of cases of which nothing is stored."""
    first = [life(f"c-{number}")[0] for number in range(10)]
    said: list[str] = []
    event.listen(store._database._engine, "before_cursor_execute", lambda *about: said.append(about[2]))
    assert store.cases.record_all(first[:1]) == [0]
    alone, said[:] = len(said), []
    assert store.cases.record_all(first[1:]) == [0] * 9
    assert len(said) <= alone <= 12


def test_an_opening_that_comes_again_changes_nothing(url: str) -> None:
    """A process that did not write it takes it for the first word of the case, and the database says otherwise."""
    first, second, *_ = life("a")
    with Store.open(url) as ours, Store.open(url) as theirs:
        for record in (first, second):
            theirs.cases.record(record)
        before = stored(ours)
        assert ours.cases.record_all([first, life("b")[0]]) == [0, 0]
        assert [row for row in stored(ours)["cases"] if row["case_id"] == "a"] == before["cases"]
        assert ours.cases.get("a").view == second.view
        assert ours.cases.get("b").number == 1


def test_what_an_attempt_has_left_is_replaced(store: Store, beside: Store) -> None:
    """A record that the server never took, of the same number: its notes, events and triggers are gone."""
    lost, again = life("a"), otherwise("a")
    for records in ([lost[0]], [lost[1]], [again]):
        assert store.cases.record_all(records) == [0]
    one_by_one(beside, [lost[0], again])
    seen, expected = stored(store), stored(beside)
    superseded = [row for row in seen["events"] if row["superseded"]]
    assert superseded
    seen["events"] = [row for row in seen["events"] if not row["superseded"]]
    assert seen == expected


def test_what_somebody_else_has_written_meanwhile_is_replaced_as_well(url: str) -> None:
    """This process remembers what it has stored, and the database says otherwise."""
    lost, again = life("a"), otherwise("a")
    with Store.open(url) as ours, Store.open(url) as theirs:
        assert ours.cases.record_all([lost[0]]) == [0]
        theirs.cases.record(lost[1])
        assert ours.cases.record_all([again]) == [0]
        assert ours.cases.triggers("a") == []
        assert ours.cases.get("a").number == 2
        assert [each.text for each in ours.cases.notes("a")] == [each.text for each in (*lost[0].notes, *again.notes)]


def test_an_attempt_that_was_given_up_follows_no_later_one(url: str) -> None:
    """A worker that was stopped goes on writing what follows its own last record, and not that of who took over."""
    lost, again = life("a"), later_attempt("a")
    second = lost[1].model_copy(update={"began_at": at(40)})
    given_up = lost[2].model_copy(update={"history": again.history, "began_at": at(40)})
    with Store.open(url) as ours, Store.open(url) as theirs:
        assert ours.cases.record_all([lost[0]]) == [0]
        assert ours.cases.record_all([second]) == [0]
        theirs.cases.record(again)
        assert ours.cases.record_all([given_up]) == [0]
        assert ours.cases.get("a").number == 2


def test_an_older_record_changes_nothing(store: Store) -> None:
    """Not even through what was remembered."""
    first, second, third, *_ = life("a")
    for record in (first, second, third, second):
        assert store.cases.record_all([record]) == [0]
    assert store.cases.get("a").number == 3
    assert store.cases.get("a").view == third.view


def test_one_that_cannot_be_stored_keeps_no_other_from_it(store: Store) -> None:
    """Each is told what became of its own record."""
    ours, others = life("a"), life("b")
    assert store.cases.record_all([ours[0], others[0]]) == [0, 0]
    gap = others[3].model_copy(update={"number": 2})
    a, b = store.cases.record_all([ours[1], gap])
    assert a == 0
    assert isinstance(b, FeedGap)
    assert (store.cases.get("a").number, store.cases.get("b").number) == (2, 1)


def test_a_database_that_is_not_at_hand_is_asked_once(store: Store, url: str) -> None:
    """All that wait for it are told so, and none of them waits for itself."""
    lives = [life(f"c-{number}") for number in range(5)]
    assert store.cases.record_all([one[0] for one in lives[:3]]) == [0] * 3
    with store._database.write() as connection:
        connection.execute(select(tables.cases).with_for_update()).all()
        connection.execute(tables.feed.update().values(last=tables.feed.c.last))
        why = store.cases.record_all([one[1] for one in lives[:3]] + [one[0] for one in lives[3:]], patience=0.1)
    assert len(set(map(id, why))) == 1
    assert not isinstance(why[0], int)
    assert store.cases.record_all([one[1] for one in lives[:3]]) == [0] * 3


def test_a_plan_that_changes_its_hours_is_written_down(store: Store) -> None:
    """A record that follows may still have something to replace."""
    case = Recorded("a", plan=WITH_PROCESS)
    first = case.record(case.timeline.advance(T0))
    second = case.record(case.timeline.advance(at(1)))
    later = second.carried.plan.model_copy(update={"calendar_versions": {ALWAYS.name: 7}})
    second = second.model_copy(update={"carried": CaseState(plan=later, state=second.carried.state)})
    assert store.cases.record_all([first]) == store.cases.record_all([second]) == [0]
    assert stored(store)["case_hours"] == [{"case_id": "a", "name": ALWAYS.name, "version": 7}]


def test_a_row_that_no_index_takes_fails_alone(store: Store, kind: str) -> None:
    """The database is not away: what was recorded beside it is stored, and this one says why it never can be."""
    letters = "".join(random.Random(5).choices(string.ascii_letters, k=4_000))  # noqa: S311  not a secret
    lives = [life(name) for name in ("a", "b", "c", "d")]
    for step in (0, 1):
        records = [one[step] for one in lives]
        records[1] = records[1].model_copy(update={"account": letters})
        before, bad, *after = store.cases.record_all(records, patience=1.0)
        assert [before, *after] == [one[step].carried.events for one in (lives[0], *lives[2:])]
        if kind == "postgresql":
            assert isinstance(bad, Unstorable)
            assert "index row size" in str(bad)
            assert letters[:50] not in str(bad)
    if kind == "postgresql":
        with pytest.raises(Unstorable, match="index row size"):
            store.cases.record(records[1])


def test_a_value_that_no_column_takes_is_no_outage(store: Store, kind: str) -> None:
    """Whatever a driver calls it."""
    if kind == "sqlite":
        pytest.skip("SQLite has no such column")
    with store._database.write() as connection, pytest.raises(Unstorable, match="out of range"):
        connection.execute(update(tables.cases).values(run=2**40).where(cast(literal(2**40), Integer) == 1))
