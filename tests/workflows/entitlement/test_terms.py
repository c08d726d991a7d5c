"""The ends of periods and terms, and changes by hand, on a real server with a real store."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import WorkflowHandle

from clients.gate import UsageGate
from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Catalog, Entitlement
from domain.errors import Refused
from domain.usage.audit import takes_over
from domain.usage.renewals import renewal_id
from domain.usage.requests import (
    Balance,
    Consumption,
    ConsumptionReversed,
    EntitlementAmended,
    EntitlementCancelled,
    EntitlementRenewed,
    EntitlementTerms,
    OverageDecision,
    TimeEntry,
    UsageAdjusted,
    workflow_id,
)
from domain.wording import instant
from starters.operations.auditing import Auditor
from store import Store
from tests.support import assert_eventually, unique
from worker.clock import VirtualClock
from worker.process import CACHED_WORKFLOWS, working
from worker.relay import Counting, telling

BEGINS = datetime(2025, 1, 15, 5, tzinfo=UTC)
"""The first instant of the term, in New York."""

MAIL = {"do": "email", "to": "am@example.com", "subject": "{{ entitlement.id }} ends on {{ term.ends_on }}"}
GOLD: dict[str, Any] = {
    "account": "acme",
    "starts_on": "2025-01-15",
    "ends_on": "2026-01-14",
    "allowance": {"unit": "visits", "cap": 10, "period": "quarter", "carry_over": "renewal", "carry_over_cap": 4},
    "term_end": {
        "policy": "renew",
        "notices": [{"days_before": 30, "actions": [MAIL]}, {"days_before": 7, "actions": [MAIL]}],
    },
}


def catalog(gold: str, bank: str) -> Catalog:
    hours = {"unit": "hours", "cap": 20, "overflow": "prompt"}
    return Catalog.model_validate(
        {
            "organisation": {"time_zone": "America/New_York"},
            "accounts": [
                {"id": "acme", "manager_mail": "manager@example.com", "renewals_mail": "renewals@example.com"}
            ],
            "entitlements": [{"id": gold, **GOLD}, {"id": bank, "account": "acme", "allowance": hours}],
        }
    )


class Office:
    """Entitlements at work, each with a clock of its own that begins with the first term."""

    def __init__(self, clock: VirtualClock, store: Store, task_queue: str) -> None:
        self.clock = clock
        self.store = store
        self.gate = UsageGate(clock.client, task_queue)
        self.auditor = Auditor(clock.client, store, task_queue)
        self.began: dict[str, tuple[datetime, datetime]] = {}
        self.gold, self.bank = unique("gold"), unique("bank")
        store.catalog.apply(catalog(self.gold, self.bank), by="test", tell=None)

    def terms(self, entitlement: str, clock: datetime | None = BEGINS) -> EntitlementTerms:
        declared = self.store.catalog.entitlement(entitlement)
        account, organisation = self.store.catalog.account(declared.account), self.store.catalog.organisation()
        return entitlement_terms(declared, account, organisation, now=clock or BEGINS, clock=clock)

    def handle(self, entitlement: str) -> WorkflowHandle[Any, Any]:
        return self.clock.client.get_workflow_handle(workflow_id(entitlement))

    async def take(self, entitlement: str, reference: str, at: datetime) -> str:
        asked = Consumption(reference=reference, event_id=f"take-{reference}", occurred_at=at, by="dispatcher")
        return (await self.gate.consume(self.terms(entitlement), asked)).outcome

    async def go_to(self, entitlement: str, instant: datetime) -> None:
        """Move one entitlement's clock past an instant. The clock of a renewal begins when it is made."""
        handle = self.handle(entitlement)
        if entitlement not in self.began:
            self.began[entitlement] = (await self.clock.now(handle), await self.now(entitlement))
        real, own = self.began[entitlement]
        await self.clock.go_to(handle, real + (instant - own) + timedelta(seconds=2))

    async def now(self, entitlement: str) -> datetime:
        balance: Balance = await self.handle(entitlement).query("balance", result_type=Balance)
        return balance.at

    async def balance(self, entitlement: str, at: datetime) -> tuple[int, int, int | None]:
        current = (await self.auditor.balance(entitlement, at)).current
        return current.used, current.carried, current.remaining

    async def agrees(self) -> None:
        """Every ledger adds up to its balance."""
        async for one in self.auditor.audit():
            assert one.discrepancies == [], one.entitlement


