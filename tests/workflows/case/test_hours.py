"""Work beyond a cap that asks: the case does, and what somebody decides is billed or stays uncovered."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from temporalio.api.sdk.v1 import WorkflowMetadata

from domain.catalog.declarations import Catalog
from domain.errors import Refused
from domain.messages.case_state import CaseState
from domain.messages.cases import Answer
from domain.usage.requests import Balance, workflow_id
from domain.usage.rows import LedgerRow
from tests.support import assert_eventually, unique
from tests.workflows.conftest import Working
from tests.workflows.world import MONDAY, World, later

ENTITLEMENT = {
    "process": "Support",
    "business_hours": "Office",
    "allowance": {"unit": "hours", "cap": 2, "overflow": "prompt", "overage_price": "85.00 EUR"},
}


class Bank:
    """An account of its own with a bank of two hours, and a case on which work is logged."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.account = unique("bank")
        self.entitlement = f"{self.account}-hours"
        self.case = ""

    async def open(self) -> None:
        declared = {"id": self.entitlement, "account": self.account, **ENTITLEMENT}
        accounts = [{"id": self.account}]
        self.world.store.catalog.apply(
            Catalog.model_validate({"accounts": accounts, "entitlements": [declared]}), by="test"
        )
        self.case = await self.world.open(self.account)

    async def work(self, entry: str, minutes: int) -> list[str]:
        return await self.world.milepost.log_time(
            self.case, id=entry, minutes=minutes, occurred_at=MONDAY.isoformat(), by="ann"
        )

    async def decide(self, entry: str | None, *, approved: bool, **fields: Any) -> Answer:
        return await self.world.milepost.request(
            self.case,
            "decide_overage",
            occurred_at=MONDAY.isoformat(),
            **{"by": "bo", **fields},
            entry=entry,
            approved=approved,
        )

    async def asked(self) -> list[str | None]:
        """What the case asks about."""
        return [decision.entry for decision in (await self.world.view(self.case)).open_decisions]

    async def balance(self) -> Balance:
        handle = self.world.milepost.temporal.get_workflow_handle(workflow_id(self.entitlement), result_type=Balance)
        found: Balance = await handle.query("balance", result_type=Balance)
        return found

    def notes(self, kind: str) -> list[tuple[str, str | None]]:
        return [(note.text, note.by) for note in self.world.store.cases.notes(self.case) if note.kind == kind]

    async def decided(self, kind: str) -> list[LedgerRow]:
        """The ledger's rows of decisions, once there is one."""

        async def there_is_one() -> None:
            assert self.rows(kind)

        await assert_eventually(there_is_one)
        return self.rows(kind)

    def rows(self, kind: str) -> list[LedgerRow]:
        return [row for row in self.world.store.ledgers.rows(self.entitlement) if row.kind == kind]


@pytest_asyncio.fixture(loop_scope="session")
async def bank(world: World) -> AsyncIterator[Bank]:
    found = Bank(world)
    await found.open()
    yield found
    await world.clock.client.get_workflow_handle(workflow_id(found.entitlement)).terminate()


OF_T1 = "0.5 hours of time entry t-1 beyond the cap of entitlement {}, at 85.00 EUR an hour"


async def test_the_case_asks_about_hours_beyond_the_cap(bank: Bank) -> None:
    """The work is on record; the answer, the case, its details and its record say what is to be decided, and when."""
    lines = await bank.work("t-1", 150)
    question = f"bill {OF_T1.format(bank.entitlement)}? Decide until 2025-06-10 13:00Z; after that it counts as no"
    assert lines == [
        f"entitlement {bank.entitlement}: prompt, 2 hours taken, 0.5 hours beyond the cap, 0 hours left",
        question,
    ]
    (decision,) = (await bank.world.view(bank.case)).open_decisions
    assert (decision.entry, decision.entitlement, decision.text) == ("t-1", bank.entitlement, question)
    assert later(days=1) <= decision.until < later(days=1, minutes=1), "one business day after it was asked"
    metadata = await bank.world.milepost.handle(bank.case).query(
        "__temporal_workflow_metadata", result_type=WorkflowMetadata
    )
    assert f"To decide: {question}" in metadata.current_details
    current = (await bank.balance()).current
    assert (current.used, current.overage, current.remaining) == (120, 30, 0)

    async def it_is_on_record() -> None:
        assert bank.notes("prompted") == [(question, None)]
        assert bank.world.store.cases.get(bank.case).view.open_decisions == [decision]

    await assert_eventually(it_is_on_record)


