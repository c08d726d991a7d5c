"""What lists of cases go by is kept with their records, and was filled in for those of before."""

from __future__ import annotations

import io
import random
import string
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from rich.console import Console
from sqlalchemy import select, text

from domain.bounds import MOST_ATTRIBUTE_BYTES, cut_for_search
from domain.catalog.declarations import Catalog
from domain.criteria.fields import FieldType
from domain.errors import NotFound
from domain.messages.case_state import CaseState
from domain.messages.steps import CaseRecord
from domain.process import EntitlementProcess
from domain.timeline.effects import Noted
from domain.timeline.events import CaseClosed, ClockStopped, FieldsChanged, MilestoneCompleted
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan
from starters.operations import desk
from starters.operations.desk import CaseOnDesk, Desk
from starters.terminal import desk as terminal
from store import Store, tables
from store.cases.listing import CaseFilter
from store.database import Database, _address, _engine
from tests.domain.timeline.test_model import calendars

T0 = datetime(2025, 6, 9, 13, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MILESTONES = [{"name": "First response", "within": "2h"}, {"name": "Resolution", "within": "8h"}]
PROCESS = EntitlementProcess.model_validate({"name": "P", "milestones": MILESTONES})
FIELDS = dict.fromkeys(("priority", "owner", "assigned_to"), FieldType.STRING)
BEFORE = "0021"
LISTED = ("priority", "owner", "paused", "due_at", "due_milestone")


class Kept:
    """A case whose every step is recorded."""

    def __init__(self, store: Store, case_id: str, **fields: Any) -> None:
        self.store = store
        plan = Plan(process=PROCESS, business_hours="always", calendars=calendars(), fields=FIELDS)
        self.timeline = Timeline.enter(plan, Case(case_id=case_id, fields=fields), T0)
        self.number = 0
        self.record(self.timeline.advance(T0), T0)

    def tell(self, kind: Any, hours: float, **said: Any) -> None:
        at = T0 + hours * HOUR
        self.record(self.timeline.apply(kind(event_id=f"e-{self.number}", occurred_at=at, **said), at), at)

    def record(self, effects: list[Any], now: datetime) -> None:
        self.number += 1
        timeline = self.timeline
        self.store.cases.record(
            CaseRecord(
                history=self.number,
                number=self.number,
                notes_from=1,
                run_id="run",
                account="acme",
                entitlement=None,
                view=timeline.view(now),
                notes=[effect for effect in effects if isinstance(effect, Noted)],
                fired=[],
                carried=CaseState(plan=timeline.plan, state=timeline.state.fork()),
            )
        )
        assert any(isinstance(effect, Noted) for effect in effects)

    def listed(self) -> tuple[Any, ...]:
        return _listed(self.store, self.timeline.state.case_id)


def _listed(store: Store, case_id: str) -> tuple[Any, ...]:
    wanted = select(*(tables.cases.c[name] for name in LISTED)).where(tables.cases.c.case_id == case_id)
    with store._database.read() as connection:
        return tuple(connection.execute(wanted).one())


def test_a_record_says_what_is_due_first_and_whose_it_is(store: Store) -> None:
    """With each step; nothing is due of a case that is closed."""
    case = Kept(store, "c-1", priority="High", owner="ann, bo")
    assert case.listed() == ("High", "ann", False, T0 + 2 * HOUR, "First response")
    case.tell(MilestoneCompleted, 1, milestone="First response")
    case.tell(FieldsChanged, 1, fields={"owner": "bo", "priority": None})
    assert case.listed() == (None, "bo", False, T0 + 8 * HOUR, "Resolution")
    case.tell(ClockStopped, 2, milestone="Resolution")
    assert case.listed() == (None, "bo", True, T0 + 8 * HOUR, "Resolution")
    case.tell(CaseClosed, 3)
    assert case.listed()[3:] == (None, None)


def test_another_field_may_say_who_owns_a_case(store: Store) -> None:
    """From when it is applied on, also of the cases that are open."""
    case = Kept(store, "c-1", owner="ann", assigned_to="cy")
    assert case.listed()[1] == "ann"
    said = {"fields": dict.fromkeys(FIELDS, "string"), "organisation": {"roles": {"owner": "assigned_to"}}}
    store.catalog.apply(Catalog.model_validate(said), by="test")
    assert case.listed()[1] == "cy"
    case.tell(FieldsChanged, 1, fields={"assigned_to": "di"})
    assert case.listed()[1] == "di"


def test_a_list_has_the_time_that_is_left(store: Store) -> None:
    """As it is now, not as it was recorded: it runs on, and stands while the clock does."""
    runs, stands, late = (Kept(store, name) for name in ("runs", "stands", "late"))
    runs.tell(MilestoneCompleted, 1, milestone="First response")
    stands.tell(ClockStopped, 0.5)
    found, in_all = Desk(store).cases(CaseFilter(order="due"), now=T0 + 3 * HOUR, limit=9)
    assert [(case.case_id, case.due_milestone, case.due_state, case.left_seconds) for case in found] == [
        ("late", "First response", "running", -3600),
        ("stands", "First response", "paused", 5400),
        ("runs", "Resolution", "running", 5 * 3600),
    ]
    assert in_all == 3
    assert late.listed()[3] == T0 + 2 * HOUR


def test_a_long_list_is_counted_no_further_than_anybody_needs(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left out is a number up to a thousand; a store of very many cases is not walked for the rest of it."""
    monkeypatch.setattr(desk, "COUNTED", 2)
    monkeypatch.setattr(terminal, "COUNTED", 2)
    said: dict[int, set[str]] = {}
    for number in range(1, 5):
        Kept(store, f"c-{number}")
        for milestone in (None, "Resolution"):
            which = CaseFilter(state="open", order="due", milestone=milestone)
            found, in_all = Desk(store).cases(which, now=T0, limit=1)
            written = Console(file=io.StringIO(), width=120, record=True)
            written.print(terminal.desk_table(found, in_all, UTC, T0))
            said.setdefault(number, set()).add(written.export_text().splitlines()[-1])
    how_many = {number: [foot.split(", ")[0] for foot in feet] for number, feet in said.items()}
    assert how_many == {
        1: ["1 open case"],
        2: ["the first 1 of 2 open cases"],
        3: ["the first 1 of more than 2 open cases"],
        4: ["the first 1 of more than 2 open cases"],
    }


def test_a_milestone_is_found_in_any_case_of_letters(store: Store) -> None:
    """And one that nobody has is not nothing: the name may be wrong."""
    Kept(store, "c-1")

    def asked(name: str) -> list[CaseOnDesk]:
        return Desk(store).cases(CaseFilter(order="due", milestone=name), now=T0, limit=9)[0]

    assert [case.due_milestone for case in asked("resolution")] == ["Resolution"]
    with pytest.raises(NotFound, match="no open case has a milestone 'Resolutoin'; did you mean 'Resolution'"):
        asked("Resolutoin")


def test_cases_of_before_are_listed_too(url: str) -> None:
    """By what their records said: owner, priority, pauses and what was due first. Also back again."""
    database = Database(_engine(_address(url)))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[2] / "store" / "migrations"))
    case = {"case_id": "c-1", "run": 1, "history": 1, "number": 1, "run_id": "r", "status": "compliant"}
    case |= {"stopped": False, "opened_at": T0, "carried": {}, "recorded_at": T0}
    case |= {"view": {"fields": {"priority": 2, "assigned_to": "cy;di"}}}
    plain = {"case_id": "c-1", "process": "p", "occurrence": 1, "start_at": T0, "violated": False, "view": {}}
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, BEFORE)
        connection.execute(tables.cases.insert().values(case))
        connection.execute(tables.cases.insert().values(case | {"case_id": "c-2", "closed_at": T0}))
        for name, state, hours in (("A", "running", 4), ("B", "paused", 2), ("C", "completed", 1)):
            row = plain | {"milestone": name, "state": state, "target_at": T0 + hours * HOUR}
            connection.execute(tables.milestones.insert().values(row))
        declared = {"roles": {"owner": "assigned_to"}}
        connection.execute(tables.organisation.insert().values({"id": 1, "definition": declared}))
    database.close()
    with Store.open(url) as store:
        assert _listed(store, "c-1") == ("2", "cy", True, T0 + 2 * HOUR, "B")
        assert _listed(store, "c-2") == (None, None, False, None, None)
        with store._database.write() as connection:
            config.attributes["connection"] = connection
            command.downgrade(config, BEFORE)
            assert connection.execute(text("SELECT count(*) FROM cases")).scalar() == 2


LONG = "".join(random.Random(7).choices(string.ascii_letters, k=30_000))  # noqa: S311  not a secret
"""A text that a field may have, and that PostgreSQL can't make short enough for an index."""


def test_a_long_priority_or_owner_blocks_nothing(store: Store) -> None:
    """A case is listed by the beginning of it, found by the whole, and keeps the whole in its field."""
    case = Kept(store, "c-1", priority=LONG, owner=LONG[::-1])
    Kept(store, "c-2", priority="High", owner="ann")
    priority, owner, *_ = case.listed()
    assert (priority, owner) == (cut_for_search(LONG), cut_for_search(LONG[::-1]))
    assert len(priority.encode()) == MOST_ATTRIBUTE_BYTES
    for which in (CaseFilter(priority=LONG), CaseFilter(owner=LONG[::-1])):
        assert [one.case_id for one in store.listing.page(which).cases] == ["c-1"]
    store.names.check_values(priority=LONG, owner=LONG[::-1])
    assert store.cases.get("c-1").view.fields["priority"] == LONG


def test_a_long_value_that_changes_blocks_nothing(store: Store) -> None:
    """Who held a milestone for how long is kept under its beginning."""
    case = Kept(store, "c-1", owner=LONG)
    case.tell(FieldsChanged, 1, fields={"owner": LONG[::-1]})
    holdings = tables.holdings.c
    with store._database.read() as connection:
        held = set(connection.execute(select(holdings.value).distinct()).scalars())
    assert all(len(value.encode()) <= MOST_ATTRIBUTE_BYTES for value in held)