@pytest_asyncio.fixture(loop_scope="session")
async def office(clock: VirtualClock, task_queue: str, tmp_path: Path) -> AsyncIterator[Office]:
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        async with working(clock.client, store, task_queue=task_queue, cached_workflows=CACHED_WORKFLOWS):
            yield Office(clock, store, task_queue)


def midnight(year: int, month: int) -> datetime:
    """The first instant of the 15th in New York: from March to November an hour earlier in UTC."""
    return datetime(year, month, 15, 5 if month == 1 else 4, tzinfo=UTC)


async def test_it_is_active_from_the_first_instant_of_its_term(office: Office) -> None:
    """For whoever looks, in the Temporal UI or by a query: nobody has to ask anything of it first."""
    gold, begins = office.gold, BEGINS
    await office.gate.begin(office.terms(gold, clock=begins - timedelta(hours=6)))
    handle = office.handle(gold)

    async def status() -> str:
        found: Balance = await handle.query("balance", result_type=Balance)
        return found.status

    async def inactive() -> None:
        assert (await office.auditor.balance(gold)).status == "inactive"

    await assert_eventually(inactive)
    await office.go_to(gold, begins)
    assert await status() == "active"
    summaries = [event.user_metadata.summary.data for event in (await handle.fetch_history()).events]
    assert [json.loads(summary) for summary in summaries if b"begins" in summary] == ["the term begins"]


async def test_a_contract_of_three_years_with_two_renewals(office: Office) -> None:
    """Quarters begin at New York's midnights on either side of daylight saving; each year is a record of its own."""
    gold = office.gold
    names = [gold, f"{gold}~2", f"{gold}~3"]
    for year, name in zip((2025, 2026, 2027), names, strict=True):
        carried = 0 if name == gold else 4
        if name == gold:
            await office.gate.begin(office.terms(name))
        else:
            # The year before has ended in its own workflow: what was left of it has come over.
            async def has_come(name: str = name, year: int = year) -> None:
                assert await office.balance(name, midnight(year, 1)) == (0, 4, 14)

            await assert_eventually(has_come)
        for quarter, month in enumerate((1, 4, 7, 10)):
            begins = midnight(year, month)
            if month > 1:
                await office.go_to(name, begins)
                just_before = await office.balance(name, begins - timedelta(microseconds=1))
                had = 10 + (carried if quarter == 1 else 0)
                assert just_before == (3, carried if quarter == 1 else 0, had - 3)
            assert await office.balance(name, begins) == (
                0,
                carried if month == 1 else 0,
                10 + (carried if month == 1 else 0),
            )
            for number in range(3):
                assert await office.take(name, f"{name}-{month}-{number}", begins + timedelta(days=number)) == "granted"
        ends = midnight(year + 1, 1)
        await office.go_to(name, ends - timedelta(minutes=10))
        renewal = office.store.catalog.entitlement(renewal_id(name))
        assert (renewal.starts_on, renewal.ends_on) == (date(year + 1, 1, 15), date(year + 2, 1, 14))
        assert (renewal.renews, renewal.allowance) == (name, office.store.catalog.entitlement(gold).allowance)
        await office.go_to(name, ends)

    async def told() -> None:
        mails = {mail.key: (mail.to, mail.subject) for mail in office.store.actions.mails()}
        for year, name in zip((2026, 2027, 2028), names, strict=True):
            for days in (30, 7):
                assert mails[f"{name}/{year}-01-14/notice/{days}-days/1/email-1"] == (
                    ["am@example.com"],
                    f"{name} ends on {year}-01-14",
                )
            assert mails[f"{name}/3/term-end/unused/1/renewals"][0] == ["renewals@example.com"]
        for name in names:
            periods = office.store.ledgers.periods(name)
            first = 4 if name != gold else 0
            assert [(period.used, period.unused, period.carried) for period in periods] == [
                (3, 7 + first, first),
                (3, 7, 0),
                (3, 7, 0),
                (3, 7, 0),
            ]
            assert [(period.ends_term, period.carried_over) for period in periods][-1] == (True, 4)
            assert not any(period.ends_term for period in periods[:-1])

    await assert_eventually(told)
    await office.agrees()
    assert office.store.ledgers.entitlements() == [*names, f"{gold}~4"]


