"""What a case takes when it is opened, and takes again when the attempt before was cut short."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client

from activities.covering import Covering
from activities.hours import Hours
from clients.entitlements import NobodyCounts
from clients.gate import UsageGate
from domain.catalog.declarations import Catalog
from domain.errors import Refused
from domain.messages.cases import CaseIntake
from domain.messages.coverage import CaseCoverage
from domain.usage.requests import (
    Balance,
    Consumed,
    ConsumptionReversed,
    EntitlementAmended,
    EntitlementCancelled,
    TimeEntry,
    UsageAdjusted,
    UsageChange,
    workflow_id,
)
from store import Store
from tests.support import assert_eventually, unique
from tests.usage import NOON
from worker.process import working


class Desk:
    """An account with two entitlements that match its cases equally well: one case each, the sooner to end first."""

    def __init__(self, client: Client, store: Store, gate: UsageGate) -> None:
        self.client, self.store, self.gate = client, store, gate
        self.covering = Covering(store, gate)
        self.sooner, self.later = unique("sooner"), unique("later")
        last_days = {self.sooner: "2030-12-31", self.later: "2031-12-31"}
        one = {"account": "acme", "allowance": {"unit": "cases", "cap": 1, "overflow": "block"}}
        entitlements = [{"id": name, "ends_on": last_day, **one} for name, last_day in last_days.items()]
        store.catalog.apply(
            Catalog.model_validate({"accounts": [{"id": "acme"}], "entitlements": entitlements}), by="test"
        )

    async def open(self, case: str) -> str | None:
        """What a case takes: as its activity does it, every time it is tried."""
        intake = CaseIntake(case_id=case, account="acme", clock=NOON)
        coverage, _ = await self.covering.find(intake, NOON)
        taken = await self.covering.take(intake, coverage.ranked, at=NOON, now=NOON, attempt="run")
        return taken.entitlement.id if taken.entitlement else None

    async def change(self, entitlement: str, kind: type[UsageChange], **fields: Any) -> None:
        """Somebody changes an entitlement by hand."""
        intake = CaseIntake(case_id="any", account="acme", clock=NOON)
        terms = await self.covering.rules.terms(intake, self.store.catalog.entitlement(entitlement), NOON)
        await self.gate.change(terms, kind(event_id=unique("by-hand"), by="ann", reason="miscounted", **fields))

    async def give_back(self, entitlement: str) -> None:
        """Somebody makes room by hand."""
        await self.change(entitlement, UsageAdjusted, amount=-1)

    def banks(self, *caps: int, **first: Any) -> list[str]:
        """Banks of hours, the one that is asked first first; with what else is declared of that one."""
        names = [unique(f"bank-{number}") for number in range(len(caps))]
        hours = [
            {
                "id": name,
                "account": "acme",
                "ends_on": f"{2031 + number}-12-31",
                "allowance": {"unit": "hours", "cap": cap},
            }
            for number, (name, cap) in enumerate(zip(names, caps, strict=True))
        ]
        hours[0] |= first
        self.store.catalog.apply(Catalog.model_validate({"entitlements": hours}), by="test")
        return names

    async def work(
        self, entry: str, minutes: int, at: datetime = NOON, now: datetime | None = None
    ) -> list[tuple[str, Consumed]]:
        """What each entitlement that is asked says; now, if nothing else is said, is when the work was done."""
        intake = CaseIntake(case_id="case-1", account="acme", clock=NOON)
        asked = TimeEntry(id=entry, minutes=minutes, worked_at=at, case_id="case-1")
        return (await Hours(self.covering).log(intake, asked, now or at)).took

    async def took(self, entry: str, minutes: int, at: datetime = NOON) -> list[tuple[str, str, int]]:
        """What an entry took, of each, once the ledger has it."""
        said = await self.work(entry, minutes, at)

        async def it_is_on_record() -> None:
            taken = [name for name, _ in said]
            assert [
                name for name in taken if entry in [row.reference for row in self.store.ledgers.rows(name)]
            ] == taken

        await assert_eventually(it_is_on_record)
        return [(name, consumed.outcome, consumed.taken) for name, consumed in said]

    async def cancelled(self, entitlement: str) -> None:
        """Somebody cancels it, and the catalog knows."""
        await self.change(entitlement, EntitlementCancelled)

        async def it_is_declared() -> None:
            assert self.store.catalog.entitlement(entitlement).cancelled_at is not None

        await assert_eventually(it_is_declared)


@pytest_asyncio.fixture(loop_scope="session")
async def desk(client: Client, task_queue: str, tmp_path: Path) -> AsyncIterator[Desk]:
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        async with working(client, store, task_queue=task_queue):
            yield Desk(client, store, UsageGate(client, task_queue))


async def test_a_case_that_took_the_last_one_has_it_when_it_is_tried_again(desk: Desk) -> None:
    """What it took itself does not make the entitlement spent for it, so it takes no second one elsewhere."""
    assert [await desk.open("case-1") for _ in range(2)] == [desk.sooner, desk.sooner]
    assert [await desk.open("case-2") for _ in range(2)] == [desk.later, desk.later]


async def test_room_that_comes_between_two_attempts_is_not_taken_as_well(desk: Desk) -> None:
    """The case stays with what it took, though one that ranks before that has something left by now."""
    assert [await desk.open("case-1"), await desk.open("case-2")] == [desk.sooner, desk.later]
    await desk.give_back(desk.sooner)
    assert await desk.open("case-2") == desk.later
    assert await desk.open("case-3") == desk.sooner


async def test_work_counts_though_what_the_case_was_opened_from_has_ended(desk: Desk) -> None:
    """Another that covers the case takes it."""
    bank = unique("bank")
    hours = {"id": bank, "account": "acme", "allowance": {"unit": "hours", "cap": 2}}
    desk.store.catalog.apply(Catalog.model_validate({"entitlements": [hours]}), by="test")
    intake = CaseIntake(case_id="case-1", entitlement=desk.sooner, clock=NOON)
    after = datetime(2031, 6, 1, 12, tzinfo=UTC)
    entry = TimeEntry(id="T1", minutes=30, worked_at=after)
    took, is_known = await Hours(desk.covering).log(intake, entry, after)
    assert ([(name, consumed.taken) for name, consumed in took], is_known) == ([(bank, 30)], False)


async def test_an_entry_counts_once_though_what_took_it_was_cancelled(desk: Desk) -> None:
    """What has taken it answers again; nothing else is asked."""
    first, second = desk.banks(2, 2)
    assert await desk.took("T1", 60) == [(first, "granted", 60)]
    await desk.cancelled(first)
    later = NOON + timedelta(days=1)
    assert await desk.took("T1", 60, later) == [(first, "already", 60)]
    assert await desk.took("T2", 60, later) == [(second, "granted", 60)], "what is new goes on"


async def test_an_entry_counts_once_though_another_time_is_given(desk: Desk) -> None:
    """At which what took it does not match; it stays what it was logged as."""
    first, second = desk.banks(2, 2, starts_on=NOON.date().isoformat())
    assert await desk.took("T1", 60) == [(first, "granted", 60)]
    assert await desk.took("T1", 60, NOON - timedelta(days=1)) == [(first, "already", 60)]
    assert await desk.took("T2", 60, NOON - timedelta(days=1)) == [(second, "granted", 60)]


async def test_what_an_entry_left_over_goes_on_when_it_comes_again(desk: Desk) -> None:
    """To those that match and were not asked: the rest alone, of the time by which the entry was taken."""
    first, second = desk.banks(1, 1)
    entry = TimeEntry(id="T1", minutes=150, worked_at=NOON, case_id="case-1", has_fallback=True)
    intake = CaseIntake(case_id="case-1", account="acme", clock=NOON)
    await desk.gate.log_hours(
        await desk.covering.rules.terms(intake, desk.store.catalog.entitlement(first), NOON), entry
    )

    async def it_is_on_record() -> None:
        assert list(desk.store.ledgers.entry_takers("T1", "case-1")) == [first]

    await assert_eventually(it_is_on_record)
    later = NOON + timedelta(hours=1)
    expected = [(first, "overflow", 60), (second, "overflow", 60)]
    assert await desk.took("T1", 150, later) == expected
    assert [row.at for row in desk.store.ledgers.rows(second)] == [NOON, NOON]
    assert await desk.took("T1", 150, later) == expected
    assert list(desk.store.ledgers.entry_rows(first, "T1")) == [first, second], "a reversal finds both"
    assert (await Hours(desk.covering).log(intake, entry, later)).is_known, "nothing more came of it"


async def test_what_stays_left_over_is_known_when_it_comes_again(desk: Desk) -> None:
    """No other covers the case: nothing came of it but what the first has taken before."""
    [bank] = desk.banks(1)
    entry = TimeEntry(id="T1", minutes=150, worked_at=NOON, case_id="case-1", has_fallback=True)
    intake = CaseIntake(case_id="case-1", account="acme", clock=NOON)
    terms = await desk.covering.rules.terms(intake, desk.store.catalog.entitlement(bank), NOON)
    await desk.gate.log_hours(terms, entry)

    async def it_is_on_record() -> None:
        assert list(desk.store.ledgers.entry_takers("T1", "case-1")) == [bank]

    await assert_eventually(it_is_on_record)
    took, is_known = await Hours(desk.covering).log(intake, entry, NOON)
    assert ([(name, consumed.left_over) for name, consumed in took], is_known) == ([(bank, 90)], True)


async def test_a_count_that_was_terminated_knows_of_no_entry(desk: Desk) -> None:
    """Its rows are still there, but nothing counts them; what matches now takes the entry."""
    first, second = desk.banks(2, 2)
    assert await desk.took("T1", 60) == [(first, "granted", 60)]
    await desk.client.get_workflow_handle(workflow_id(first)).terminate()
    retired = desk.store.catalog.entitlement(first).model_copy(update={"retired": True})
    desk.store.catalog.apply(Catalog(entitlements=[retired]), by="test", tell=None)
    assert await desk.took("T1", 60) == [(second, "granted", 60)]


@pytest.mark.parametrize("caps", [(2, 2), (0, 2)])
async def test_an_entry_that_was_reversed_is_not_taken_again(desk: Desk, caps: tuple[int, int]) -> None:
    """Nobody is left in the belief that it counts, whichever part of it was the one that gave back."""
    banks = desk.banks(*caps)
    took = await desk.took("T1", 60)
    await desk.change(took[-1][0], ConsumptionReversed, reference="T1")
    await desk.change(banks[0], EntitlementAmended, cap=5)
    with pytest.raises(Refused, match="time entry 'T1' was reversed; log the work again under another id"):
        await desk.work("T1", 60)
    assert [(await desk.gate.running(name)).current.used for name, *_ in took] == [0] * len(took)  # type: ignore[union-attr]


async def test_work_of_the_future_is_refused(desk: Desk) -> None:
    """By the case's clock; two machines' clocks may differ by five seconds."""
    [bank] = desk.banks(2)
    with pytest.raises(Refused, match=r"worked_at Thu 2025-02-20 12:00:06 UTC is in the future; the case's clock says"):
        await desk.work("T1", 60, NOON + timedelta(seconds=6), now=NOON)
    assert [name for name, _ in await desk.work("T1", 60, NOON + timedelta(seconds=5), now=NOON)] == [bank]


@pytest.mark.parametrize("year", [1, 1899, 3000, 9999])
async def test_a_time_for_which_nothing_is_declared_is_refused(desk: Desk, year: int) -> None:
    """Not tried again and again."""
    with pytest.raises(Refused, match="is outside the years 1900 to 2999"):
        await desk.covering.find(CaseIntake(case_id="case-1", account="acme"), datetime(year, 1, 1, tzinfo=UTC))


async def test_a_case_does_not_wait_for_a_count_of_which_it_takes_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is only to say how much it has left."""

    async def nobody_counts(*_: Any) -> Balance:
        raise NobodyCounts

    [bank] = desk.banks(3)
    monkeypatch.setattr(desk.gate, "balance", nobody_counts)
    intake = CaseIntake(case_id=unique("case"), account="acme", clock=NOON)
    coverage, _ = await desk.covering.find(intake, NOON)
    matches = [match for match in coverage.ranked if match.entitlement.id == bank]
    taken = await desk.covering.take(intake, matches, at=NOON, now=NOON, attempt="run")
    assert taken.coverage == CaseCoverage(entitlement=bank, by="account")


async def test_an_attempt_that_is_made_again_says_the_same_of_all_others(desk: Desk) -> None:
    intake = CaseIntake(case_id=unique("case"), account="acme", clock=NOON)
    coverage, _ = await desk.covering.find(intake, NOON)
    both = [
        (await desk.covering.take(intake, coverage.ranked, at=NOON, now=NOON, attempt="run")).coverage for _ in range(2)
    ]
    assert both[0] == both[1]
    assert both[0] is not None
    assert (both[0].entitlement, [other.entitlement for other in both[0].others]) == (desk.sooner, [desk.later])
