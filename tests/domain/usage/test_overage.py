"""Overage afterwards: covered from what is left, voided before and after it is billed; and an opening balance."""

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
from domain.usage.machine import Usage
from domain.usage.requests import (
    Consumption,
    ConsumptionReversed,
    EntitlementAmended,
    OverageCovered,
    OverageDecision,
    OverageVoided,
    TimeEntry,
)
from domain.usage.rows import LedgerRow, RowKind
from domain.usage.state import PeriodRecord

JANUARY = datetime(2026, 1, 10, 12, tzinfo=UTC)
FEBRUARY = datetime(2026, 2, 10, 12, tzinfo=UTC)
WHO: dict[str, Any] = {"by": "ana", "reason": "agreed"}


class Bank:
    """An entitlement of 2026 in UTC, counted by the month; amounts are visits or minutes."""

    def __init__(self, begins: datetime = JANUARY, opening: Any = None, **allowance: Any) -> None:
        declared = {
            "id": "bank",
            "account": "acme",
            "starts_on": "2026-01-01",
            "ends_on": "2026-12-31",
            "opening": opening,
            "allowance": {"unit": "visits", "cap": 2, "period": "month", "overflow": "prompt", "overage_price": "9 EUR"}
            | allowance,
        }
        entitlement = Entitlement.model_validate(declared)
        terms = entitlement_terms(entitlement, Account(id="acme"), Organisation(), now=begins)
        self.usage = Usage.begin(terms, begins)
        self.effects: list[UsageEffect] = []
        self.asked = 0
        self.to(begins)

    def to(self, now: datetime) -> None:
        self.now = now
        self.effects += self.usage.advance(now)
        assert audit([e for e in self.effects if isinstance(e, LedgerRow)], self.usage.balance(now)) == []

    def take(self, reference: str, at: datetime | None = None) -> str:
        asked = Consumption(reference=reference, event_id=f"take-{reference}", occurred_at=at or self.now)
        taken = self.usage.take(asked, self.now)
        self.effects += taken.effects
        return taken.answer.outcome

    def over(self, reference: str) -> None:
        """Taken beyond the cap, as somebody has approved."""
        assert self.take(reference) == "prompt"
        self.asked += 1
        decision = OverageDecision(
            reference=reference, event_id=f"yes-{self.asked}", approved=True, occurred_at=self.now, **WHO
        )
        self.effects += self.usage.decide(decision, self.now).effects

    def change(self, kind: type[Any], **fields: Any) -> int | None:
        self.asked += 1
        said, effects = self.usage.change(kind(event_id=f"c-{self.asked}", **fields, **WHO), self.now)
        self.effects += effects
        self.to(self.now)
        return said.amount

    @property
    def billed(self) -> int:
        rows = [e for e in self.effects if isinstance(e, LedgerRow) and e.kind is RowKind.OVERRIDE]
        return sum(row.amount for row in rows)

    def now_has(self, at: datetime | None = None) -> tuple[int, int]:
        current = self.usage.balance(at or self.now).current
        return current.used, current.overage


def full(**allowance: Any) -> Bank:
    bank = Bank(**allowance)
    bank.take("V-1")
    bank.take("V-2")
    bank.over("V-3")
    assert (bank.now_has(), bank.billed) == ((2, 1), 1)
    return bank


def test_a_voided_overage_is_not_billed_and_stays_taken() -> None:
    bank = full()
    assert bank.change(OverageVoided, reference="V-3") == 1
    assert (bank.now_has(), bank.billed) == ((2, 0), 0)
    assert bank.take("V-3") == "already"
    with pytest.raises(Refused, match="no overage"):
        bank.change(OverageVoided, reference="V-3")
    bank.change(ConsumptionReversed, reference="V-3")
    assert (bank.now_has(), bank.billed) == ((2, 0), 0)


def test_overage_is_covered_from_a_raised_cap() -> None:
    bank = full()
    with pytest.raises(Refused, match="nothing is left"):
        bank.change(OverageCovered, reference="V-3")
    bank.change(EntitlementAmended, cap=3)
    assert bank.change(OverageCovered, reference="V-3") == 1
    assert (bank.now_has(), bank.billed) == ((3, 0), 0)
    bank.change(ConsumptionReversed, reference="V-3")
    assert (bank.now_has(), bank.billed) == ((2, 0), 0)


