"""What a case takes when it is opened, and takes again when the attempt before was cut short."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client

from activities.covering import Covering
from activities.usage import UsageGate
from domain.catalog import Catalog
from domain.entitlement_messages import TimeEntry, UsageAdjusted
from domain.errors import Refused
from domain.messages import CaseIntake
from store import Store
from tests.support import unique
from tests.usage import NOON
from worker.process import working


class Desk:
    """An account with two entitlements that match its cases equally well: one case each, the sooner to end first."""

    def __init__(self, store: Store, gate: UsageGate) -> None:
        self.store, self.gate = store, gate
        self.covering = Covering(store, gate)
        self.sooner, self.later = unique("sooner"), unique("later")
        last_days = {self.sooner: "2030-12-31", self.later: "2031-12-31"}
        one = {"account": "acme", "allowance": {"unit": "cases", "cap": 1, "overflow": "block"}}
        entitlements = [{"id": name, "ends_on": last_day, **one} for name, last_day in last_days.items()]
        store.apply(Catalog.model_validate({"accounts": [{"id": "acme"}], "entitlements": entitlements}), by="test")

    async def open(self, case: str) -> str | None:
        """What a case takes: as its activity does it, every time it is tried."""
        intake = CaseIntake(case_id=case, account="acme", clock=NOON)
        coverage, _ = await self.covering.find(intake, NOON)
        taken = await self.covering.take(intake, coverage.ranked, at=NOON, now=NOON, attempt="run")
        return taken.entitlement.id if taken.entitlement else None

    async def give_back(self, entitlement: str) -> None:
        """Somebody makes room by hand."""
        intake = CaseIntake(case_id="any", account="acme", clock=NOON)
        terms = await self.covering.terms(intake, self.store.entitlement(entitlement), NOON)
        asked = UsageAdjusted(event_id=unique("adjust"), by="ann", reason="miscounted", amount=-1)
        await self.gate.change(terms, asked)


@pytest_asyncio.fixture(loop_scope="session")
async def desk(client: Client, task_queue: str, tmp_path: Path) -> AsyncIterator[Desk]:
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        async with working(client, store, task_queue=task_queue):
            yield Desk(store, UsageGate(client, task_queue))


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
    desk.store.apply(Catalog.model_validate({"entitlements": [hours]}), by="test")
    intake = CaseIntake(case_id="case-1", entitlement=desk.sooner, clock=NOON)
    after = datetime(2031, 6, 1, 12, tzinfo=UTC)
    entry = TimeEntry(id="T1", minutes=30, worked_at=after)
    assert [(name, took.taken) for name, took in await desk.covering.log_hours(intake, entry, after)] == [(bank, 30)]


@pytest.mark.parametrize("year", [1, 1899, 3000, 9999])
async def test_a_time_for_which_nothing_is_declared_is_refused(desk: Desk, year: int) -> None:
    """Not tried again and again."""
    with pytest.raises(Refused, match="is outside the years 1900 to 2999"):
        await desk.covering.find(CaseIntake(case_id="case-1", account="acme"), datetime(year, 1, 1, tzinfo=UTC))
