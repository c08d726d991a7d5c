"""Usage that real workflows recorded, of every kind of allowance, held against what the events of the feed come to."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from temporalio.client import Client

from activities.reports.making import ReportWish, make_report
from clients.cases import MilepostClient
from clients.entitlements import Entitlements
from domain.catalog.declarations import Catalog
from domain.errors import NotFound, Refused
from domain.feed.envelope import FeedEvent
from domain.messages.cases import CaseIntake
from domain.reports.result import Report, ReportKind
from domain.usage.requests import Balance
from domain.usage.units import in_units, measures_per_unit
from starters.operations.usage import UsageDesk
from store.store import Store
from tests.support import assert_eventually, unique
from worker.process import working

STEPS = int(os.environ.get("MILEPOST_USAGE_STEPS", "90"))
DAYS = 100
"""For so long everything has run when it is taken of, late."""

PRICED = {"overflow": "prompt", "overage_price": "90.00 EUR"}
ALLOWANCES: dict[str, dict[str, Any]] = {
    "cases": {"unit": "cases", "cap": 4, "period": "month"},
    "hours": {"unit": "hours", "cap": 5, "period": "month", "round_up_to": "15m", "carry_over": "period"},
    "visits": {"unit": "visits", "cap": 3, "period": "quarter", "aligned": "calendar", **PRICED},
}

Place = tuple[str, str]
"""An entitlement, and the first day of one of its periods."""


class Use(NamedTuple):
    """What was used of a period, and taken beyond its cap, in the smallest measure of the unit."""

    used: int
    overage: int


@pytest.fixture
def usage_store(tmp_path: Path) -> Iterator[Store]:
    """A store with nothing in it."""
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as opened:
        yield opened


class Desk:
    """Asks at random, of an account with an entitlement of each kind, for what people ask for."""

    def __init__(self, client: Client, store: Store, task_queue: str, now: datetime) -> None:
        self.account = unique("account")
        self.store, self.now = store, now
        self.cases = MilepostClient(client, task_queue=task_queue)
        self.desk = UsageDesk(client, store, task_queue)
        self.chance = random.Random(7)  # noqa: S311 - a sequence that can be told again
        self.opened: list[str] = []
        self.taken: list[tuple[str, str]] = []

    def entitlement(self, kind: str) -> str:
        return f"{self.account}-{kind}"

    def catalog(self) -> Catalog:
        starts_on = (self.now - timedelta(days=DAYS + 1)).date()
        return Catalog.model_validate(
            {
                "accounts": [{"id": self.account, "time_zone": "Pacific/Auckland"}],
                "entitlements": [
                    {
                        "id": self.entitlement(kind),
                        "account": self.account,
                        "starts_on": starts_on,
                        "allowance": allowance,
                    }
                    for kind, allowance in ALLOWANCES.items()
                ],
            }
        )

    async def step(self, number: int) -> None:
        """One request; what makes no sense is refused, and changes nothing."""
        at = self.now - timedelta(hours=self.chance.randrange(DAYS * 24))
        who = {"by": "ann", "reason": "so", "event_id": f"{self.account}-{number}"}
        with suppress(Refused, NotFound):
            match self.chance.choice(["case", "case", "time", "time", "visit", "visit", "reverse", "grant", "adjust"]):
                case "case":
                    await self._open(f"{self.account}-c{number}", at)
                case "time" if self.opened:
                    await self._work(f"{self.account}-t{number}", at)
                case "visit":
                    await self._visit(f"{self.account}-v{number}", at, who["event_id"])
                case "reverse" if self.taken:
                    entitlement, reference = self.chance.choice(self.taken)
                    await self.desk.reverse(entitlement, reference, **who)
                case "grant":
                    await self.desk.grant(
                        self._any(), str(self.chance.randint(1, 3)), at=at, until=None, carries_over=False, **who
                    )
                case _:
                    await self.desk.adjust(self._any(), str(self.chance.choice([-1, 1, 2])), at=at, **who)

    def _any(self) -> str:
        return self.entitlement(self.chance.choice(list(ALLOWANCES)))

    async def _open(self, case_id: str, at: datetime) -> None:
        entitlement = self.entitlement("cases")
        await self.cases.open(CaseIntake(case_id=case_id, entitlement=entitlement, opened_at=at))
        self.opened.append(case_id)

    async def _work(self, entry: str, at: datetime) -> None:
        case_id, minutes = self.chance.choice(self.opened), self.chance.choice([7, 40, 95, 200])
        await self.cases.log_time(case_id, id=entry, minutes=minutes, worked_at=at, by="ann")
        self.taken.append((self.entitlement("hours"), entry))

    async def _visit(self, reference: str, at: datetime, event_id: str) -> None:
        entitlement = self.entitlement("visits")
        how: dict[str, Any] = {"case": None, "by": "ann", "overage": self.chance.choice([None, "agreed"])}
        await self.desk.take(entitlement, reference, amount="1", at=at, event_id=event_id, **how)
        self.taken.append((entitlement, reference))


async def test_usage_reports_come_to_what_the_events_tell(client: Client, usage_store: Store, task_queue: str) -> None:
    """Cases, hours and visits, late ones too, reversed, granted and adjusted: number by number, in each period."""
    desk = Desk(client, usage_store, task_queue, datetime.now(UTC))
    counts = Entitlements(client, task_queue, patience=30)
    found: dict[str, Balance] = {}
    usage_store.catalog.apply(desk.catalog(), by="test")
    async with working(client, usage_store, task_queue=task_queue):
        for number in range(STEPS):
            await desk.step(number)

        async def all_is_recorded() -> None:
            for kind in ALLOWANCES:
                balance = await counts.balance(desk.entitlement(kind))
                assert balance is not None
                assert balance.rows == len(usage_store.ledgers.rows(balance.entitlement_id)) > 0
                found[balance.entitlement_id] = balance

        await assert_eventually(all_is_recorded)
    said = reported(desk)
    for entitlement, balance in found.items():
        for period in (balance.current, *balance.past):
            assert said[entitlement, str(period.first_day)] == Use(period.used, period.overage)
    assert_told(desk, said)


def reported(desk: Desk) -> dict[Place, Use]:
    """What the report says of each period, in the smallest measure of its unit."""
    said: dict[Place, Use] = {}
    for _, entitlement, first_day, unit, used, *_, overage, _ in usage(desk).rows:
        measures = measures_per_unit(str(unit))
        said[str(entitlement), str(first_day)] = Use(*(round(float(str(one)) * measures) for one in (used, overage)))
    return said


def usage(desk: Desk, *by: str) -> Report:
    return make_report(desk.store, ReportWish(ReportKind.USAGE, by=by, account=desk.account, now=desk.now))


def told(store: Store, subject: str) -> Iterator[FeedEvent]:
    """All events of a subject."""
    cursor, is_last = None, False
    while not is_last:
        page = store.feed.read(cursor, subject=subject)
        cursor, is_last = page.cursor, page.is_last
        yield from page.events


def assert_told(desk: Desk, said: Mapping[Place, Use]) -> None:
    """The events of each period come to what the report says of it, and each kind of event is among them."""
    used, beyond, kinds, billed = Counter[Place](), Counter[Place](), set[str](), list[int]()
    for kind in ALLOWANCES:
        for event in told(desk.store, f"entitlement/{desk.entitlement(kind)}"):
            place = (desk.entitlement(kind), str(event.data.get("first_day", "")))
            used[place] += event.data.get("used", 0)
            beyond[place] += event.data.get("overage", 0)
            kinds.add(event.type.split(".")[2])
            if event.type == "milepost.entitlement.overage_approved.v1":
                billed.append(event.data["amount"])
    assert {place: Use(used[place], beyond[place]) for place in said} == said
    assert {place for place in (*used, *beyond) if used[place] or beyond[place]} <= set(said)
    for unit, _, in_all, *_ in usage(desk, "unit").rows:
        periods = [use.used for (name, _), use in said.items() if name == desk.entitlement(str(unit))]
        assert in_all == in_units(sum(periods), str(unit))
    made = make_report(desk.store, ReportWish(ReportKind.OVERRIDES, by=("unit",), account=desk.account, now=desk.now))
    assert [row[:3] for row in made.rows] == [("visits", len(billed), sum(billed))]
    assert kinds >= {"consumed", "overflowed", "overage_approved", "reversed", "granted", "adjusted"}
