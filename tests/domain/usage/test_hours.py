"""Time entries, and decisions about what is beyond the cap; one rule each."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from domain.errors import Refused
from domain.usage.allowance import Allowance
from domain.usage.audit import audit
from domain.usage.freezing import freeze
from domain.usage.machine import Usage, UsageEffect
from domain.usage.periods import Term
from domain.usage.requests import (
    RULES,
    Consumed,
    Consumption,
    ConsumptionReversed,
    EntitlementAmended,
    EntitlementOverflowed,
    EntitlementTerms,
    OpeningBalance,
    OverageDecision,
    TimeEntry,
)
from domain.usage.rows import LedgerRow

NOON = datetime(2025, 2, 20, 12, tzinfo=UTC)


class Bank:
    """An entitlement with everything that it ever wanted done."""

    def __init__(self, **allowance: Any) -> None:
        declared = Allowance.model_validate({"unit": "hours", "cap": 2, "overage_price": "85.00 EUR"} | allowance)
        term = Term(starts_on=date(2025, 1, 15), ends_on=date(2025, 12, 31), time_zone="UTC")
        terms = EntitlementTerms(
            entitlement_id="E1", account="acme", allowance=declared, periods=freeze(declared, term, NOON)
        )
        self.usage = Usage.begin(terms, NOON)
        self.effects: list[UsageEffect] = []

    def log(self, entry: str, minutes: int, at: datetime = NOON, **more: Any) -> Consumed:
        asked = TimeEntry.model_validate({"id": entry, "minutes": minutes, "worked_at": at} | more)
        taken = self.usage.log_hours(asked, NOON)
        self.effects += taken.effects
        return taken.answer

    def take(self, reference: str, event_id: str = "") -> Consumed:
        asked = Consumption(reference=reference, event_id=event_id or f"take-{reference}", occurred_at=NOON)
        taken = self.usage.take(asked, NOON)
        self.effects += taken.effects
        return taken.answer

    def decide(self, reference: str, event_id: str, *, yes: bool) -> Consumed:
        asked = OverageDecision(
            reference=reference, event_id=event_id, approved=yes, by="ana", reason="urgent", occurred_at=NOON
        )
        taken = self.usage.decide(asked, NOON)
        self.effects += taken.effects
        return taken.answer

    def change(self, kind: type[Any], event_id: str, **fields: Any) -> None:
        self.effects += self.usage.change(kind(event_id=event_id, by="ana", reason="so", **fields), NOON)[1]

    def rows(self, *kinds: str) -> list[LedgerRow]:
        return [row for row in self.effects if isinstance(row, LedgerRow) and (not kinds or row.kind in kinds)]

    @property
    def now(self) -> tuple[int, int, int | None]:
        current = self.usage.balance(NOON).current
        assert audit(self.rows(), self.usage.balance(NOON)) == []
        return current.used, current.overage, current.remaining


def test_an_entry_is_split_at_the_cap() -> None:
    """What is over it is overage, kept apart from used; nothing is left, and never less."""
    bank = Bank(overflow="block")
    answer = bank.log("T1", 150)
    assert (answer.outcome, answer.taken, answer.overage, answer.left_over) == ("blocked", 120, 30, 0)
    assert bank.now == (120, 30, 0)
    assert bank.log("T2", 45).overage == 45
    assert bank.now == (120, 75, 0)
    told = [effect for effect in bank.effects if isinstance(effect, EntitlementOverflowed)]
    assert [(one.reference, one.amount, one.policy) for one in told] == [("T1", 30, "block"), ("T2", 45, "block")]


def test_an_entry_counts_once() -> None:
    bank = Bank()
    assert bank.log("T1", 90).outcome == "granted"
    again = bank.log("T1", 400)
    assert (again.outcome, again.taken) == ("already", 90)
    assert bank.now == (90, 0, 30)


@pytest.mark.parametrize(("minutes", "taken"), [(1, 15), (15, 15), (16, 30), (60, 60)])
def test_an_entry_is_rounded_up_before_it_is_split(minutes: int, taken: int) -> None:
    bank = Bank(round_up_to="15m")
    assert bank.log("T1", minutes).taken == taken


def test_the_rest_of_an_entry_is_not_rounded_again() -> None:
    """The first entitlement rounds; the next takes what was left over as it is."""
    first, second = Bank(round_up_to="15m"), Bank(round_up_to="1h")
    answer = first.log("T1", 121, has_fallback=True)
    assert (answer.outcome, answer.taken, answer.overage, answer.left_over) == ("overflow", 120, 0, 15)
    assert first.now == (120, 0, 0)
    assert second.log("T1", answer.left_over, is_rest=True).taken == 15


def test_an_entry_that_fell_back_gets_the_same_answer_again() -> None:
    """Also after the cap rose: the next entitlement has taken the rest by then."""
    bank = Bank()
    first = bank.log("T1", 150, has_fallback=True)
    bank.change(EntitlementAmended, "raise", cap=20)
    again = bank.log("T1", 150, has_fallback=True)
    assert (again.outcome, again.taken, again.left_over) == (first.outcome, first.taken, first.left_over)
    assert bank.now == (120, 0, 20 * 60 - 120)


def test_without_another_entitlement_the_rest_stays_uncovered() -> None:
    assert Bank(overflow="fallback").log("T1", 150).overage == 30


def test_a_reversal_undoes_an_entry_with_its_overage_once() -> None:
    bank = Bank(overflow="block")
    bank.log("T1", 150)
    bank.change(ConsumptionReversed, "undo", reference="T1")
    assert bank.now == (0, 0, 120)
    [row] = bank.rows("reversed")
    assert (row.used, row.overage, row.amount, row.by) == (-120, -30, -150, "ana")
    with pytest.raises(Refused, match="was reversed before"):
        bank.change(ConsumptionReversed, "undo-again", reference="T1")
    assert bank.now == (0, 0, 120)


def test_an_entry_that_was_reversed_says_so_when_it_comes_again() -> None:
    """Nothing is counted of it; whoever believes that it is would never know."""
    bank = Bank(overflow="block")
    assert not bank.log("T1", 150).is_reversed
    assert bank.log("T1", 150).is_taken is False, "blocked: it is uncovered in part"
    bank.change(ConsumptionReversed, "undo", reference="T1")
    again = bank.log("T1", 150)
    assert (again.outcome, again.is_reversed, again.is_taken, again.taken) == ("already", True, False, 0)
    assert bank.now == (0, 0, 120)


def test_an_entry_outside_the_term_is_refused() -> None:
    answer = Bank().log("T1", 30, at=datetime(2026, 1, 1, tzinfo=UTC))
    assert answer.outcome == "refused"
    assert "E1 is expired at Thu 2026-01-01 00:00 UTC" in str(answer.reason)


def test_hours_are_logged_and_cases_are_not() -> None:
    assert "are taken by time entries" in str(Bank().take("T1").reason)
    assert "is counted in cases, not in hours" in str(Bank(unit="cases").log("T1", 30).reason)


# --- prompt ---


def test_a_prompt_takes_nothing_until_somebody_says_yes() -> None:
    """Then it takes one more at the overage price, kept apart, with a row for billing."""
    cases = Bank(unit="cases", cap=1, overflow="prompt")
    cases.take("C1")
    asked = cases.take("C2")
    assert (asked.outcome, asked.overage_price, str(asked.prompt_within)) == ("prompt", "85.00 EUR", "1bd")
    assert cases.now == (1, 0, 0)
    answer = cases.decide("C2", "yes", yes=True)
    assert (answer.outcome, answer.overage, answer.is_taken) == ("granted", 1, True)
    assert cases.now == (1, 1, 0)
    [row] = cases.rows("override")
    assert (row.reference, row.amount, row.price, row.by, row.reason) == ("C2", 1, "85.00 EUR", "ana", "urgent")
    assert cases.decide("C2", "yes", yes=True).outcome == "already"
    assert cases.decide("C2", "yes-again", yes=True).outcome == "already"
    assert cases.take("C2").outcome == "already"
    assert cases.now == (1, 1, 0)


def test_no_falls_back() -> None:
    """The request that was asked about falls back from then on; a new one asks anew."""
    cases = Bank(unit="cases", cap=0, overflow="prompt")
    assert cases.take("C1").outcome == "prompt"
    assert cases.decide("C1", "no", yes=False).outcome == "overflow"
    assert cases.decide("C1", "no", yes=False).outcome == "overflow"
    assert cases.take("C1").outcome == "overflow"
    assert cases.take("C1", "another").outcome == "prompt"
    assert cases.now == (0, 0, 0)
    assert [row.by for row in cases.rows("declined")] == ["ana"]


def test_yes_is_no_override_if_there_is_room_by_then() -> None:
    cases = Bank(unit="cases", cap=0, overflow="prompt")
    cases.take("C1")
    cases.change(EntitlementAmended, "raise", cap=5)
    assert cases.decide("C1", "yes", yes=True).taken == 1
    assert cases.now == (1, 0, 4)
    assert cases.rows("override") == []


def test_yes_bills_an_entry_as_it_was_asked_whatever_room_there_is_by_then() -> None:
    """Its work is on record beyond the cap; it can be covered instead."""
    bank = Bank(cap=1, overflow="prompt")
    bank.log("T1", 90)
    bank.change(EntitlementAmended, "raise", cap=5)
    assert bank.decide("T1", "yes", yes=True).overage == 30
    assert bank.now == (60, 30, 240)
    assert [row.amount for row in bank.rows("override")] == [30]


def test_a_block_is_lifted_at_once_by_a_higher_cap() -> None:
    """For a new request: the one that was refused gets the same answer."""
    cases = Bank(unit="cases", cap=0, overflow="block")
    assert cases.take("C1").outcome == "blocked"
    cases.change(EntitlementAmended, "raise", cap=5)
    assert cases.take("C1").outcome == "blocked"
    assert cases.take("C1", "opened again").outcome == "granted"


def test_who_does_not_ask_gets_no_decision() -> None:
    cases = Bank(unit="cases", cap=0, overflow="block")
    cases.take("C1")
    with pytest.raises(Refused, match="does not ask: its overflow is block"):
        cases.decide("C1", "yes", yes=True)


def test_overage_of_hours_is_billed_once_somebody_says_yes() -> None:
    """The work is on record before; a reversal takes the bill back too."""
    bank = Bank(overflow="prompt")
    assert bank.log("T1", 150).outcome == "prompt"
    assert bank.log("T1", 150).outcome == "prompt"
    assert bank.now == (120, 30, 0)
    with pytest.raises(Refused, match="no time entry 'T2' has overage"):
        bank.decide("T2", "yes-2", yes=True)
    assert bank.decide("T1", "yes", yes=True).outcome == "granted"
    assert bank.decide("T1", "yes-again", yes=True).outcome == "already"
    with pytest.raises(Refused, match="is approved; reverse the entry"):
        bank.decide("T1", "no", yes=False)
    assert bank.now == (120, 30, 0)
    assert bank.log("T1", 150).outcome == "already"
    bank.change(ConsumptionReversed, "undo", reference="T1")
    assert [row.amount for row in bank.rows("override")] == [30, -30]
    assert bank.now == (0, 0, 120)


def test_work_before_the_opening_balance_is_on_record_and_takes_nothing() -> None:
    opening = OpeningBalance(at=NOON, used=30)
    bank = Bank()
    bank.usage = Usage.begin(bank.usage.terms.model_copy(update={"opening": opening, "rules": RULES}), NOON)
    bank.effects += bank.usage.advance(NOON)
    assert bank.log("T-0", 60, NOON - timedelta(days=1)).outcome == "granted"
    assert bank.log("T-0", 60, NOON - timedelta(days=1)).outcome == "already"
    [row] = bank.rows("taken")
    assert (row.reference, row.amount, row.used, row.reason) == ("T-0", 0, 0, "the opening balance counts it already")
    assert bank.now[0] == 30
