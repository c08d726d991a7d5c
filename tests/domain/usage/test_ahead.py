"""What lies ahead: visits that are planned, and the ends that are moved over them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Account, Entitlement, Organisation
from domain.errors import Refused
from domain.usage.audit import audit
from domain.usage.book import UsageEffect
from domain.usage.effects import UsageActionOrder
from domain.usage.freezing import freeze
from domain.usage.machine import Usage
from domain.usage.planned import LEAVES_NOTHING, MOST_PLANNED
from domain.usage.requests import (
    RULES,
    Consumed,
    Consumption,
    ConsumptionReversed,
    EntitlementAmended,
    EntitlementCancelled,
    OverageDecision,
    UsageChanged,
    UsageGranted,
)
from domain.usage.rows import LedgerRow, RowKind
from domain.usage.state import PeriodRecord, UsageState

FAR = datetime(2040, 1, 1, tzinfo=UTC)
BEGINS = datetime(2026, 11, 3, 9, tzinfo=UTC)
PLANNED = datetime(2027, 3, 10, 9, tzinfo=UTC)


class Visits:
    """An entitlement to visits, from 1 November 2026 to 30 June 2027 in UTC."""

    def __init__(self, rules: int = RULES, **allowance: Any) -> None:
        declared = {
            "id": "gold",
            "account": "acme",
            "starts_on": "2026-11-01",
            "ends_on": "2027-06-30",
            "allowance": {"unit": "visits", "cap": 4, "period": "month"} | allowance,
        }
        entitlement = Entitlement.model_validate(declared)
        terms = entitlement_terms(entitlement, Account(id="acme"), Organisation(), now=BEGINS)
        self.usage = Usage.begin(terms.model_copy(update={"rules": rules}), BEGINS)
        self.effects: list[UsageEffect] = []
        self.now = BEGINS
        self.asked = 0

    def to(self, now: datetime) -> None:
        self.now = now
        self.usage = Usage(self.usage.terms, UsageState.model_validate_json(self.usage.state.model_dump_json()))
        self.effects += self.usage.advance(now)
        assert audit(self.of(LedgerRow), self.usage.balance(now)) == []

    def take(self, reference: str, at: datetime = PLANNED) -> Consumed:
        self.asked += 1
        asked = Consumption(reference=reference, event_id=f"take-{self.asked}", occurred_at=at)
        taken = self.usage.take(asked, self.now)
        self.effects += taken.effects
        self.to(self.now)
        return taken.answer

    def say_yes(self, reference: str, at: datetime) -> None:
        decision = OverageDecision(
            reference=reference, event_id=f"yes-{reference}", approved=True, by="ana", reason="agreed", occurred_at=at
        )
        self.effects += self.usage.decide(decision, self.now).effects
        self.to(self.now)

    def change(self, kind: type[Any], **fields: Any) -> UsageChanged:
        self.asked += 1
        asked = kind(event_id=f"change-{self.asked}", by="ana", reason="agreed", **fields)
        periods = None
        if isinstance(asked, EntitlementAmended) and (term := self.usage.amended_term(asked)) is not None:
            periods = freeze(self.usage.terms.allowance, term, FAR)
        said, effects = self.usage.change(asked, self.now, periods)
        self.effects += effects
        self.to(self.now)
        return said

    def amend_end(self, ends_on: date) -> UsageChanged:
        return self.change(EntitlementAmended, ends_on=ends_on)

    def of(self, kind: type[Any]) -> list[Any]:
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def used(self, at: datetime = PLANNED) -> int:
        return self.usage.balance(at).current.used


@pytest.mark.parametrize("new_end", [date(2026, 11, 30), date(2027, 1, 31), date(2027, 2, 28), date(2027, 3, 9)])
def test_a_visit_beyond_a_new_end_is_taken_before(new_end: date) -> None:
    """Whether the end takes its whole period away or only the part in which it lies; nothing fails that asks for it."""
    visits = Visits()
    visits.take("P-1")
    visits.amend_end(new_end)
    again = visits.take("P-1")
    assert (again.outcome, again.is_taken) == ("already", True)
    assert again.period == (None if new_end < date(2027, 3, 1) else 4)
    assert visits.take("P-2").outcome == "refused"
    assert visits.take("now", BEGINS).outcome == "granted"
    assert "gives back 1 visit" in visits.change(ConsumptionReversed, reference="P-1").text
    assert visits.take("P-1").is_reversed


@pytest.mark.parametrize("new_end", [date(2027, 1, 31), date(2027, 3, 5)])
def test_a_visit_counts_again_when_its_period_comes_back(new_end: date) -> None:
    visits = Visits(cap=1)
    visits.take("P-1")
    assert visits.used() == 1
    visits.amend_end(new_end)
    assert visits.used(datetime(2027, 3, 2, tzinfo=UTC)) == 0
    visits.amend_end(date(2027, 6, 30))
    assert visits.used() == 1
    assert visits.take("P-2").outcome == "overflow"
    assert sum(row.used for row in visits.of(LedgerRow)) == 1


def test_a_visit_whose_day_has_come_is_like_any_other() -> None:
    visits = Visits()
    visits.take("P-1")
    assert len(visits.usage.state.planned) == 1
    visits.to(PLANNED)
    assert visits.usage.state.planned == []
    assert visits.used() == 1


def test_a_visit_beyond_the_end_gives_nothing_back_when_its_day_has_come() -> None:
    """The period in which it was planned has not counted it for long."""
    visits = Visits()
    visits.take("V-1", BEGINS)
    visits.take("P-1", BEGINS + timedelta(days=10))
    visits.amend_end(date(2026, 11, 9))
    visits.to(BEGINS + timedelta(days=30))
    assert visits.used(BEGINS) == 1
    visits.change(ConsumptionReversed, reference="P-1")
    assert visits.used(BEGINS) == 1
    assert visits.take("P-1", BEGINS).is_reversed


@pytest.mark.parametrize(
    ("rules", "days", "billed"),
    [(RULES, 0, [1, -1]), (RULES, 7, [1, -1]), (RULES, 40, [1, -1]), (LEAVES_NOTHING - 1, 7, [1])],
)
def test_what_a_new_end_leaves_out_is_not_billed_once_it_is_reversed(rules: int, days: int, billed: list[int]) -> None:
    """Whether its day has come by then or not. Counts of older rules go on as they did after that day."""
    visits = Visits(rules, cap=1, overflow="prompt", overage_price="85.00 EUR")
    visits.take("P-1", BEGINS + timedelta(days=5))
    assert visits.take("P-2", BEGINS + timedelta(days=6)).outcome == "prompt"
    visits.say_yes("P-2", BEGINS + timedelta(days=6))
    visits.amend_end(date(2026, 11, 8))
    visits.to(BEGINS + timedelta(days=days))
    assert visits.take("P-2", BEGINS + timedelta(days=6)).outcome == "already"
    visits.change(ConsumptionReversed, reference="P-2")
    overrides = [row for row in visits.of(LedgerRow) if row.kind is RowKind.OVERRIDE]
    assert [row.amount for row in overrides] == billed
    assert {row.price for row in overrides} == {"85.00 EUR"}
    assert (visits.used(BEGINS), visits.usage.balance_of(0).overage) == (1, 0)


def paid_by_grant(rules: int = RULES) -> Visits:
    """One visit that a grant pays, left out by a new end."""
    visits = Visits(rules)
    visits.change(UsageGranted, amount=1)
    assert visits.take("P-1", BEGINS + timedelta(days=20)).granted == 1
    visits.amend_end(date(2026, 11, 15))
    return visits


def stands(visits: Visits) -> tuple[int, int]:
    """Used of the cap, and what grants have paid."""
    balance = visits.usage.balance_of(0)
    return balance.used, balance.grant_used


def test_a_new_end_gives_back_what_grants_have_paid() -> None:
    """Another visit is paid by the grant then; counts of older rules keep it with the first."""
    visits = paid_by_grant()
    assert stands(visits) == (0, 0)
    assert visits.take("P-2", BEGINS).granted == 1
    assert stands(paid_by_grant(LEAVES_NOTHING - 1)) == (0, 1)


@pytest.mark.parametrize(("others", "comes_to"), [(0, (0, 1)), (1, (1, 1))])
def test_what_counts_again_is_paid_anew(others: int, comes_to: tuple[int, int]) -> None:
    """By the grant, as far as nobody else has used it, or else of the cap; once, however often the end moves."""
    visits = paid_by_grant()
    for number in range(others):
        visits.take(f"V-{number}", BEGINS)
    for _ in range(2):
        visits.amend_end(date(2026, 12, 31))
        assert stands(visits) == comes_to
        visits.amend_end(date(2026, 11, 15))
        assert stands(visits) == (0, others)
    visits.amend_end(date(2026, 12, 31))
    visits.change(ConsumptionReversed, reference="P-1")
    assert stands(visits) == (0, others)
    assert sum(row.amount for row in visits.of(LedgerRow) if row.reference == "P-1") == 0


@pytest.mark.parametrize("days", [0, 20, 40])
def test_a_grant_is_given_back_once(days: int) -> None:
    """A visit that a new end has left out is reversed, before its day or after it."""
    visits = paid_by_grant()
    visits.take("V-1", BEGINS)
    visits.to(BEGINS + timedelta(days=days))
    assert visits.take("P-1").outcome == "already"
    visits.change(ConsumptionReversed, reference="P-1")
    assert stands(visits) == (0, 1)
    assert visits.take("P-1").is_reversed


def test_cancelling_at_a_date_reverses_what_is_planned_after_it() -> None:
    """What is planned before it, and what was taken, stays taken; until then visits are taken as ever."""
    visits = Visits()
    for reference, at in {"P-1": PLANNED, "P-2": PLANNED + timedelta(days=30), "P-0": BEGINS}.items():
        visits.take(reference, at)
    cancelled_at = datetime(2027, 4, 1, tzinfo=UTC)
    said = visits.change(EntitlementCancelled, at=cancelled_at)
    assert said.references == ["P-2"]
    assert visits.take("P-3", PLANNED).outcome == "granted"
    assert visits.take("P-4", cancelled_at).outcome == "refused"
    visits.to(cancelled_at + timedelta(days=1))
    last = visits.of(PeriodRecord)[-1]
    assert (last.period, last.used, last.unused, last.ended_at, last.ends_term) == (4, 2, 2, cancelled_at, True)
    assert visits.usage.next_due is None


@pytest.mark.parametrize("days", [1, 20, 45, 100])
def test_no_period_is_reported_with_an_end_before_it(days: int) -> None:
    """Whatever is planned past a cancellation and reversed after it, and however far behind that lies."""
    visits = Visits()
    visits.take("P-1")
    visits.to(BEGINS + timedelta(days=110))
    visits.take("late", visits.now)
    visits.change(EntitlementCancelled, at=visits.now - timedelta(days=days))
    for record in visits.of(PeriodRecord):
        assert record.first_day is not None
        assert record.ended_at > datetime.combine(record.first_day, datetime.min.time(), UTC)
    with pytest.raises(Refused, match="reversed before"):
        visits.change(ConsumptionReversed, reference="P-1")


def test_cancelling_behind_takes_back_resets_and_carries() -> None:
    """What was taken after the instant stays taken; the balance is that of the period in which it was cancelled."""
    visits = Visits(carry_over="period")
    visits.take("N-1", BEGINS)
    visits.to(datetime(2027, 1, 20, tzinfo=UTC))
    visits.take("J-1", visits.now)
    assert visits.usage.balance(visits.now).current.carried == 7
    visits.change(EntitlementCancelled, at=datetime(2026, 11, 20, tzinfo=UTC))
    current = visits.usage.balance(visits.now).current
    assert (current.period, current.used, current.remaining, current.carried_over) == (0, 1, 3, 0)
    assert sum(row.carried for row in visits.of(LedgerRow)) == 0
    assert visits.take("J-1", visits.now).outcome == "already"
    assert [(r.period, r.used, r.carried) for r in visits.of(PeriodRecord)][-2:] == [(1, 0, 0), (0, 1, 0)]


def test_a_lower_cap_passes_thresholds_of_what_is_planned() -> None:
    """In every period from the current one on, each once."""
    mail = {"do": "task", "subject": "nearly used up"}
    visits = Visits(cap=8, thresholds=[{"at": "80%", "actions": [mail]}])
    for number in range(4):
        visits.take(f"P-{number}")
    assert visits.of(UsageActionOrder) == []
    visits.change(EntitlementAmended, cap=4)
    [told] = visits.of(UsageActionOrder)
    assert told.call.key == "gold/4/threshold/80-percent/1/task-1"


def test_no_more_is_planned_than_can_be_carried() -> None:
    """A run that goes on in the next hands over all that is planned; what is taken on its day has no such bound."""
    usage = Visits(cap=None).usage
    asked = Consumption(reference="P", event_id="P", occurred_at=PLANNED)
    for number in range(MOST_PLANNED):
        usage.take(asked.model_copy(update={"reference": f"P-{number}", "event_id": f"{number}"}), BEGINS)
    said = usage.take(asked, BEGINS).answer
    assert (said.outcome, "1000 are planned ahead" in (said.reason or "")) == ("refused", True)
    assert usage.take(asked.model_copy(update={"occurred_at": BEGINS}), BEGINS).answer.outcome == "granted"


@pytest.mark.parametrize("ahead", [1, 5])
def test_a_taking_from_a_clock_ahead_brings_no_end_forward(ahead: int) -> None:
    """One of the next period a moment before the last one ends counts there; the end is told when it comes."""
    visits = Visits()
    ends_at = datetime(2026, 12, 1, tzinfo=UTC)
    visits.to(ends_at - timedelta(seconds=1))
    assert visits.take("early", ends_at + timedelta(seconds=ahead - 1)).period == 1
    assert visits.of(PeriodRecord) == []
    assert visits.usage.next_due == ends_at
    visits.to(ends_at)
    assert [(record.period, record.used) for record in visits.of(PeriodRecord)] == [(0, 0)]
