"""The catalogs of the field: each is applied, and does what its comments say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.planning import Planner
from domain.catalog.count_terms import entitlement_terms
from domain.coverage.matching import CoverageQuestion
from domain.messages.cases import CaseIntake
from domain.process import Email, Task
from domain.timeline.effects import TriggerFired
from domain.timeline.events import ClockStopped, FieldsChanged
from domain.timeline.machine import Case, Timeline
from domain.usage.effects import UsageActionOrder
from domain.usage.machine import Taken, Usage, UsageEffect
from domain.usage.requests import Consumed, Consumption, ConsumptionReversed, OverageDecision, TimeEntry
from domain.usage.rows import LedgerRow, RowKind
from starters.files.catalogs import apply_files
from starters.operations.ordering import read_order
from starters.operations.verifying import Verified, Verifying
from store import Store
from tests.starters.command_line import ROOT, milepost

CATALOGS = ROOT / "catalogs"
SCENARIOS = ["tiers", "thresholds", "site-visits", "hours-bank", "incidents-a-year", "assets", "claims"]
"""Beside `minimal` and `incidents`, which have tests of their own."""


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[str], Store]]:
    """Opens a store with one of the catalogs."""
    stores: list[Store] = []

    def apply(name: str) -> Store:
        store = Store.open(f"sqlite:///{tmp_path / f'{name}.db'}")
        stores.append(store)
        apply_files(store, [CATALOGS / f"{name}.yaml"], by="test")
        return store

    yield apply
    for store in stores:
        store.close()


class Counted:
    """The count of one entitlement, as its workflow keeps it."""

    def __init__(self, store: Store, entitlement: str, at: str) -> None:
        declared = store.catalog.entitlement(entitlement)
        account = store.catalog.account(declared.account)
        self.usage = Usage.begin(
            entitlement_terms(declared, account, store.catalog.organisation(), now=when(at)), when(at)
        )
        self.effects: list[UsageEffect] = []

    def take(self, reference: str, at: str) -> Consumed:
        """Open a case, or dispatch a visit."""
        self.effects += self.usage.advance(when(at))
        taking = Consumption(reference=reference, event_id=f"take-{reference}", occurred_at=when(at))
        return self._done(self.usage.take(taking, when(at)))

    def work(self, entry: str, minutes: int, at: str, **also: Any) -> Consumed:
        """Log time."""
        worked = TimeEntry(id=entry, minutes=minutes, worked_at=when(at), by="ann", **also)
        return self._done(self.usage.log_hours(worked, when(at)))

    def decide(self, reference: str, at: str, *, approved: bool) -> Consumed:
        """Somebody says yes or no."""
        decision = OverageDecision(
            reference=reference,
            event_id=f"decide-{reference}",
            approved=approved,
            by="manager",
            reason="as agreed",
            occurred_at=when(at),
        )
        return self._done(self.usage.decide(decision, when(at)))

    def _done(self, taken: Taken) -> Consumed:
        self.effects += taken.effects
        return taken.answer

    @property
    def orders(self) -> list[UsageActionOrder]:
        """What thresholds had done."""
        return [effect for effect in self.effects if isinstance(effect, UsageActionOrder)]

    def rows(self, kind: RowKind) -> list[LedgerRow]:
        """Rows of the ledger."""
        return [effect for effect in self.effects if isinstance(effect, LedgerRow) and effect.kind is kind]


def when(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def verify(store: Store, at: str = "2026-06-01T12:00Z", **question: Any) -> Verified:
    return asyncio.run(Verifying(store, None).verify(CoverageQuestion(at=when(at), **question)))


# --- all of them ---


@pytest.mark.parametrize("name", SCENARIOS)
def test_applied_again_it_changes_nothing(name: str, tmp_path: Path) -> None:
    """What its first lines say is typed by `tests/docs/test_samples.py`."""
    environment = {"MILEPOST_DATA": str(tmp_path), "MILEPOST_DATABASE_URL": f"sqlite:///{tmp_path / 'm.db'}"}
    for _ in range(2):
        result = milepost("apply", CATALOGS / f"{name}.yaml", env=environment)
        assert result.exit_code == 0, result.output
    assert result.stdout.startswith("nothing to change")


def test_every_catalog_is_known_here() -> None:
    found = {file.name.partition(".")[0] for file in CATALOGS.glob("*.yaml") if ".mapping." not in file.name}
    assert found == {*SCENARIOS, "minimal", "incidents"}


def test_a_folder_of_catalogs_leaves_out_mappings_and_orders(tmp_path: Path) -> None:
    """Which lie beside their catalogs, and are none."""
    for name in ("tiers.yaml", "tiers.order.yaml", "incidents.mapping.yaml"):
        (tmp_path / name).write_text((CATALOGS / name).read_text())
    data = tmp_path / "data"
    result = milepost("apply", tmp_path, env={"MILEPOST_DATA": str(data)})
    assert result.exit_code == 0, result.output
    assert "initech-bronze" in result.stdout


# --- Bronze, Silver, Gold ---


@pytest.mark.parametrize(
    ("entitlement", "cap", "next_quarter"),
    [("initech-bronze", 10, "2026-04-01T04:00Z"), ("globex-silver", 25, "2026-05-14T23:00Z")],
)
def test_tiers_count_by_the_quarter(
    opened: Callable[[str], Store], entitlement: str, cap: int, next_quarter: str
) -> None:
    """From the first day of each, in its account's zone: New York, and London in summer."""
    counted = Counted(opened("tiers"), entitlement, "2026-03-02T12:00Z")
    outcomes = [counted.take(f"case-{n}", "2026-03-02T12:00Z").outcome for n in range(cap + 1)]
    assert outcomes == ["granted"] * cap + ["overflow"]
    begins = when(next_quarter)
    assert counted.take("before", (begins - timedelta(seconds=1)).isoformat()).outcome == "overflow"
    assert counted.take("after", begins.isoformat()).remaining == cap - 1


