"""Rules of usage that no other test pins down."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from domain.errors import Refused
from domain.usage.allowance import Allowance
from domain.usage.effects import UsageActionOrder
from domain.usage.freezing import freeze
from domain.usage.machine import Usage, UsageEffect
from domain.usage.periods import Term
from domain.usage.requests import (
    Consumed,
    Consumption,
    ConsumptionReversed,
    EntitlementAmended,
    EntitlementCancelled,
    EntitlementOverflowed,
    EntitlementTerms,
    OverageDecision,
    TimeEntry,
    UsageAdjusted,
)
from domain.usage.rows import LedgerRow

JANUARY = datetime(2025, 1, 20, 12, tzinfo=UTC)
FEBRUARY = datetime(2025, 2, 20, 12, tzinfo=UTC)
MARCH = datetime(2025, 3, 20, 12, tzinfo=UTC)
FAR = datetime(2035, 1, 1, tzinfo=UTC)
MAIL = {"do": "email", "to": ["manager@example.com"], "subject": "s", "body": "b"}


class Count:
    """An entitlement of ten a month from 15 January, with everything that it wanted done."""

    def __init__(self, **allowance: Any) -> None:
        declared = Allowance.model_validate({"unit": "visits", "cap": 10, "period": "month"} | allowance)
        term = Term(starts_on=date(2025, 1, 15), ends_on=date(2025, 12, 31), time_zone="UTC")
        terms = EntitlementTerms(
            entitlement_id="E1", account="acme", allowance=declared, periods=freeze(declared, term, FAR)
        )
        self.usage = Usage.begin(terms, JANUARY)
        self.effects: list[UsageEffect] = []

    def to(self, now: datetime) -> None:
        self.effects += self.usage.advance(now)

    def take(self, reference: str, amount: int = 1, at: datetime = JANUARY, event_id: str | None = None) -> Consumed:
        asked = Consumption(reference=reference, event_id=event_id or reference, amount=amount, occurred_at=at)
        taken = self.usage.take(asked, at)
        self.effects += taken.effects
        return taken.answer

    def log(self, entry: str, minutes: int, at: datetime = JANUARY, **more: Any) -> Consumed:
        taken = self.usage.log_hours(TimeEntry(id=entry, minutes=minutes, worked_at=at, **more), at)
        self.effects += taken.effects
        return taken.answer

    def decide(self, reference: str, event_id: str, *, yes: bool) -> Consumed:
        asked = OverageDecision(
            reference=reference, event_id=event_id, approved=yes, by="ana", reason="urgent", occurred_at=JANUARY
        )
        taken = self.usage.decide(asked, JANUARY)
        self.effects += taken.effects
        return taken.answer

    def change(self, kind: type[Any], now: datetime = JANUARY, **fields: Any) -> None:
        asked = kind(event_id=f"change-{len(self.effects)}", by="ana", reason="agreed", **fields)
        self.effects += self.usage.change(asked, now)[1]

    def refusal(self, kind: type[Any], now: datetime = JANUARY, **fields: Any) -> str:
        before = self.usage.state.model_dump_json()
        with pytest.raises(Refused) as refused:
            self.change(kind, now, **fields)
        assert self.usage.state.model_dump_json() == before
        return str(refused.value)

    def of(self, kind: type[Any]) -> list[Any]:
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def passed(self) -> list[str]:
        return [order.call.key for order in self.of(UsageActionOrder) if order.cause == "threshold"]


# --- overflow ---


@pytest.mark.parametrize("policy", ["block", "prompt"])
def test_only_a_fallback_leaves_hours_to_another_entitlement(policy: str) -> None:
    """Blocked or asked about, the part over the cap is overage here, though another entitlement would follow."""
    count = Count(unit="hours", cap=1, overflow=policy)
    answer = count.log("e1", 90, has_fallback=True)
    assert (answer.taken, answer.overage, answer.left_over, answer.remaining) == (60, 30, 0, 0)


def test_what_is_told_of_an_overflow_names_price_and_time_to_decide() -> None:
    """The time only if somebody is asked."""
    prompt = Count(cap=0, overflow="prompt", overage_price="85.00 EUR", prompt_within="4h")
    prompt.take("v1")
    block = Count(cap=0, overflow="block", overage_price="85.00 EUR", prompt_within="4h")
    block.take("v1")
    told = prompt.of(EntitlementOverflowed) + block.of(EntitlementOverflowed)
    assert [(one.overage_price, str(one.prompt_within)) for one in told] == [
        ("85.00 EUR", "4h"),
        ("85.00 EUR", "None"),
    ]


def test_mails_about_overflows_have_keys_of_their_own() -> None:
    """By the numbers of the overflows that they tell of, so that each is told once and none is held for another."""
    count = Count(cap=0)
    keys = []
    for reference in ("v1", "v2"):
        count.take(reference)
        told = count.of(EntitlementOverflowed)[-1:]
        keys.append(count.usage.overflow_mail("manager@example.com", told, JANUARY).call.key)
    assert keys == ["E1/0/overflow/1-1/1/manager", "E1/0/overflow/2-2/1/manager"]


def test_an_override_of_hours_has_the_price() -> None:
    """What is billed is the overage, at the price that was declared."""
    count = Count(unit="hours", cap=1, overflow="prompt", overage_price="85.00 EUR")
    count.log("e1", 90)
    count.decide("e1", "d1", yes=True)
    overrides = [(row.amount, row.price, row.by) for row in count.of(LedgerRow) if row.kind == "override"]
    assert overrides == [(30, "85.00 EUR", "ana")]


def test_a_new_attempt_after_a_no_asks_again() -> None:
    """And its answer stays so when it is sent once more."""
    count = Count(cap=0, overflow="prompt")
    assert count.take("v1", event_id="first").outcome == "prompt"
    assert count.decide("v1", "d1", yes=False).outcome == "overflow"
    assert count.take("v1", event_id="first").outcome == "overflow"
    assert count.take("v1", event_id="second").outcome == "prompt"
    assert count.take("v1", event_id="second").outcome == "prompt"


def test_of_an_allowance_by_the_term_the_last_unit_is_granted_at_its_last_second() -> None:
    """A cap of 50: the 50th is granted, the 51st overflows; a second after the term it is no overflow but refused."""
    count = Count(cap=50, period="term", unit="cases")
    last = datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)
    outcomes = [count.take(f"c{number}", at=last).outcome for number in range(51)]
    assert (outcomes.count("granted"), outcomes[49:]) == (50, ["granted", "overflow"])
    assert count.take("late", at=datetime(2026, 1, 1, tzinfo=UTC)).outcome == "refused"


# --- what is reported ---


def test_the_percentage_is_of_all_that_may_be_taken_without_overage() -> None:
    """With what was carried over; what is beyond the cap is kept apart."""
    count = Count(carry_over="period", overflow="prompt")
    count.to(FEBRUARY)
    count.take("v1", 5, at=FEBRUARY)
    balance = count.usage.balance(FEBRUARY).current
    assert (balance.used, balance.cap, balance.remaining, balance.usage_percent) == (5, 20, 15, 25.0)
    hours = Count(unit="hours", cap=1, overflow="block")
    hours.log("e1", 90)
    full = hours.usage.balance(JANUARY).current
    assert (full.used, full.overage, full.remaining, full.usage_percent) == (60, 30, 0, 100.0)


def test_without_a_cap_or_with_none_of_it_there_is_no_percentage() -> None:
    """Nothing is divided by nothing."""
    for cap in (None, 0):
        assert Count(cap=cap).usage.balance(JANUARY).current.usage_percent is None


# --- thresholds ---


def test_a_percentage_is_of_all_that_may_be_taken() -> None:
    """Half of ten and ten carried over is ten."""
    count = Count(carry_over="period", thresholds=[{"at": "50%", "actions": [MAIL]}])
    count.to(FEBRUARY)
    count.take("v1", 9, at=FEBRUARY)
    assert count.passed() == []
    count.take("v2", 1, at=FEBRUARY)
    assert len(count.passed()) == 1


def test_a_late_taking_passes_what_it_shrinks_a_later_period_to() -> None:
    """The period after has less carried over, so more than the share of its cap is used."""
    count = Count(carry_over="period", thresholds=[{"at": "60%", "actions": [MAIL]}])
    count.to(FEBRUARY)
    count.take("v1", 10, at=FEBRUARY)
    assert count.passed() == []
    count.take("late", 4)
    assert count.passed() == ["E1/1/threshold/60-percent/1/email-1"]


def test_a_threshold_that_is_fallen_below_is_not_passed_again() -> None:
    """Once a period, also if an adjustment gave something back in between."""
    count = Count(thresholds=[{"at": 8, "actions": [MAIL]}])
    count.take("v1", 8)
    count.change(UsageAdjusted, amount=-2)
    count.take("v2", 2)
    assert len(count.passed()) == 1


def test_an_adjustment_passes_thresholds_and_shrinks_what_was_carried_over() -> None:
    """It counts like a taking of its period."""
    count = Count(carry_over="period", thresholds=[{"at": "80%", "actions": [MAIL]}])
    count.take("v1", 2)
    count.to(FEBRUARY)
    assert count.usage.balance(FEBRUARY).current.carried == 8
    count.change(UsageAdjusted, FEBRUARY, amount=6, occurred_at=JANUARY)
    assert count.usage.balance(FEBRUARY).current.carried == 2
    assert count.passed() == ["E1/0/threshold/80-percent/1/email-1"]


# --- by hand ---


def test_a_cap_below_a_threshold_is_refused() -> None:
    """Else the catalog could not take the record: no mark lies over the cap."""
    count = Count(thresholds=[{"at": 8, "actions": [MAIL]}])
    with pytest.raises(Refused, match="threshold '8' lies over a cap of 5 visits; give a cap of at least 8"):
        count.usage.check_amendment(EntitlementAmended(event_id="a", by="ana", reason="less", cap=5))
    assert "lies over" in count.refusal(EntitlementAmended, cap=5)
    count.change(EntitlementAmended, cap=8)
    assert count.usage.balance(JANUARY).current.cap == 8


def test_an_amendment_that_can_not_be_is_refused() -> None:
    """Of what is cancelled, and to unlimited where what is left is carried over."""
    assert "leaves nothing to carry over" in Count(carry_over="period").refusal(EntitlementAmended, cap="unlimited")
    count = Count()
    count.change(EntitlementCancelled)
    assert "was cancelled" in count.refusal(EntitlementAmended, cap=20)


def test_nothing_is_adjusted_after_a_cancellation() -> None:
    """What was before can still be put right."""
    count = Count()
    count.change(EntitlementCancelled)
    assert "is cancelled" in count.refusal(UsageAdjusted, MARCH, amount=1)
    count.change(UsageAdjusted, MARCH, amount=1, occurred_at=datetime(2025, 1, 20, 11, tzinfo=UTC))
    assert count.usage.balance(JANUARY).current.used == 1


def test_a_reversal_gives_back_no_more_than_is_counted() -> None:
    """An adjustment had given back some of it already."""
    count = Count(unit="hours", cap=2)
    count.log("e1", 60)
    count.change(UsageAdjusted, amount=-45)
    count.change(ConsumptionReversed, reference="e1")
    assert count.usage.balance(JANUARY).current.used == 0
    assert [row.used for row in count.of(LedgerRow) if row.kind == "reversed"] == [-15]
