"""Telling counts what is declared of them: one that fails keeps nobody else from being told."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy.exc import OperationalError

from clients.entitlements import NobodyCounts
from clients.gate import UsageGate
from domain.catalog.declarations import Catalog
from domain.usage.effects import UsageRecords
from domain.usage.machine import Usage
from domain.usage.requests import (
    Balance,
    Consumption,
    EntitlementRenewed,
    EntitlementTerms,
    UsageChange,
    UsageChanged,
)
from domain.usage.rows import LedgerRow
from store import Store
from worker.relay import MOST_ROUNDS, Counting, declared_terms

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MARCH = "2026-03-01T00:00:00Z"
DATES = {"starts_on": "2026-01-01", "ends_on": "2098-12-31"}
NAMES = ["a", "b", "c"]


class Gate:
    """The counts of entitlements, in the memory of the test; some of them fail."""

    def __init__(self) -> None:
        self.counts: dict[str, Usage] = {}
        self.failing: dict[str, Exception] = {}
        self.asked: list[str] = []

    async def running(self, name: str) -> Balance | None:
        self.asked.append(name)
        if name in self.failing:
            raise self.failing[name]
        found = self.counts.get(name)
        return None if found is None else found.balance(NOW)

    async def begin(self, terms: EntitlementTerms) -> None:
        self.counts[terms.entitlement_id] = Usage.begin(terms, NOW)

    async def change(self, terms: EntitlementTerms, asked: UsageChange) -> UsageChanged:
        answer, _ = self.counts[terms.entitlement_id].change(asked, NOW)
        return answer


class Office:
    """A store with entitlements, and who tells their counts of them."""

    def __init__(self, store: Store) -> None:
        self.store, self.gate = store, Gate()
        self.counting = Counting(cast("Any", None), store, "nobody")
        self.counting._gate = cast("UsageGate", self.gate)

    def declare(self, *names: str, tell: str | None = "the catalog was applied", **also: Any) -> None:
        allowance = {"unit": "visits", "cap": also.pop("cap", 4)}
        each = {"account": "acme", "allowance": allowance, "term_end": {"policy": "renew"}, **DATES, **also}
        catalog = {"accounts": [{"id": "acme"}], "entitlements": [{**each, "id": name} for name in names]}
        self.store.catalog.apply(Catalog.model_validate(catalog), by="ann", tell=tell)

    def take(self, name: str, reference: str, at: datetime) -> None:
        asked = Consumption(reference=reference, event_id=reference, occurred_at=at)
        effects = self.gate.counts[name].take(asked, NOW).effects
        rows = [effect for effect in effects if isinstance(effect, LedgerRow)]
        whose: dict[str, Any] = {"entitlement_id": name, "account": "acme", "unit": "visits", "count": "one"}
        self.store.ledgers.record(UsageRecords(rows=rows, periods=[], **whose))

    @property
    def untold(self) -> list[str]:
        return [one.entitlement for one in self.store.unsynchronised.entitlements()]

    async def asked(self) -> list[str]:
        """Whose counts are asked in the next round."""
        self.gate.asked = []
        await self.counting.tell()
        return self.gate.asked


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        yield Office(store)


@pytest.mark.parametrize("error", [ValueError("of nobody's"), OverflowError("date value out of range"), KeyError("x")])
async def test_what_one_of_them_raises_keeps_no_other_from_being_told(
    office: Office, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """It is refused with a number by which the log has more, and is still to be told."""
    office.declare(*NAMES)
    office.gate.failing["a"] = error
    with caplog.at_level(logging.ERROR, logger="worker.relay"):
        told = await office.counting.tell()
    assert told.done == ["b: its count has begun", "c: its count has begun"]
    [said] = told.refused
    assert said.startswith("a: an unexpected error; the log has more under fault ")
    [record] = caplog.records
    assert record.getMessage().split(":")[0] in said
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert (told.later, office.untold) == (None, ["a"])


async def test_what_failed_is_tried_again_ever_more_seldom_and_last(office: Office) -> None:
    """After two rounds, four, eight, up to an hour of them; what is declared anew is told at once."""
    office.declare("a")
    office.gate.failing["a"] = ValueError("of nobody's")
    tried = [number for number in range(1, 190) if await office.asked()]
    assert tried == [1, 3, 7, 15, 31, 63, 123, 183]
    assert MOST_ROUNDS == 123 - 63
    office.declare("a", cap=5)
    assert await office.asked() == ["a"]
    office.declare("b")
    assert await office.asked() == ["b"]
    office.declare("c")
    assert await office.asked() == ["c", "a"]
    del office.gate.failing["a"]
    assert [number for number in range(1, 10) if await office.asked()] == [4]
    assert office.untold == []


async def test_who_does_not_answer_is_asked_last_in_the_next_round(office: Office) -> None:
    """It may be that nobody answers, so the round ends; but it may be this one alone."""
    office.declare(*NAMES)
    office.gate.failing["a"] = NobodyCounts("a does not answer")
    told = await office.counting.tell()
    assert (told.done, told.refused, told.later) == ([], [], "a does not answer")
    told = await office.counting.tell()
    assert told.done == ["b: its count has begun", "c: its count has begun"]
    assert (told.later, office.untold) == ("a does not answer", ["a"])
    del office.gate.failing["a"]
    assert (await office.counting.tell()).done == ["a: its count has begun"]


async def test_without_a_database_nobody_is_told(office: Office) -> None:
    """That is the fault of none of them."""
    office.declare(*NAMES)
    office.gate.failing["a"] = OperationalError("SELECT", {}, Exception("away"))
    with pytest.raises(OperationalError):
        await office.counting.tell()
    assert office.untold == NAMES


@pytest.mark.parametrize(
    ("stored", "told", "refused"),
    [
        (
            {"cancelled_at": "9999-12-31T23:59:59Z"},
            [],
            "a: its cancelled_at, 9999-12-31T23:59:59+00:00, is in no year from 1900 to 2999; declare another",
        ),
        ({"opening": {"as_of": "1500-01-01", "used": 1}}, ["a: the cap is 5 visits"], None),
        ({"opening": {"as_of": "3500-01-01", "used": 1}}, ["a: the cap is 5 visits"], None),
    ],
)
async def test_what_is_stored_outside_all_years_stops_nobody(
    office: Office, stored: dict[str, Any], told: list[str], refused: str | None
) -> None:
    """From before such dates were refused; of a cancellation it is said once."""
    dates = {"starts_on": None, "ends_on": None, "term_end": None} | stored
    office.declare("a", tell=None, **dates)
    await office.gate.begin(declared_terms(office.store, office.store.catalog.entitlement("a"), NOW))
    office.declare("a", cap=5, **dates)
    office.declare("b")
    said = await office.counting.tell()
    assert said.done == [*told, "b: its count has begun"]
    assert said.refused == ([] if refused is None else [refused])
    assert office.untold == []


async def test_a_declared_cancellation_says_what_follows(office: Office) -> None:
    """What stays taken, what was planned, and the renewal that goes on: the words of `milepost cancel`."""
    office.declare("a")
    await office.counting.tell()
    office.take("a", "V-0", datetime(2026, 2, 1, tzinfo=UTC))
    office.take("a", "V-1", datetime(2026, 4, 1, tzinfo=UTC))
    office.take("a", "P-1", datetime(2026, 9, 1, tzinfo=UTC))
    early = EntitlementRenewed(event_id="early", by="ann", reason="by phone")
    office.gate.counts["a"].change(early, NOW)
    office.declare("a", cancelled_at=MARCH)
    assert (await office.counting.tell()).done == [
        "a: cancelled from Sun 2026-03-01 00:00 UTC on",
        "a: planned after that, and reversed: P-1",
        "a: taken after that, and stays taken: V-1",
        "a: it was renewed as a~2, which goes on; milepost cancel a~2 cancels that, too",
    ]
    assert office.untold == []
