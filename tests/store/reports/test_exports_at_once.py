"""Overrides that several processes export at the same time, on each database: each comes once, in one export."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection

from activities.reports.making import ReportWish, export_overrides
from domain.errors import NotFound
from domain.reports.result import Report, ReportKind
from store import Store
from store.reports import queries
from store.reports.billing import export_overrides as export
from tests.store.reports.test_reporting import T0, _override, report, store

__all__ = ["store"]

WISH = ReportWish(ReportKind.OVERRIDES, now=T0)


@contextmanager
def others(store: Store, many: int) -> Iterator[list[Store]]:
    """Stores of their own on the same database, as other processes have them."""
    url = store._database._engine.url.render_as_string(hide_password=False)
    with ExitStack() as stack:
        yield [stack.enter_context(Store.open(url)) for _ in range(many)]


def taken(made: Report) -> list[str]:
    return [str(row[2]) for row in made.rows]


def test_exports_at_once_take_each_override_once(store: Store) -> None:
    """Four of them begin together, time and again, while there are ever more overrides."""
    with others(store, 4) as stores, ThreadPoolExecutor(4) as pool:
        for number in range(1, 9):
            _override(store, number, 60, "85.00 EUR")
            together = threading.Barrier(4)

            def begin(one: Store, together: threading.Barrier = together) -> list[str]:
                together.wait(30)
                return taken(export_overrides(one, WISH, by="ann"))

            found = [row for some in pool.map(begin, stores) for row in some]
            assert found == [f"t{number}"]
    exports = report(store, ReportKind.OVERRIDES)
    place = exports.column("export")
    assert sorted(int(str(row[place])) for row in exports.rows) == list(range(1, 9))


def test_an_export_waits_for_the_one_before_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that begins while another has not ended sees what that has taken, and takes the rest."""
    _override(store, 1, 60, "85.00 EUR")
    begun, ends = threading.Event(), threading.Event()

    def slow(connection: Connection, *given: Any, **named: Any) -> Any:
        made = export(connection, *given, **named)
        if not begun.is_set():
            begun.set()
            assert ends.wait(30)
        return made

    monkeypatch.setattr(queries, "export_overrides", slow)
    with others(store, 1) as [other], ThreadPoolExecutor(2) as pool:
        first: Future[Report] = pool.submit(export_overrides, store, WISH, by="ann")
        assert begun.wait(30)
        second: Future[Report] = pool.submit(export_overrides, other, WISH, by="bo")
        assert not wait([second], timeout=0.5).done  # the first one has not said yet what it takes
        ends.set()
        assert (taken(first.result(30)), taken(second.result(30))) == (["t1"], [])
    with pytest.raises(NotFound, match="there is no export 2; the last is 1"):
        report(store, ReportKind.OVERRIDES, export=2)
