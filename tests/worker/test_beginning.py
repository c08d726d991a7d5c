"""What nobody used is counted from a while before its period ends, so that somebody hears what was unused of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy.exc import OperationalError
from temporalio.client import Client

from clients.entitlements import Entitlements, NobodyCounts
from domain.catalog.declarations import Catalog
from domain.usage.requests import EntitlementTerms, workflow_id
from store import Store
from tests.support import PATIENT, assert_eventually, unique
from worker.beginning import EVERY, UnusedCounts, beginning
from worker.clock import VirtualClock
from worker.process import working

NOW = datetime(2026, 6, 28, 12, tzinfo=UTC)
MONTHLY = {"unit": "visits", "cap": 4, "period": "month"}
YEAR = {"starts_on": "2026-01-01", "ends_on": "2026-12-31"}


class Counts:
    """Which counts were begun, in the memory of the test; some of them fail."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.failing: dict[str, Exception] = {}
        self.meanwhile: Callable[[], None] | None = None

    async def begin(self, terms: EntitlementTerms) -> None:
        if terms.entitlement_id in self.failing:
            raise self.failing[terms.entitlement_id]
        self.begun.append(terms.entitlement_id)
        if self.meanwhile is not None:
            await asyncio.to_thread(self.meanwhile)


class Office:
    """A store with entitlements that nobody used, and who begins their counts."""

    def __init__(self, store: Store) -> None:
        self.store, self.counts = store, Counts()
        self.worker = self.another()

    def another(self) -> UnusedCounts:
        worker = UnusedCounts(cast("Any", None), self.store, "nobody")
        worker._entitlements = cast("Entitlements", self.counts)
        return worker

    def declare(self, *names: str, **also: Any) -> None:
        each = {"account": "acme", "allowance": MONTHLY, **YEAR, **also}
        catalog = {"accounts": [{"id": "acme"}], "entitlements": [{**each, "id": name} for name in names]}
        self.store.catalog.apply(Catalog.model_validate(catalog), by="ann")

    @property
    def untold(self) -> list[tuple[str, str, str]]:
        return [(one.entitlement, one.by, one.reason) for one in self.store.unsynchronised.entitlements()]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        yield Office(store)