async def test_a_renewal_leaves_a_record_of_another_alone(office: Office) -> None:
    """It has the next id that is free, and what was left goes there; the other record is untouched."""
    gold = office.gold
    theirs = {"id": f"{gold}~2", "account": "other", "allowance": {"unit": "hours", "cap": 7}}
    declared = Catalog.model_validate({"accounts": [{"id": "other"}], "entitlements": [theirs]})
    office.store.catalog.apply(declared, by="test", tell=None)
    await office.gate.begin(office.terms(gold))
    who: dict[str, Any] = {"by": "ana", "reason": "agreed by phone"}
    await office.gate.change(office.terms(gold), EntitlementRenewed(event_id="r", **who))

    async def is_made() -> None:
        assert (await office.auditor.balance(gold)).renewal == f"{gold}~3"
        made = office.store.catalog.entitlement(f"{gold}~3")
        assert (made.renews, made.account) == (gold, "acme")

    await assert_eventually(is_made)
    await office.go_to(gold, midnight(2026, 1))

    async def went_over() -> None:
        assert await office.balance(f"{gold}~3", midnight(2026, 1)) == (0, 4, 14)

    await assert_eventually(went_over)
    foreign = office.store.catalog.entitlement(f"{gold}~2")
    assert (foreign.account, foreign.renews, foreign.allowance and foreign.allowance.cap) == ("other", None, 7)
    await office.agrees()


async def test_late_work_is_taken_back_from_a_renewal(office: Office) -> None:
    """As far as the renewal has not used it; the rest is overage of the old record, with a row of its own."""
    gold, renewed_at = office.gold, midnight(2026, 1)
    renewal, late_at = f"{gold}~2", midnight(2025, 10)
    await office.gate.begin(office.terms(gold))
    assert (await office.auditor.balance(gold)).status == "active"
    await office.go_to(gold, renewed_at)

    async def went_over() -> None:
        assert await office.balance(renewal, renewed_at) == (0, 4, 14)

    await assert_eventually(went_over)
    for number in range(8):
        assert await office.take(gold, f"late-{number}", late_at) == "granted"

    async def is_asked_back() -> None:
        assert await office.balance(renewal, renewed_at) == (0, 2, 12)

    await assert_eventually(is_asked_back)
    for number in range(11):
        assert await office.take(renewal, f"new-{number}", renewed_at) == "granted"
    for number in range(8, 10):
        assert await office.take(gold, f"late-{number}", late_at) == "granted"

    async def the_rest_is_overage() -> None:
        assert await office.balance(renewal, renewed_at) == (11, 1, 0)
        current = (await office.auditor.balance(gold, late_at)).current
        assert (current.used, current.overage, current.carried_over) == (9, 1, 1)

    await assert_eventually(the_rest_is_overage)
    await office.agrees()


