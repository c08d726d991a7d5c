"""The catalogs of the field at work: real cases, in virtual time, and what is in the store afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.service import RPCError

from activities.reports.making import ReportWish, make_report
from clients.cases import MilepostClient
from clients.entitlements import Entitlements
from clients.gate import UsageGate
from domain.catalog.count_terms import entitlement_terms
from domain.coverage.matching import CoverageQuestion
from domain.errors import Refused
from domain.messages.cases import Answer, CaseIntake
from domain.reports.result import ReportKind
from domain.timeline.effects import NoteKind
from domain.timeline.views import CaseView
from domain.usage.requests import (
    Balance,
    Consumed,
    Consumption,
    ConsumptionReversed,
    EntitlementTerms,
    UsageAdjusted,
    UsageChange,
    UsageChanged,
    workflow_id,
)
from domain.usage.rows import LedgerRow, RowKind
from starters.files.catalogs import apply_files
from starters.operations.verifying import Verified, Verifying
from store import Store
from tests.starters.command_line import ROOT
from tests.support import PATIENT, assert_eventually, unique
from worker.clock import VirtualClock
from worker.process import working

CATALOGS = ROOT / "catalogs"
MANAGER = "acme-manager@example.com"


class Desk:
    """A catalog at work, whose cases and counts have clocks that stand at an instant of the catalog's own year."""

    def __init__(self, clock: VirtualClock, store: Store, task_queue: str, at: str) -> None:
        self.clock, self.store = clock, store
        self.at = when(at)
        self.milepost = MilepostClient(clock.client, task_queue=task_queue, patience=PATIENT)
        self.gate = UsageGate(clock.client, task_queue)
        self._entitlements = Entitlements(clock.client, task_queue, patience=30)

    # --- cases ---

    async def open(self, **intake: Any) -> str:
        """Open a case; returns its id."""
        case = unique("case")
        await self.milepost.open(CaseIntake.model_validate({"case_id": case, "clock": self.at, **intake}))
        return case

    async def ask(self, case: str, update: str, at: str, **event: Any) -> Answer:
        """Go to a second before an instant, and send a request of that instant."""
        await self._go_to(case, when(at) - timedelta(seconds=1))
        return await self.milepost.request(case, update, occurred_at=when(at).isoformat(), **event)

    async def pass_(self, case: str, at: str) -> None:
        """Let the time of a case go past an instant."""
        await self._go_to(case, when(at) + timedelta(seconds=1))

    async def _go_to(self, case: str, instant: datetime) -> None:
        handle = self.milepost.handle(case)
        await self.clock.go_to(handle, (await handle.describe()).start_time + (instant - self.at))

    async def view(self, case: str) -> CaseView:
        return await self.milepost.view(case)

    async def work(self, case: str, entry: str, minutes: int) -> list[str]:
        """Log time."""
        at = self.at.isoformat()
        return await self.milepost.log_time(case, id=entry, minutes=minutes, by="ann", occurred_at=at)

    # --- entitlements ---

    async def dispatch(self, entitlement: str, visit: str) -> Consumed:
        """Send somebody out."""
        taking = Consumption(reference=visit, event_id=f"dispatch-{visit}", occurred_at=self.at, by="dispatch")
        return await self.gate.consume(self._terms(entitlement), taking)

    async def adjust(self, entitlement: str, amount: int) -> None:
        """Count what was used before."""
        await self.change(
            entitlement,
            UsageAdjusted(event_id=unique("adjust"), by="ann", reason="from the books of before", amount=amount),
        )

    async def change(self, entitlement: str, asked: UsageChange) -> UsageChanged:
        return await self.gate.change(self._terms(entitlement), asked)

    async def balance(self, entitlement: str) -> Balance:
        return await self.gate.balance(self._terms(entitlement), self.at)

    async def verify(self, **question: Any) -> Verified:
        """What somebody is told before the work begins."""
        return await Verifying(self.store, self._entitlements).verify(CoverageQuestion(at=self.at, **question))

    def rows(self, entitlement: str, kind: RowKind) -> list[LedgerRow]:
        return [row for row in self.store.ledgers.rows(entitlement) if row.kind is kind]

    def said(self, case: str, kind: NoteKind) -> list[str]:
        """What is noted on a case."""
        return [note.text for note in self.store.cases.notes(case) if note.kind is kind]

    def _terms(self, entitlement: str) -> EntitlementTerms:
        declared = self.store.catalog.entitlement(entitlement)
        account, organisation = self.store.catalog.account(declared.account), self.store.catalog.organisation()
        return entitlement_terms(declared, account, organisation, now=self.at, clock=self.at)

    async def end(self) -> None:
        """End the counts: those of the next test have the same ids."""
        for entitlement in self.store.catalog.everything().entitlements:
            with suppress(RPCError):
                await self.clock.client.get_workflow_handle(workflow_id(entitlement.id)).terminate()