def test_overage_is_covered_from_a_later_period() -> None:
    """Used there with a link to what it pays for; reversed, it is given back there."""
    bank = full()
    bank.to(FEBRUARY)
    bank.take("V-4")
    bank.take("V-5")
    bank.over("V-6")
    with pytest.raises(Refused, match="its own period or from a later one"):
        bank.change(OverageCovered, reference="V-6", occurred_at=JANUARY)
    bank.to(datetime(2026, 3, 10, tzinfo=UTC))
    assert bank.change(OverageCovered, reference="V-3", occurred_at=bank.now) == 1
    assert (bank.now_has(JANUARY), bank.now_has()) == ((2, 0), (1, 0))
    paid = [e for e in bank.effects if isinstance(e, LedgerRow) and e.kind is RowKind.COVERED]
    assert [(row.reference, row.period, row.used) for row in paid] == [("V-3", 2, 1)]
    bank.change(ConsumptionReversed, reference="V-3")
    assert (bank.now_has(JANUARY), bank.now_has()) == ((2, 0), (0, 0))


@pytest.mark.parametrize(("amount", "covered"), [(None, 60), (20, 20), (500, 60)])
def test_overage_is_covered_in_part_if_less_is_left(amount: int | None, covered: int) -> None:
    bank = Bank(unit="hours", cap=1)
    entry = TimeEntry(id="T", minutes=150, worked_at=JANUARY)
    bank.effects += bank.usage.log_hours(entry, JANUARY).effects
    bank.change(EntitlementAmended, cap=2)
    assert bank.change(OverageCovered, reference="T", amount=amount) == covered
    assert bank.now_has() == (60 + covered, 90 - covered)
    assert bank.change(OverageVoided, reference="T", amount=10) == 10
    assert bank.now_has() == (60 + covered, 80 - covered)


def test_a_cover_that_is_one_too_many_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.usage.overage.MOST_COVERS", 0)
    bank = full()
    bank.to(FEBRUARY)
    before = bank.usage.state.model_dump_json()
    with pytest.raises(Refused, match="covered from other periods already"):
        bank.change(OverageCovered, reference="V-3", occurred_at=FEBRUARY)
    assert bank.usage.state.model_dump_json() == before


# --- the opening balance ---


def test_an_opening_balance_counts_what_was_used_elsewhere() -> None:
    """From its date on; an earlier period carries nothing, and what was taken before is on record and takes nothing."""
    bank = Bank(
        datetime(2026, 6, 20, tzinfo=UTC),
        opening={"as_of": date(2026, 6, 10), "used": 3, "carried": 4},
        cap=5,
        carry_over="period",
    )
    current = bank.usage.balance(bank.now).current
    assert (current.used, current.carried, current.cap, current.remaining) == (3, 4, 9, 6)
    assert bank.take("before", datetime(2026, 6, 9, tzinfo=UTC)) == "granted"
    assert bank.take("before", datetime(2026, 6, 9, tzinfo=UTC)) == "already"
    assert bank.take("long-before", JANUARY) == "granted"
    assert bank.now_has() == (3, 0)
    rows = [e for e in bank.effects if isinstance(e, LedgerRow) and e.kind is RowKind.TAKEN]
    assert [(row.reference, row.at, row.amount, row.used, row.reason) for row in rows] == [
        ("before", datetime(2026, 6, 9, tzinfo=UTC), 0, 0, "the opening balance counts it already"),
        ("long-before", JANUARY, 0, 0, "the opening balance counts it already"),
    ]
    assert bank.take("after", datetime(2026, 6, 11, tzinfo=UTC)) == "granted"
    assert bank.now_has() == (4, 0)
    bank.to(datetime(2026, 7, 2, tzinfo=UTC))
    assert bank.usage.balance(bank.now).current.carried == 5


def test_an_opening_balance_above_the_cap_is_overage_that_nobody_pays() -> None:
    mail = {"do": "task", "subject": "used up"}
    bank = Bank(opening={"as_of": date(2026, 1, 5), "used": 7}, thresholds=[{"at": "100%", "actions": [mail]}])
    assert (bank.now_has(), bank.billed) == ((2, 5), 0)
    assert bank.usage.balance(bank.now).current.thresholds_passed == ["100-percent"]
    assert [e for e in bank.effects if isinstance(e, UsageActionOrder)] == []
    assert bank.take("V-1") == "prompt"