def test_gold_is_unlimited_and_counted(opened: Callable[[str], Store]) -> None:
    counted = Counted(opened("tiers"), "acme-gold", "2026-03-02T12:00Z")
    answers = [counted.take(f"case-{n}", "2026-03-02T12:00Z") for n in range(200)]
    assert {answer.outcome for answer in answers} == {"granted"}
    assert (answers[-1].used, answers[-1].remaining) == (200, None)


def test_a_tier_is_sold_by_an_order(opened: Callable[[str], Store]) -> None:
    """Two packs of Bronze: 20 a quarter, from the day that the order says, for the template's year."""
    store = opened("tiers")
    order = read_order(CATALOGS / "tiers.order.yaml").order
    store.orders.place(order, by="ann", at=when("2026-02-20T12:00Z"))
    bronze = store.catalog.entitlement("hooli-2026.bronze-support.bronze")
    assert (str(bronze.starts_on), str(bronze.ends_on)) == ("2026-03-01", "2027-02-28")
    verified = verify(store, account="hooli")
    assert verified.chosen
    assert verified.chosen.allowance
    assert (verified.covered_by, verified.chosen.allowance.remaining) == (bronze.id, 20)
    assert not store.orders.place(order, by="ann", at=when("2026-06-20T12:00Z")).diff.changes


# --- 8 of 10 ---


def test_the_eighth_of_ten_mails_the_account_manager(opened: Callable[[str], Store]) -> None:
    """Once, not at the ninth again; the tenth makes a task; the next quarter begins anew."""
    counted = Counted(opened("thresholds"), "acme-bronze", "2026-01-05T12:00Z")
    at = "2026-01-05T12:00Z"
    for n in range(7):
        counted.take(f"case-{n}", at)
    assert counted.orders == []
    counted.take("case-7", at)
    counted.take("case-8", at)
    (mail,) = counted.orders
    assert isinstance(mail.call.action, Email)
    assert mail.call.action.to == ["acme-manager@example.com"]
    usage = mail.context["usage"]
    assert (usage["used"], usage["cap"], usage["remaining"]) == (8, 10, 2)
    counted.take("case-9", at)
    assert isinstance(counted.orders[-1].call.action, Task)
    for n in range(8):
        counted.take(f"spring-{n}", "2026-04-05T12:00Z")
    assert [order.call.action.do for order in counted.orders] == ["email", "task", "email"]
    assert len({order.call.key for order in counted.orders}) == 3


# --- site visits ---


def test_the_dispatcher_sees_what_is_left_before_a_visit(opened: Callable[[str], Store]) -> None:
    """Four a year, each once whatever is sent twice; the fifth is not driven; next year there are four again."""
    store = opened("site-visits")
    verified = verify(store, asset="acme-boiler-1", channel="visit")
    assert verified.chosen
    assert verified.chosen.allowance
    assert (verified.chosen.entitlement, verified.chosen.allowance.remaining) == ("acme-visits", 4)
    counted = Counted(store, "acme-visits", "2026-02-01T08:00Z")
    assert [counted.take(f"visit-{n}", f"2026-0{n}-03T08:00Z").remaining for n in range(2, 6)] == [3, 2, 1, 0]
    assert counted.take("visit-3", "2026-06-03T08:00Z").outcome == "already"
    assert [order.call.action.do for order in counted.orders] == ["task"]
    fifth = counted.take("visit-6", "2026-12-31T22:59Z")
    assert (fifth.outcome, fifth.remaining) == ("blocked", 0)
    assert counted.take("visit-7", "2026-12-31T23:00Z").remaining == 3  # 1 January in Berlin