AtWork = Callable[[str, str], AbstractAsyncContextManager[Desk]]


@pytest.fixture
def at_work(clock: VirtualClock, task_queue: str, tmp_path: Path) -> AtWork:
    """Puts a catalog to work at an instant."""

    @asynccontextmanager
    async def work(name: str, at: str) -> AsyncIterator[Desk]:
        with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
            apply_files(store, [CATALOGS / f"{name}.yaml"], by="test")
            async with working(clock.client, store, task_queue=task_queue):
                desk = Desk(clock, store, task_queue, at)
                await desk.end()
                yield desk
                await desk.end()

    return work


def when(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


# --- Bronze, Silver, Gold ---


async def test_a_tier_that_is_used_up_leaves_a_case_without_its_process(at_work: AtWork) -> None:
    """Bronze has ten a quarter: the tenth case has its process, the eleventh runs without one; spring begins anew."""
    async with at_work("tiers", "2026-03-30T15:00Z") as desk:
        await desk.adjust("initech-bronze", 9)
        tenth, eleventh = [await desk.open(account="initech") for _ in range(2)]
        assert [(await desk.view(case)).process for case in (tenth, eleventh)] == ["Standard", None]
        assert [desk.store.cases.get(case).entitlement for case in (tenth, eleventh)] == ["initech-bronze", None]
        desk.at = when("2026-04-01T04:00Z")
        spring = await desk.open(account="initech")
        assert desk.store.cases.get(spring).entitlement == "initech-bronze"
        gold = await desk.open(account="acme")
        assert (await desk.view(gold)).milestones[0].target_at == desk.at + timedelta(hours=1)

        async def the_eleventh_was_told() -> None:
            assert desk.said(eleventh, NoteKind.OVERFLOWED) == [
                "entitlement initech-bronze has nothing left: 10 of 10 cases used"
            ]

        await assert_eventually(the_eleventh_was_told)


# --- 8 of 10 ---


async def test_the_eighth_of_ten_mails_the_account_manager_once(at_work: AtWork) -> None:
    """One mail by the eighth case, none by the ninth; a task by the tenth; a mail of every case after that."""
    async with at_work("thresholds", "2026-01-05T17:00Z") as desk:
        await desk.adjust("acme-bronze", 7)
        for _ in range(2):
            await desk.open(account="acme")

        async def one_mail() -> None:
            (mail,) = desk.store.actions.mails()
            assert (mail.to, mail.subject) == ([MANAGER], "Acme has used 8 of 10 cases")
            assert mail.body == "2 are left of the quarter from 2026-01-01. Time to talk about Silver."

        await assert_eventually(one_mail)
        await desk.open(account="acme")

        async def one_task() -> None:
            assert [task.subject for task in desk.store.tasks.find()] == ["Call Acme: the quarter's cases are used up"]

        await assert_eventually(one_task)
        await one_mail()
        eleventh = await desk.open(account="acme")

        async def the_manager_hears_of_the_eleventh() -> None:
            marked, over = desk.store.actions.mails()
            assert (marked.subject, over.to) == ("Acme has used 8 of 10 cases", [MANAGER])
            assert eleventh in over.body

        await assert_eventually(the_manager_hears_of_the_eleventh)

        async def reports_count_what_was_ordered() -> None:
            made = make_report(desk.store, ReportWish(ReportKind.ACTIONS, by=("trigger", "action"), account="acme"))
            assert {row[:2]: row[3] for row in made.rows if "threshold" in str(row[0]) or row[0] == "overflow"} == {
                ("threshold-8", "email"): 1,
                ("threshold-100-percent", "task"): 1,
                ("overflow", "email"): 1,
            }

        await assert_eventually(reports_count_what_was_ordered)


# --- site visits ---


def live(verified: Verified) -> float | None:
    """What is left of what covers it, as the count itself says."""
    assert verified.chosen
    assert verified.chosen.allowance
    assert verified.chosen.allowance.live
    return verified.chosen.allowance.remaining


async def test_the_dispatcher_checks_before_the_fifth_visit(at_work: AtWork) -> None:
    """What is left is seen live before each; the fifth is blocked before anybody drives; a case takes no visit."""
    async with at_work("site-visits", "2026-06-03T08:00Z") as desk:
        left: list[float | None] = []
        for number in range(1, 5):
            verified = await desk.verify(asset="acme-boiler-1", channel="visit")
            left.append(live(verified))
            assert (await desk.dispatch("acme-visits", f"visit-{number}")).outcome == "granted"
            assert (await desk.dispatch("acme-visits", f"visit-{number}")).outcome == "already"
        assert left == [4, 3, 2, 1]
        verified = await desk.verify(asset="acme-boiler-1", channel="visit")
        assert live(verified) == 0
        assert (await desk.dispatch("acme-visits", "visit-5")).outcome == "blocked"
        case = await desk.open(asset="acme-boiler-1", channel="visit")
        assert desk.store.cases.get(case).entitlement == "acme-visits"
        assert (await desk.balance("acme-visits")).current.used == 4

        async def the_store_has_it() -> None:
            assert [row.reference for row in desk.rows("acme-visits", RowKind.TAKEN)] == [
                f"visit-{n}" for n in range(1, 5)
            ]
            assert [row.reference for row in desk.rows("acme-visits", RowKind.OVERFLOW)] == ["visit-5"]
            assert [task.assign_to for task in desk.store.tasks.find()] == ["dispatch"]
            assert ["visit-5" in mail.body for mail in desk.store.actions.mails()] == [True]

        await assert_eventually(the_store_has_it)


# --- a bank of hours ---


async def test_time_entries_empty_a_bank_and_the_rest_is_decided_on(at_work: AtWork) -> None:
    """E18. 80% mails; the part over the cap is overage; yes writes the override for billing; a reversal undoes one."""
    async with at_work("hours-bank", "2026-02-02T15:00Z") as desk:
        case = await desk.open(account="acme")
        assert await desk.work(case, "entry-1", 90) == [
            "entitlement acme-bank: granted, 1.5 hours taken, 18.5 hours left"
        ]
        await desk.work(case, "entry-1", 90)
        await desk.adjust("acme-bank", 15 * 60)
        taken, asked = await desk.work(case, "entry-2", 5 * 60)
        assert taken == "entitlement acme-bank: prompt, 3.5 hours taken, 1.5 hours beyond the cap, 0 hours left"
        assert asked.startswith(
            "bill 1.5 hours of time entry entry-2 beyond the cap of entitlement acme-bank, at 85.00 EUR"
        )
        assert "Decide until 2026-02-03 15:00Z" in asked
        current = (await desk.balance("acme-bank")).current
        assert (current.used, current.overage, current.remaining) == (20 * 60, 90, 0)
        yes = {"entry": "entry-2", "approved": True, "by": "maria", "reason": "they will pay"}
        decided = await desk.ask(case, "decide_overage", "2026-02-02T16:00Z", **yes)
        assert decided.case.open_decisions == []
        undone = ConsumptionReversed(event_id="r", by="ann", reason="wrong customer", reference="entry-1")
        assert (await desk.change("acme-bank", undone)).balance.remaining == 90

        async def the_store_has_it() -> None:
            assert [(row.reference, row.used, row.overage) for row in desk.rows("acme-bank", RowKind.TAKEN)] == [
                ("entry-1", 90, 0),
                ("entry-2", 210, 0),
            ]
            assert [(row.reference, row.overage) for row in desk.rows("acme-bank", RowKind.OVERAGE)] == [
                ("entry-2", 90)
            ]
            assert [
                (row.reference, row.amount, row.price, row.by) for row in desk.rows("acme-bank", RowKind.OVERRIDE)
            ] == [("entry-2", 90, "85.00 EUR", "maria")]
            assert [(row.reference, row.used) for row in desk.rows("acme-bank", RowKind.REVERSED)] == [("entry-1", -90)]
            marked, over = desk.store.actions.mails()
            assert (marked.to, marked.subject) == ([MANAGER], "3.5 hours are left of Acme's bank")
            assert "entry-2" in over.body
            assert len(desk.said(case, NoteKind.TIME_LOGGED)) == 2

        await assert_eventually(the_store_has_it)


async def test_rounded_time_over_one_bank_goes_to_the_next(at_work: AtWork) -> None:
    """Every started quarter of an hour counts, once, before the split; the rest is not rounded again."""
    async with at_work("hours-bank", "2026-02-02T15:00Z") as desk:
        case = await desk.open(account="globex")
        await desk.adjust("globex-bank", 4 * 60 + 15)
        assert await desk.work(case, "entry-1", 16) == [
            "entitlement globex-bank: granted, 0.5 hours taken, 0.25 hours left"
        ]
        assert await desk.work(case, "entry-2", 46) == [
            "entitlement globex-bank: overflow, 0.25 hours taken, 0 hours left",
            "entitlement globex-reserve: granted, 0.75 hours taken, 9.25 hours left",
        ]
        await desk.work(case, "entry-2", 46)
        assert [(await desk.balance(bank)).current.used for bank in ("globex-bank", "globex-reserve")] == [300, 45]
        undone = ConsumptionReversed(event_id="r", by="ann", reason="wrong customer", reference="entry-2")
        await desk.change("globex-reserve", undone)
        await desk.change("globex-bank", undone)
        assert [(await desk.balance(bank)).current.used for bank in ("globex-bank", "globex-reserve")] == [285, 0]
        with pytest.raises(Refused, match="was reversed before"):
            await desk.change("globex-bank", undone.model_copy(update={"event_id": "r-2"}))


# --- 50 incidents a year ---

MONDAY = "2026-05-04T15:00Z"
"""11:00 in New York, where the office is open from 9 to 17."""


async def test_the_51st_incident_falls_back(at_work: AtWork) -> None:
    """To best effort, three business days instead of four hours; the 50th has the promise, and the manager is told."""
    async with at_work("incidents-a-year", MONDAY) as desk:
        await desk.adjust("fallback-incidents", 49)
        cases = [await desk.open(account="fallback-inc", fields={"status": "New"}) for _ in range(2)]
        views = [await desk.view(case) for case in cases]
        assert [(view.process, view.milestones[0].target_at) for view in views] == [
            ("Incident", when("2026-05-04T19:00Z")),
            ("Best effort", when("2026-05-07T15:00Z")),
        ]
        assert [desk.store.cases.get(case).entitlement for case in cases] == [
            "fallback-incidents",
            "fallback-best-effort",
        ]
        current = (await desk.balance("fallback-incidents")).current
        assert (current.used, current.overflows) == (50, 1)

        async def the_manager_was_told() -> None:
            assert [mail.to for mail in desk.store.actions.mails()] == [["manager@example.com"]]

        await assert_eventually(the_manager_was_told)


async def test_the_51st_incident_is_blocked(at_work: AtWork) -> None:
    """The case is refused, and the manager is told; more room lifts it for the next."""
    async with at_work("incidents-a-year", MONDAY) as desk:
        await desk.adjust("block-incidents", 50)
        with pytest.raises(Refused, match="'block-incidents' takes no more cases in this period: 50 of 50 cases used"):
            await desk.open(account="block-inc")
        await desk.adjust("block-incidents", -1)
        assert desk.store.cases.get(await desk.open(account="block-inc")).entitlement == "block-incidents"

        async def the_manager_was_told() -> None:
            assert [mail.to for mail in desk.store.actions.mails()] == [["manager@example.com"]]

        await assert_eventually(the_manager_was_told)


async def prompted(desk: Desk) -> str:
    """The 51st incident of an entitlement that asks."""
    case = await desk.open(account="prompt-inc", fields={"status": "New"})
    view = await desk.view(case)
    assert (view.process, view.milestones) == (None, []), "it runs, without the entitlement"
    return case


async def test_somebody_decides_about_the_51st_incident(at_work: AtWork) -> None:
    """Yes enters the process at the decision, and bills one at the price; no leaves it without; by whom, on record."""
    async with at_work("incidents-a-year", MONDAY) as desk:
        await desk.adjust("prompt-incidents", 50)
        yes, no = await prompted(desk), await prompted(desk)
        decided = await desk.ask(
            yes, "decide_overage", "2026-05-04T17:00Z", approved=True, by="maria", reason="they will pay"
        )
        (answer,) = decided.case.milestones
        assert (answer.start_at, answer.target_at) == (when("2026-05-04T17:00Z"), when("2026-05-04T21:00Z"))
        refused = await desk.ask(no, "decide_overage", "2026-05-04T18:00Z", approved=False, by="maria")
        assert refused.case.process is None
        current = (await desk.balance("prompt-incidents")).current
        assert (current.used, current.overage, current.remaining) == (50, 1, 0)

        async def it_is_on_record() -> None:
            assert [
                (row.reference, row.amount, row.price, row.by, row.reason)
                for row in desk.rows("prompt-incidents", RowKind.OVERRIDE)
            ] == [(yes, 1, "120.00 USD", "maria", "they will pay")]
            assert [row.reference for row in desk.rows("prompt-incidents", RowKind.DECLINED)] == [no]
            assert [desk.store.cases.get(case).entitlement for case in (yes, no)] == ["prompt-incidents", None]
            (asked,) = desk.said(yes, NoteKind.PROMPTED)
            assert "one more at 120.00 USD? Decide until 2026-05-05 15:00Z" in asked
            assert [len(desk.said(case, NoteKind.DECIDED)) for case in (yes, no)] == [1, 1]

        await assert_eventually(it_is_on_record)


async def test_silence_for_a_business_day_is_a_no(at_work: AtWork) -> None:
    """Asked on a Friday afternoon, the decision has until the same time of Monday."""
    async with at_work("incidents-a-year", "2026-05-08T20:00Z") as desk:
        await desk.adjust("prompt-incidents", 50)
        case = await prompted(desk)
        await desk.pass_(case, "2026-05-11T19:59Z")
        assert desk.said(case, NoteKind.DECIDED) == []
        await desk.pass_(case, "2026-05-11T20:00Z")

        async def it_was_declined() -> None:
            (row,) = desk.rows("prompt-incidents", RowKind.DECLINED)
            assert (row.reference, row.by) == (case, "time-out")
            (note,) = [note for note in desk.store.cases.notes(case) if note.kind is NoteKind.DECIDED]
            assert note.by == "time-out"

        await assert_eventually(it_was_declined)
        with pytest.raises(Refused, match="nothing to decide"):
            await desk.ask(case, "decide_overage", "2026-05-11T21:00Z", approved=True, by="maria")


# --- claims with legal deadlines ---


async def test_a_claim_keeps_the_deadlines_of_the_law(at_work: AtWork) -> None:
    """A stopped clock moves none: the reminder comes two days of the office before, the violation on the Sunday."""
    async with at_work("claims", "2026-03-02T14:00Z") as desk:
        case = await desk.open(
            account="policyholders", fields={"status": "Received", "acknowledge_by": "2026-03-15T22:00:00Z"}
        )
        await desk.ask(case, "stop_clock", "2026-03-02T15:00Z", reason="storm")
        await desk.pass_(case, "2026-03-15T22:00Z")

        async def both_are_in_the_store() -> None:
            assert [(task.subject, task.at) for task in desk.store.tasks.find(case)] == [
                (f"Acknowledge {case} by 2026-03-15T22:00:00+00:00", when("2026-03-11T20:00Z"))
            ]
            assert [(mail.to, mail.due_at) for mail in desk.store.actions.mails(case)] == [
                (["compliance@example.com"], when("2026-03-15T22:00Z"))
            ]

        await assert_eventually(both_are_in_the_store)
        promised, acknowledged = (await desk.view(case)).milestones
        assert (promised.milestone, promised.state, promised.violated) == ("First contact", "paused", False)
        assert (acknowledged.milestone, acknowledged.violated) == ("Acknowledge receipt", True)


async def test_a_deadline_follows_its_field_until_the_claim_is_paid(at_work: AtWork) -> None:
    """It begins when the field is set, and moves when more time is granted; paid, the claim leaves its process."""
    async with at_work("claims", "2026-03-02T14:00Z") as desk:
        case = await desk.open(account="policyholders", fields={"status": "Received"})
        changes: list[tuple[str, dict[str, str]]] = [
            ("2026-03-03T15:00Z", {"status": "Acknowledged", "decide_by": "2026-04-03T21:00:00Z"}),
            ("2026-03-20T14:00Z", {"decide_by": "2026-04-20T21:00:00Z"}),
            ("2026-04-17T14:00Z", {"status": "Decided", "pay_by": "2026-04-24T21:00:00Z"}),
            ("2026-04-22T14:00Z", {"status": "Paid"}),
        ]
        for at, fields in changes:
            await desk.ask(case, "change_fields", at, fields=fields)

        async def the_store_has_the_end() -> None:
            assert {m.milestone: (m.state, m.violated, m.target_at) for m in desk.store.cases.milestones(case)} == {
                "First contact": ("completed", False, when("2026-03-03T22:30Z")),
                "Decide": ("completed", False, when("2026-04-20T21:00Z")),
                "Pay": ("completed", False, when("2026-04-24T21:00Z")),
            }
            # Five days of the office before the day that was granted at last; none before the first one.
            assert [(mail.to, mail.due_at) for mail in desk.store.actions.mails(case)] == [
                (["claims-lead@example.com"], when("2026-04-13T19:30Z"))
            ]

        await assert_eventually(the_store_has_the_end)