@pytest.mark.parametrize(
    ("opening", "says"),
    [
        ({"as_of": "2025-12-31", "used": 1}, "outside the term"),
        ({"as_of": "2027-01-01", "used": 1}, "outside the term"),
        ({"as_of": "2026-01-05", "used": -1}, "greater than or equal to 0"),
        ({"as_of": "2026-01-05", "used": 10**9 + 1}, "less than or equal to"),
        ({"used": 1}, "Field required"),
    ],
)
def test_an_opening_balance_that_cannot_be_is_refused(opening: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Bank(opening=opening)


def test_with_an_opening_no_old_period_gives_anything() -> None:
    """A start years back and carrying over would else begin with all of them."""
    begins = datetime(2026, 12, 20, tzinfo=UTC)
    assert Bank(begins, carry_over="period").usage.balance(begins).current.carried == 22
    bank = Bank(begins, carry_over="period", opening={"as_of": "2026-12-01"})
    assert bank.usage.balance(begins).current.carried == 0
    assert bank.usage.next_due == datetime(2027, 1, 1, tzinfo=UTC) + timedelta(0)


def test_what_an_opening_balance_says_was_carried_came_from_no_period_here() -> None:
    """The period before it carries nothing, in its balance and in what is reported of it."""
    may = datetime(2026, 5, 20, tzinfo=UTC)
    bank = Bank(may, carry_over="period", opening={"as_of": "2026-05-01", "used": 2, "carried": 3})
    bank.take("April", may - timedelta(days=40))
    bank.to(datetime(2026, 6, 2, tzinfo=UTC))
    carried = {period: bank.usage.balance_of(period).carried_over for period in (2, 3, 4)}
    assert carried == {2: 0, 3: 0, 4: 3}
    reported = [(one.period, one.carried_over) for one in bank.effects if isinstance(one, PeriodRecord)]
    assert reported == [(3, 0), (4, 3)]
    assert bank.usage.balance_of(4).carried == 3


# --- what is billed ---


def bills(bank: Bank, *until: datetime) -> list[list[tuple[int, str | None]]]:
    """What is on each bill, where one is written up to each of these instants and one after them."""
    rows = [e for e in bank.effects if isinstance(e, LedgerRow) and e.kind is RowKind.OVERRIDE]
    edges = [*until, datetime.max.replace(tzinfo=UTC)]
    found: list[list[tuple[int, str | None]]] = [[] for _ in edges]
    for row in rows:
        found[next(n for n, edge in enumerate(edges) if row.recorded_at < edge)].append((row.amount, row.price))
    return found


@pytest.mark.parametrize("kind", [OverageVoided, ConsumptionReversed])
def test_an_override_is_withdrawn_before_it_is_billed(kind: type[Any]) -> None:
    """One bill has both, which comes to nothing."""
    bank = full()
    bank.change(kind, reference="V-3")
    assert bills(bank, FEBRUARY) == [[(1, "9 EUR"), (-1, "9 EUR")], []]


@pytest.mark.parametrize("kind", [OverageVoided, ConsumptionReversed])
def test_an_override_that_was_billed_is_countered(kind: type[Any]) -> None:
    """The bill that was written stays as it is; the next one pays it back, at the price that was billed."""
    bank = full()
    bank.to(FEBRUARY)
    bank.change(kind, reference="V-3")
    assert bills(bank, FEBRUARY) == [[(1, "9 EUR")], [(-1, "9 EUR")]]


@pytest.mark.parametrize("amended", [JANUARY, FEBRUARY])
def test_an_override_is_paid_back_at_its_own_price(amended: datetime) -> None:
    """Whatever is charged since; what is approved since has the new price, and is paid back at that."""
    bank = full()
    bank.to(amended)
    dearer = bank.usage.terms.allowance.model_copy(update={"overage_price": "12 EUR"})
    bank.change(EntitlementAmended, allowance=dearer)
    bank.over("V-4") if amended == JANUARY else None
    bank.change(OverageVoided, reference="V-3")
    found = bills(bank)[0]
    assert found[-1] == (-1, "9 EUR")
    if amended == JANUARY:
        bank.change(OverageVoided, reference="V-4")
        assert bills(bank)[0][-1] == (-1, "12 EUR")