async def test_yes_writes_the_override(bank: Bank) -> None:
    """Who, the price and why are on both records; the case goes on by its process."""
    before = (await bank.world.view(bank.case)).milestones
    await bank.work("t-1", 150)
    answer = await bank.decide("t-1", approved=True, reason="they will pay")
    said = f"{OF_T1.format(bank.entitlement)}: approved, they will pay"
    assert (answer.outcome, answer.notes, answer.case.open_decisions) == ("taken", [said], [])
    assert [m.target_at for m in answer.case.milestones] == [m.target_at for m in before]
    (row,) = await bank.decided("override")
    assert (row.reference, row.amount, row.price, row.by, row.reason, row.case_id) == (
        "t-1",
        30,
        "85.00 EUR",
        "bo",
        "they will pay",
        bank.case,
    )

    async def the_case_has_it_too() -> None:
        assert bank.notes("decided") == [(said, "bo")]

    await assert_eventually(the_case_has_it_too)


async def test_no_leaves_it_uncovered(bank: Bank) -> None:
    """The overage stays on record, and nothing is billed."""
    await bank.work("t-1", 150)
    answer = await bank.decide("t-1", approved=False)
    assert answer.notes == [f"{OF_T1.format(bank.entitlement)}: declined"]
    (row,) = await bank.decided("declined")
    assert (row.reference, row.by) == ("t-1", "bo")
    assert bank.rows("override") == []
    assert (await bank.balance()).current.overage == 30


async def test_work_that_nothing_covers_is_on_record(world: World) -> None:
    """Work done is always recorded, without an entitlement of hours and outside every term: as uncovered."""
    bank = Bank(world)
    ended = {"id": bank.entitlement, "account": bank.account, "ends_on": "2020-12-31", **ENTITLEMENT}
    declared = {"accounts": [{"id": bank.account}], "entitlements": [ended]}
    world.store.catalog.apply(Catalog.model_validate(declared), by="test")
    bank.case = await world.open(bank.account)
    said = "30m uncovered: nothing that covers the case counts hours"
    assert await bank.work("T1", 30) == [said]

    async def it_is_on_record() -> None:
        assert bank.notes("time_logged") == [(f"30m of work (T1): {said}", "ann")]

    await assert_eventually(it_is_on_record)
    assert bank.rows("taken") == []


async def test_what_nobody_asked_is_not_decided(bank: Bank) -> None:
    """An entry within the cap, one that is unknown, and one that was decided on; the message says what is open."""
    await bank.work("t-0", 60)
    with pytest.raises(Refused, match=r"nothing to decide about time entry 't-0'$"):
        await bank.decide("t-0", approved=True)
    await bank.work("t-1", 90)
    await bank.work("t-2", 10)
    with pytest.raises(Refused, match=r"nothing to decide about time entry 't-9'; there is about .*: t-1, t-2"):
        await bank.decide("t-9", approved=True)
    with pytest.raises(Refused, match=r"nothing to decide about the case itself; there is about .*: t-1, t-2"):
        await bank.decide(None, approved=True)
    await bank.decide("t-1", approved=True)
    with pytest.raises(Refused, match=r"nothing to decide about time entry 't-1'; there is about .*: t-2"):
        await bank.decide("t-1", approved=False)
    assert await bank.asked() == ["t-2"]


async def test_an_entry_is_asked_about_once(bank: Bank) -> None:
    """Logged again it says what is open still; once it was decided on, nothing."""
    first = await bank.work("t-1", 150)
    assert await bank.work("t-1", 150) == first
    assert await bank.asked() == ["t-1"]
    await bank.decide("t-1", approved=False)
    assert len(await bank.work("t-1", 150)) == 1
    assert await bank.asked() == []


async def test_decisions_of_two_cases_are_kept_apart(bank: Bank) -> None:
    """An event's id is unique in its case; another case's decision under the same id counts as well."""
    await bank.work("t-1", 150)
    await bank.decide("t-1", approved=True, event_id="yes")
    bank.case = await bank.world.open(bank.account)
    await bank.work("t-2", 20)
    await bank.decide("t-2", approved=True, event_id="yes")

    async def both_are_billed() -> None:
        assert [(row.reference, row.amount) for row in bank.rows("override")] == [("t-1", 30), ("t-2", 20)]

    await assert_eventually(both_are_billed)