def test_a_case_by_phone_takes_no_visit(opened: Callable[[str], Store]) -> None:
    verified = verify(opened("site-visits"), asset="acme-boiler-1", channel="phone")
    assert verified.covered_by == "acme-remote"


# --- a bank of hours ---


def test_a_bank_of_20_hours_after_90_minutes_has_18_and_a_half(opened: Callable[[str], Store]) -> None:
    """E18. 80% of it mails; somebody says yes to what is over; a reversing entry undoes all of one."""
    counted = Counted(opened("hours-bank"), "acme-bank", "2026-02-02T15:00Z")
    at = "2026-02-02T15:00Z"
    assert counted.work("entry-1", 90, at).remaining == 18.5 * 60
    assert counted.orders == []
    assert counted.work("entry-2", 15 * 60, at).remaining == 3.5 * 60
    assert [order.call.action.do for order in counted.orders] == ["email"]
    over = counted.work("entry-3", 5 * 60, at)
    assert (over.outcome, over.taken, over.overage, over.remaining) == ("prompt", 3.5 * 60, 1.5 * 60, 0)
    assert over.overage_price == "85.00 EUR"
    assert counted.decide("entry-3", at, approved=True).outcome == "granted"
    assert [(row.amount, row.price, row.by) for row in counted.rows(RowKind.OVERRIDE)] == [(90, "85.00 EUR", "manager")]
    reversal = ConsumptionReversed(event_id="r", by="ann", reason="wrong customer", reference="entry-2")
    said, _ = counted.usage.change(reversal, when(at))
    assert said.balance.remaining == 15 * 60


def test_hours_over_the_bank_go_to_the_reserve(opened: Callable[[str], Store]) -> None:
    """Every started quarter of an hour counts, rounded before the split."""
    store = opened("hours-bank")
    bank = Counted(store, "globex-bank", "2026-02-02T15:00Z")
    assert bank.work("entry-1", 4 * 60 + 31, "2026-02-02T15:00Z", has_fallback=True).remaining == 15
    split = bank.work("entry-2", 50, "2026-02-02T15:00Z", has_fallback=True)
    assert (split.taken, split.overage, split.left_over) == (15, 0, 45)
    reserve = Counted(store, "globex-reserve", "2026-02-02T15:00Z")
    assert reserve.work("entry-2", split.left_over, "2026-02-02T15:00Z", is_rest=True).remaining == 10 * 60 - 45


# --- 50 incidents a year ---


@pytest.mark.parametrize(
    ("entitlement", "outcome"),
    [("fallback-incidents", "overflow"), ("block-incidents", "blocked"), ("prompt-incidents", "prompt")],
)
def test_the_51st_incident_overflows_as_the_policy_says(
    opened: Callable[[str], Store], entitlement: str, outcome: str
) -> None:
    """The 50th is granted. Asked about the 51st, yes takes one more at the price; no takes nothing."""
    at = "2026-05-04T15:00Z"
    counted = Counted(opened("incidents-a-year"), entitlement, at)
    assert [counted.take(f"case-{n}", at).outcome for n in range(1, 52)] == ["granted"] * 50 + [outcome]
    if outcome != "prompt":
        return
    asked = counted.take("case-52", at)
    assert (asked.overage_price, str(asked.prompt_within)) == ("120.00 USD", "1bd")
    yes, no = counted.decide("case-51", at, approved=True), counted.decide("case-52", at, approved=False)
    assert (yes.outcome, yes.overage, no.outcome) == ("granted", 1, "overflow")
    assert [row.reference for row in counted.rows(RowKind.OVERRIDE)] == ["case-51"]


def test_the_51st_falls_back_to_best_effort(opened: Callable[[str], Store]) -> None:
    """It ranks lower, since it never expires; the others have nothing to fall back to."""
    verified = verify(opened("incidents-a-year"), account="fallback-inc")
    assert verified.covered_by == "fallback-incidents"
    assert [(other.entitlement, other.why) for other in verified.others] == [
        ("fallback-best-effort", "'fallback-incidents' expires sooner, on 2026-12-31; this never")
    ]


# --- one account, several products ---


