"""Reports beside cases that are recorded, on each database: none of them makes a record wait, or sees half of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event

from domain.reports.result import ReportKind
from domain.timeline.events import ClockStopped, FieldsChanged
from store import Store
from tests.recorded import RecordedCase
from tests.store.reports.test_exports_at_once import others
from tests.store.reports.test_reporting import T0, _override, case, report, store

__all__ = ["store"]

PATIENCE = 5.0
"""Seconds that a record waits for somebody who holds a lock; then it fails."""


@pytest.fixture
def writer(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordedCase]:
    """A case that somebody else records, beside others that are there."""
    for name in ("a", "b"):
        lived = case(store, name, team="one")
        lived.apply(FieldsChanged(event_id="f", occurred_at=T0 + timedelta(hours=1), by="bo", fields={"team": "two"}))
        lived.apply(ClockStopped(event_id="s", occurred_at=T0 + timedelta(hours=2), by="ann"))
    _override(store, 1, 60, "85.00 EUR")
    with others(store, 1) as [other]:
        monkeypatch.setattr(other.cases, "record", partial(other.cases.record, patience=PATIENCE))
        yield case(other, "written", team="one")


@contextmanager
def at_each_statement(store: Store, do: Callable[[], None]) -> Iterator[None]:
    """Do something whenever a store has asked something: its transaction and its cursor are open meanwhile."""
    engine = store._database._engine

    def listen(_c: Any, _u: Any, statement: str, *_: Any) -> None:
        if "FROM" in statement:
            do()

    event.listen(engine, "after_cursor_execute", listen)
    try:
        yield
    finally:
        event.remove(engine, "after_cursor_execute", listen)


class Writing:
    """Records a change of the case, each time another one."""

    def __init__(self, lived: RecordedCase) -> None:
        self.lived, self.many = lived, 0

    def __call__(self) -> None:
        self.many += 1
        at, fields = T0 + timedelta(seconds=self.many), {"team": f"t{self.many}"}
        self.lived.apply(FieldsChanged(event_id=f"w{self.many}", occurred_at=at, by="eve", fields=fields))


@pytest.mark.parametrize("kind_of", list(ReportKind))
def test_a_case_is_recorded_while_a_report_is_read(store: Store, writer: RecordedCase, kind_of: ReportKind) -> None:
    """After each of its statements, before its rows are read; the report is one view, from before all of that."""
    by = () if kind_of in {ReportKind.USAGE, ReportKind.OVERRIDES, ReportKind.CASES} else ("team",)
    before, write = report(store, kind_of, *by), Writing(writer)
    with at_each_statement(store, write):
        made = report(store, kind_of, *by)
    assert write.many > 1
    assert made == before
    assert store.cases.get("written").carried.state.fields == {"team": f"t{write.many}"}


def test_a_case_is_recorded_while_an_audit_reads(store: Store, writer: RecordedCase) -> None:
    write = Writing(writer)
    with at_each_statement(store, write):
        assert [one.discrepancies for one in store.reports.audit()] == [[], [], []]
    assert write.many > 1