async def test_changes_by_hand_count_at_once_and_go_into_the_catalog(office: Office) -> None:
    """Each once by its event id; what makes no sense is refused, and leaves nothing behind."""
    terms = office.terms(office.gold)
    who: dict[str, Any] = {"by": "ana", "reason": "agreed by phone"}
    assert await office.take(office.gold, "V1", BEGINS) == "granted"
    for _ in range(2):
        adjusted = await office.gate.change(terms, UsageAdjusted(event_id="a", amount=9, **who))
    assert (adjusted.outcome, adjusted.balance.used) == ("already", 10)
    assert await office.take(office.gold, "V2", BEGINS) == "overflow"
    asked = EntitlementAmended(event_id="b", cap=12, ends_on=date(2026, 6, 30), **who)
    amended = await office.gate.change(terms, asked)
    assert (amended.text, amended.balance.remaining) == ("it ends on 2026-06-30; the cap is 12 visits", 2)
    again = Consumption(reference="V2", event_id="once more", occurred_at=BEGINS)
    assert (await office.gate.consume(terms, again)).outcome == "granted"
    before = await office.auditor.balance(office.gold, BEGINS)
    for wrong, says in (
        (EntitlementAmended(event_id="c", unit="hours", **who), "cannot change from visits to hours"),
        (EntitlementAmended(event_id="c", ends_on=date(2024, 1, 1), **who), "lies before the first"),
        (EntitlementAmended(event_id="c", ends_on=date(2025, 1, 14), cap=3, **who), "lies before the first"),
        (UsageAdjusted(event_id="c", amount=-99, **who), "can be given back"),
        (ConsumptionReversed(event_id="c", reference="V9", **who), "took nothing"),
    ):
        with pytest.raises(Refused, match=says):
            await office.gate.change(terms, wrong)
    assert await office.auditor.balance(office.gold, BEGINS) == before
    renewed = await office.gate.change(terms, EntitlementRenewed(event_id="d", **who))
    assert renewed.renewal == f"{office.gold}~2"
    await office.gate.change(terms, ConsumptionReversed(event_id="e", reference="V1", **who))
    with pytest.raises(Refused, match="was reversed before"):
        await office.gate.change(terms, ConsumptionReversed(event_id="f", reference="V1", **who))
    await office.gate.change(terms, EntitlementCancelled(event_id="g", **who))
    assert await office.take(office.gold, "V3", BEGINS + timedelta(days=1)) == "refused"

    async def declared() -> None:
        gold = office.store.catalog.entitlement(office.gold)
        assert gold.allowance is not None
        assert (gold.allowance.cap, gold.ends_on, gold.cancelled_at is None) == (12, date(2026, 6, 30), False)
        assert office.store.catalog.entitlement(f"{office.gold}~2").starts_on == date(2026, 7, 1)

    await assert_eventually(declared)
    await office.agrees()
    kinds = [row.kind for row in office.store.ledgers.rows(office.gold)]
    assert kinds == ["taken", "adjusted", "overflow", "amended", "taken", "renewed", "reversed", "cancelled"]
    assert {row.by for row in office.store.ledgers.rows(office.gold)} == {"dispatcher", "ana", None}


async def test_a_count_that_was_terminated_begins_again_and_loses_no_row(office: Office) -> None:
    """The rows of both are on record, though numbered alike; the audit says what the one that runs has not."""
    gold = office.gold
    for number in range(3):
        assert await office.take(gold, f"V{number}", BEGINS) == "granted"
    await office.agrees()
    await office.handle(gold).terminate()
    again = office.terms(gold, BEGINS + timedelta(days=1))
    asked = Consumption(reference="V9", event_id="take-V9", occurred_at=BEGINS)
    answer = await office.gate.consume(again, asked)
    assert (answer.outcome, answer.used) == ("granted", 1)

    (found,) = [one async for one in office.auditor.audit()]
    assert (found.rows, found.discrepancies, found.agrees) == (1, [], False)
    first, second = office.store.ledgers.counts(gold)
    assert [(one.count, one.rows, one.used, one.taken_over) for one in found.ended] == [(first, 3, 3, False)]
    assert [row.reference for row in office.store.ledgers.rows(gold, first)] == ["V0", "V1", "V2"]
    assert [(row.number, row.reference) for row in office.store.ledgers.rows(gold)] == [(1, "V9")]
    balance = await office.auditor.balance(gold)
    assert balance.count == second

    who: dict[str, Any] = {"by": "ana", "reason": "its workflow was terminated by mistake"}
    await office.gate.change(again, UsageAdjusted(event_id=takes_over(first), amount=3, occurred_at=BEGINS, **who))
    assert await office.balance(gold, BEGINS) == (4, 0, 6)
    (found,) = [one async for one in office.auditor.audit()]
    assert (found.agrees, [one.taken_over for one in found.ended]) == (True, [True])