async def test_what_is_due_begins_page_by_page(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once; what is due later is left alone."""
    page = office.store.unused.page
    monkeypatch.setattr(office.store.unused, "page", lambda now, *, after: page(now, after=after, limit=2))
    office.declare("a", "b", "c", "d", "e")
    office.declare("later", allowance={"unit": "visits", "cap": 4})
    assert await office.worker.begin(NOW - timedelta(days=1)) == []
    assert await office.worker.begin(NOW) == ["a", "b", "c", "d", "e"]
    assert await office.worker.begin(NOW + timedelta(hours=1)) == []
    assert office.counts.begun == ["a", "b", "c", "d", "e"]
    assert await office.worker.begin(NOW + timedelta(days=20)) == []
    assert office.worker._begun == set()


async def test_what_one_of_them_raises_keeps_no_other_from_beginning(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says so, and it is tried again the next time."""
    office.declare("a", "b", "c")
    office.counts.failing["b"] = ValueError("of nobody's")
    with caplog.at_level(logging.ERROR, logger="worker.beginning"):
        assert await office.worker.begin(NOW) == ["a", "c"]
    [record] = caplog.records
    assert record.getMessage() == "the count of b could not begin; tried again in an hour"
    office.counts.failing.clear()
    assert await office.worker.begin(NOW) == ["b"]


@pytest.mark.parametrize(
    "error", [NobodyCounts("b does not answer"), OperationalError("SELECT", {}, Exception("away"))]
)
async def test_whoever_is_away_ends_the_look(office: Office, error: Exception) -> None:
    """The next one is not an hour later, and goes on with those that are left."""
    office.declare("a", "b", "c")
    office.counts.failing["b"] = error
    with pytest.raises(type(error)):
        await office.worker.begin_if_it_is_our_turn(NOW)
    assert office.counts.begun == ["a"]
    office.counts.failing.clear()
    assert await office.worker.begin_if_it_is_our_turn(NOW) == ["b", "c"]


async def test_of_several_workers_one_looks_once_an_hour(office: Office) -> None:
    office.declare("a")
    workers = [office.another() for _ in range(3)]
    begun = await asyncio.gather(*(worker.begin_if_it_is_our_turn(NOW) for worker in workers))
    assert sorted(begun) == [[], [], ["a"]]
    office.declare("b")
    assert await office.worker.begin_if_it_is_our_turn(NOW + EVERY - timedelta(seconds=1)) == []
    assert "b" in await office.worker.begin_if_it_is_our_turn(NOW + EVERY)


async def test_what_is_declared_while_a_count_begins_is_told_to_it(office: Office) -> None:
    """Who tells counts what is declared may have looked when there was none, and crossed it out."""
    office.declare("a", "b", "c")

    def cancel() -> None:
        office.counts.meanwhile = None
        office.declare("a", "b", cancelled_at="2026-06-28T00:00:00Z")
        for one in office.store.unsynchronised.entitlements():
            office.store.unsynchronised.cross_out(one)

    office.counts.meanwhile = cancel
    assert await office.worker.begin(NOW) == ["a", "b", "c"]
    why = ("milepost", "it was declared anew while its count began")
    assert office.untold == [("a", *why), ("b", *why)]


async def test_the_renewals_contact_hears_of_a_term_that_nobody_used(
    clock: VirtualClock, task_queue: str, tmp_path: Path
) -> None:
    """At its end, and the feed says that it has expired; until then nothing of it is on record."""
    gold, now = unique("gold"), datetime.now(UTC)
    last = now.date() + timedelta(days=1)
    account = {"id": "acme", "renewals_mail": "renewals@example.com"}
    declared = {"id": gold, "account": "acme", "ends_on": last, "allowance": {"unit": "visits", "cap": 10}}
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        store.catalog.apply(Catalog.model_validate({"accounts": [account], "entitlements": [declared]}), by="test")
        async with working(clock.client, store, task_queue=task_queue):
            assert await UnusedCounts(clock.client, store, task_queue).begin(now) == [gold]
            balance = await Entitlements(clock.client, task_queue, patience=PATIENT).balance(gold)
            assert balance is not None
            assert (balance.rows, store.ledgers.rows(gold)) == (0, [])
            ends = datetime.combine(last + timedelta(days=1), time(0), tzinfo=UTC)
            await clock.go_to(clock.client.get_workflow_handle(workflow_id(gold)), ends + timedelta(seconds=2))

            async def told() -> None:
                [mail] = store.actions.mails()
                assert mail.to == ["renewals@example.com"]
                assert "10 visits were unused at the end of its term (0 used of 10)" in mail.body
                types = [event.type for event in store.feed.read(subject=f"entitlement/{gold}").events]
                assert types[:2] == ["milepost.entitlement.period_reset.v1", "milepost.entitlement.expired.v1"]

            await assert_eventually(told)


async def test_a_worker_begins_what_is_due(client: Client, task_queue: str, tmp_path: Path) -> None:
    """Beside everything else that it does."""
    gold = unique("gold")
    today = datetime.now(UTC).date()
    declared = {"id": gold, "account": "acme", "ends_on": today + timedelta(days=1), "allowance": {"unit": "visits"}}
    catalog = Catalog.model_validate({"accounts": [{"id": "acme"}], "entitlements": [declared]})
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        store.catalog.apply(catalog, by="test")
        entitlements = Entitlements(client, task_queue, patience=PATIENT)
        async with working(client, store, task_queue=task_queue), beginning(client, store, task_queue):

            async def counted() -> None:
                assert await entitlements.balance(gold) is not None

            await assert_eventually(counted)