@pytest.mark.parametrize(
    ("question", "covered_by"),
    [
        ({"asset": "acme-press-1"}, "press-24x7"),
        ({"asset": "acme-lathe-1"}, "lathes"),
        ({"asset": "acme-lathe-2"}, "lathes"),
        ({"asset": "acme-lathe-1", "contact": "ann"}, "plant-manager"),
        ({"asset": "acme-lathe-1", "contact": "bob", "contract_line_item": "hall-3-lathes"}, "lathes"),
        ({"asset": "acme-robot-1", "contact": "ann"}, "plant-manager"),
        ({"asset": "acme-robot-1", "contact": "bob"}, None),
    ],
)
def test_every_machine_has_the_cover_that_was_bought_for_it(
    opened: Callable[[str], Store], question: dict[str, str], covered_by: str | None
) -> None:
    """Nothing was bought for the robot; only the plant manager may ask for it."""
    verified = verify(opened("assets"), **question)
    assert verified.covered_by == covered_by
    assert verified.next_case == ("covered" if covered_by else "refused")


def test_a_line_item_ranks_by_its_parents(opened: Callable[[str], Store]) -> None:
    """The lathes' line is part of the hall's, of which the entitlement is."""
    verified = verify(opened("assets"), asset="acme-lathe-1", contract_line_item="hall-3-lathes")
    assert verified.chosen
    assert verified.chosen.by == "contract line item"


# --- claims with legal deadlines ---

OPENED = "2026-03-02T09:00-05:00"
"""A Monday, an hour after the claims office opened."""

SUNDAY = "2026-03-15T18:00-04:00"


def claim(store: Store, **fields: Any) -> Timeline:
    intake = CaseIntake(case_id="claim-1", account="policyholders", fields={"status": "Received", **fields})
    plan = Planner(store).plan(intake, when(OPENED), entitlement="claims", account="policyholders")
    return Timeline.enter(plan, Case(case_id="claim-1", fields=intake.fields), when(OPENED))


def fired(timeline: Timeline, until: str) -> list[tuple[str, str, str]]:
    effects = timeline.advance(when(until))
    return [
        (one.milestone, one.kind.value, one.due_at.astimezone(UTC).isoformat())
        for one in effects
        if isinstance(one, TriggerFired)
    ]


def test_a_legal_deadline_fires_on_a_sunday_while_the_clock_is_stopped(opened: Callable[[str], Store]) -> None:
    """Its warning comes two days of the office before: Wednesday afternoon."""
    timeline = claim(opened("claims"), acknowledge_by=SUNDAY)
    timeline.apply(ClockStopped(event_id="1", occurred_at=when("2026-03-02T10:00-05:00"), reason="storm"))
    assert fired(timeline, "2026-03-15T23:00-04:00") == [
        ("Acknowledge receipt", "warning", "2026-03-11T20:00:00+00:00"),
        ("Acknowledge receipt", "violation", "2026-03-15T22:00:00+00:00"),
    ]
    first = timeline.view(when("2026-03-15T23:00-04:00")).milestones[0]
    assert (first.milestone, first.state.value, first.violated) == ("First contact", "paused", False)


def test_more_time_that_is_granted_moves_the_deadline(opened: Callable[[str], Store]) -> None:
    """Deadlines begin when their field is set, and follow it."""
    timeline = claim(opened("claims"), acknowledge_by=SUNDAY)
    milestones = timeline.view(when(OPENED)).milestones
    assert [one.milestone for one in milestones] == ["First contact", "Acknowledge receipt"]

    def changed(number: int, at: str, **fields: Any) -> None:
        timeline.apply(FieldsChanged(event_id=f"{number}", occurred_at=when(at), fields=fields))

    changed(1, "2026-03-03T10:00-05:00", status="Acknowledged", decide_by="2026-04-03T21:00:00Z")
    changed(2, "2026-03-20T10:00-04:00", decide_by="2026-04-20T21:00:00Z")
    decide_ = next(m for m in timeline.view(when("2026-03-20T10:00-04:00")).milestones if m.milestone == "Decide")
    assert decide_.target_at == when("2026-04-20T21:00:00Z")
    changed(3, "2026-04-17T10:00-04:00", status="Decided", pay_by="2026-04-24T21:00:00Z")
    changed(4, "2026-04-22T10:00-04:00", status="Paid")
    view = timeline.view(when("2026-05-01T10:00-04:00"))
    assert {m.milestone: m.state.value for m in view.milestones} == dict.fromkeys(
        ["First contact", "Acknowledge receipt", "Decide", "Pay"], "completed"
    )
    assert not any(m.violated for m in view.milestones)