async def test_a_count_follows_what_the_catalog_declares(office: Office, task_queue: str) -> None:
    """What has consequences at its term's end is counted before anything is taken; a changed cap is an amendment."""
    counting = Counting(office.clock.client, office.store, task_queue)
    bank = office.bank
    ongoing = {"policy": "reset", "term": "1 year"}
    declared = GOLD | {"id": f"{bank}-visits", "ends_on": None, "term_end": ongoing}
    visits = Entitlement.model_validate(declared | {"allowance": GOLD["allowance"] | {"carry_over": "period"}})
    office.store.catalog.apply(Catalog(entitlements=[visits]), by="test")
    assert (await counting.tell()).done == [f"{visits.id}: its count has begun"]
    assert (await office.auditor.balance(visits.id)).status == "active"
    assert visits.allowance is not None
    more = visits.model_copy(update={"allowance": visits.allowance.model_copy(update={"cap": 12})})
    office.store.catalog.apply(Catalog(entitlements=[more]), by="ana")
    assert (await counting.tell()).done == [f"{visits.id}: the cap is 12 visits"]
    assert (await counting.tell()).done == []
    cancelled_at = datetime.now(UTC)
    ended = more.model_copy(update={"cancelled_at": cancelled_at})
    office.store.catalog.apply(Catalog(entitlements=[ended]), by="bob", tell="the customer left")
    [said] = (await counting.tell()).done
    assert said == f"{visits.id}: cancelled from {instant(cancelled_at)} on"
    assert office.store.unsynchronised.entitlements() == []
    await office.agrees()  # all rows are stored

    async def on_record() -> None:
        rows = [(r.kind, r.by, r.reason) for r in office.store.ledgers.rows(visits.id) if r.by != "milepost"]
        assert rows == [
            ("amended", "ana", "the cap is 12 visits: the catalog was applied"),
            ("cancelled", "bob", f"cancelled from {instant(cancelled_at)} on: the customer left"),
        ]

    await assert_eventually(on_record)


async def test_a_count_writes_to_whom_the_account_names_now(office: Office, task_queue: str) -> None:
    """The manager has changed since it began."""
    visits = Entitlement.model_validate(
        GOLD
        | {"id": f"{office.gold}-visits", "ends_on": None, "term_end": None, "allowance": {"unit": "visits", "cap": 1}}
    )
    office.store.catalog.apply(Catalog(entitlements=[visits]), by="test")
    assert await office.take(visits.id, "V0", BEGINS) == "granted"
    account = office.store.catalog.account("acme").model_copy(update={"manager_mail": "successor@example.com"})
    office.store.catalog.apply(Catalog(accounts=[account]), by="ana")
    told = await Counting(office.clock.client, office.store, task_queue).tell()
    assert told.done == [f"{visits.id}: its mails go to whom the account names now"]
    assert await office.take(visits.id, "V1", BEGINS) == "overflow"

    async def told_of_it() -> None:
        assert [mail.to for mail in office.store.actions.mails()] == [["successor@example.com"]]

    await assert_eventually(told_of_it)


async def test_a_count_that_does_not_take_what_is_declared_says_so(office: Office, task_queue: str) -> None:
    """It goes on as it was, and is not asked again; the next one is told all the same."""
    counting = Counting(office.clock.client, office.store, task_queue)
    await office.gate.begin(office.terms(office.bank))
    await office.gate.begin(office.terms(office.gold))
    for begun in (office.bank, office.gold):  # with the terms of now
        await office.auditor.balance(begun)
    bank, gold = (office.store.catalog.entitlement(one) for one in (office.bank, office.gold))
    assert gold.allowance is not None
    assert bank.allowance is not None
    more = gold.model_copy(update={"allowance": gold.allowance.model_copy(update={"cap": 12})})
    over = bank.model_copy(update={"ends_on": BEGINS.date() - timedelta(days=1)})
    office.store.catalog.apply(
        Catalog(entitlements=[over]), by="test", tell=None
    )  # so the record is ahead of its count
    priced = {"allowance": bank.allowance.model_copy(update={"overage_price": "85.00 EUR"})}
    office.store.catalog.apply(Catalog(entitlements=[over.model_copy(update=priced), more]), by="ana")
    told = await counting.tell()
    assert told.done == [f"{gold.id}: the cap is 12 visits"]
    assert told.refused == [f"{bank.id}: {over.ends_on} is over; give today or a later date, or cancel it"]
    assert (await counting.tell()).refused == []