async def test_silence_on_hours_counts_as_no(bank: Bank) -> None:
    """After one business day of the entitlement's hours; what else the case does goes on meanwhile."""
    await bank.work("t-1", 150)
    await bank.world.go_to(bank.case, later(hours=23, minutes=59))
    assert await bank.asked() == ["t-1"]
    assert (await bank.world.milestone(bank.case, "First response")).violated
    await bank.world.go_to(bank.case, later(days=1))
    (row,) = await bank.decided("declined")
    assert (row.reference, row.by) == ("t-1", "time-out")
    assert await bank.asked() == []


async def test_a_question_outlives_the_close(bank: Bank) -> None:
    """A closed case ends once it is answered, and not before."""
    await bank.work("t-1", 150)
    await bank.world.ask(bank.case, "close", later(hours=1))
    assert await bank.asked() == ["t-1"]
    answer = await bank.decide("t-1", approved=True)
    assert answer.case.closed_at == later(hours=1)
    closed = await bank.world.milepost.handle(bank.case).result()
    assert closed.open_decisions == []
    assert [row.reference for row in await bank.decided("override")] == ["t-1"]


async def test_a_closed_case_ends_when_its_question_has_timed_out(bank: Bank) -> None:
    """Nobody answers: it does not live for ever."""
    await bank.work("t-1", 150)
    await bank.world.ask(bank.case, "close", later(hours=1))
    await bank.world.go_to(bank.case, later(days=1) - timedelta(seconds=1))
    await bank.world.milepost.handle(bank.case).result()
    assert [row.by for row in await bank.decided("declined")] == ["time-out"]


async def test_a_closed_case_that_asks_is_reopened(bank: Bank) -> None:
    """In the run that it has; the question stays open. One that is open is not reopened."""
    await bank.work("t-1", 150)
    await bank.world.ask(bank.case, "close", later(hours=1))
    answer = await bank.world.milepost.reopen(bank.case, occurred_at=later(hours=1), by="ann")
    assert answer.case.closed_at is None
    assert await bank.asked() == ["t-1"]
    with pytest.raises(Refused, match=f"case {bank.case} is open"):
        await bank.world.milepost.reopen(bank.case, occurred_at=later(hours=1), by="ann")
    assert (await bank.world.ask(bank.case, "close", later(hours=2))).outcome == "taken"


async def test_a_question_that_is_moot_is_asked_no_longer(bank: Bank) -> None:
    """The entry was reversed meanwhile: the decision is refused, and the question gone, on the record."""
    await bank.work("t-1", 150)
    undo = {"event_id": unique("undo"), "by": "ann", "reason": "wrong customer", "reference": "t-1"}
    await bank.world.milepost.temporal.get_workflow_handle(workflow_id(bank.entitlement)).execute_update(
        "reverse", undo
    )
    with pytest.raises(Refused, match="no time entry 't-1' has overage"):
        await bank.decide("t-1", approved=True)
    assert await bank.asked() == []

    async def it_is_on_record() -> None:
        assert ["is asked about no longer" in text for text, _ in bank.notes("refused")] == [True]

    await assert_eventually(it_is_on_record)


async def test_an_open_question_goes_on_in_another_run(idle_world: World, at_work: Working) -> None:
    """What a case carries over has it, through JSON; what was carried before there were questions has none."""
    async with at_work():
        bank = Bank(idle_world)
        await bank.open()
        await bank.work("t-1", 150)

        async def it_is_carried() -> None:
            assert [q.entry for q in idle_world.store.cases.get(bank.case).carried.questions] == ["t-1"]

        await assert_eventually(it_is_carried)
        carried = idle_world.store.cases.get(bank.case).carried
        as_json = carried.model_dump(mode="json")
        assert CaseState.model_validate(as_json) == carried
        assert CaseState.model_validate({k: v for k, v in as_json.items() if k != "questions"}).questions == []
        handle = idle_world.milepost.handle(bank.case)
        await handle.terminate()
        await idle_world.milepost.reopen(bank.case, occurred_at=later(seconds=5))
        assert await bank.asked() == ["t-1"]
        await bank.decide("t-1", approved=True)
        assert [row.reference for row in await bank.decided("override")] == ["t-1"]
        await idle_world.clock.client.get_workflow_handle(workflow_id(bank.entitlement)).terminate()