async def test_a_worker_tells_counts_what_they_do_not_know_yet(office: Office, task_queue: str) -> None:
    """Whoever declared it could not: Temporal was away."""
    client = office.clock.client
    await office.gate.begin(office.terms(office.gold))
    gold = office.store.catalog.entitlement(office.gold)
    assert gold.allowance is not None
    more = gold.model_copy(update={"allowance": gold.allowance.model_copy(update={"cap": 12})})
    office.store.catalog.apply(Catalog(entitlements=[more]), by="ana")
    async with telling(client, office.store, task_queue):

        async def known() -> None:
            assert office.store.unsynchronised.entitlements() == []

        await assert_eventually(known)
    assert (await office.auditor.balance(office.gold)).current.cap == 12


async def test_work_beyond_the_cap_is_recorded_and_billed_when_somebody_says_yes(office: Office) -> None:
    """A bank of 20 hours has 18.5 left after 90 minutes."""
    terms = office.terms(office.bank)

    def entry(name: str, minutes: int) -> TimeEntry:
        return TimeEntry(id=name, minutes=minutes, worked_at=BEGINS, by="ben")

    assert (await office.gate.log_hours(terms, entry("T1", 90))).remaining == 18 * 60 + 30
    answer = await office.gate.log_hours(terms, entry("T2", 20 * 60))
    assert (answer.outcome, answer.taken, answer.overage) == ("prompt", 18 * 60 + 30, 90)
    decision = OverageDecision(
        reference="T2", event_id="yes", approved=True, by="ana", reason="agreed", occurred_at=BEGINS
    )
    assert (await office.gate.approve_overage(terms, decision)).outcome == "granted"
    with pytest.raises(Refused, match="no time entry 'T3' has overage"):
        await office.gate.approve_overage(terms, decision.model_copy(update={"reference": "T3", "event_id": "yes-3"}))
    await office.agrees()
    assert [row.amount for row in office.store.ledgers.rows(office.bank) if row.kind == "override"] == [90]


async def test_what_is_asked_counts_once_over_many_runs(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries, decisions and changes, sent again and again while runs of two updates follow one another."""
    monkeypatch.setattr("domain.usage.requests.MOST_UPDATES_A_RUN", 2)
    terms = office.terms(office.bank)
    who: dict[str, Any] = {"by": "ana", "reason": "agreed"}
    asked = UsageAdjusted(event_id="adjust", amount=60, **who)
    ends = EntitlementAmended(event_id="end", ends_on=date(2030, 12, 31), **who)
    entries = [TimeEntry(id=f"T{n}", minutes=600, worked_at=BEGINS) for n in range(3)]
    yes = OverageDecision(reference="T1", event_id="yes", approved=True, occurred_at=BEGINS, **who)
    await office.gate.change(terms, asked)
    for _ in range(3):
        answers = await asyncio.gather(*(office.gate.log_hours(terms, entry) for entry in entries))
        assert [(answer.taken, answer.overage) for answer in answers] == [(600, 0), (540, 60), (0, 600)]
        await asyncio.gather(
            office.gate.approve_overage(terms, yes),
            office.gate.change(terms, asked),
            office.gate.change(terms, ends),
        )
    current = (await office.auditor.balance(office.bank)).current
    assert (current.used, current.overage, current.remaining) == (1200, 660, 0)
    described = await office.handle(office.bank).describe()
    assert described.run_id != described.raw_description.workflow_execution_info.first_run_id
    await office.agrees()
    kinds = [row.kind for row in office.store.ledgers.rows(office.bank)]
    assert sorted(kinds) == sorted(["adjusted", "taken", "taken", "overage", "overage", "override", "amended"])
