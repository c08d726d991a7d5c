"""Grants: credits for one period by hand, one rule each."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from domain.errors import Refused
from domain.usage.allowance import Allowance
from domain.usage.audit import audit
from domain.usage.effects import CarryBackOrder, CarryOverOrder
from domain.usage.freezing import freeze
from domain.usage.machine import Usage, UsageEffect
from domain.usage.periods import Term
from domain.usage.requests import (
    Consumed,
    Consumption,
    ConsumptionReversed,
    EntitlementAmended,
    EntitlementRenewed,
    EntitlementTerms,
    OverageDecision,
    TimeEntry,
    UsageAdjusted,
    UsageChanged,
    UsageGranted,
)
from domain.usage.rows import LedgerRow
from domain.usage.state import UsageState
from domain.usage.takings import Taking

FAR = datetime(2040, 1, 1, tzinfo=UTC)
WHO: dict[str, Any] = {"by": "ana", "reason": "goodwill"}


def day(number: int, month: int = 3) -> datetime:
    return datetime(2026, month, number, 12, tzinfo=UTC)


class Visits:
    """Ten a month from March 2026 on, with everything that was ever wanted done."""

    def __init__(self, **allowance: Any) -> None:
        rules = Allowance.model_validate(
            {"unit": "visits", "cap": 10, "period": "month", "overflow": "block"} | allowance
        )
        term = Term(starts_on=date(2026, 3, 1), ends_on=date(2026, 12, 31), time_zone="UTC")
        terms = EntitlementTerms(entitlement_id="E1", account="acme", allowance=rules, periods=freeze(rules, term, FAR))
        self.usage = Usage.begin(terms, day(1))
        self.effects: list[UsageEffect] = []
        self.now = day(1)

    def to(self, now: datetime) -> None:
        self.now = now
        self.effects += self.usage.advance(now)

    def grant(self, amount: int, **more: Any) -> UsageChanged:
        asked = UsageGranted(event_id=f"g{len(self.effects)}", amount=amount, **WHO, **more)
        changed, effects = self.usage.change(asked, self.now)
        self.effects += effects
        return changed

    def take(self, reference: str, amount: int = 1, at: datetime | None = None) -> Consumed:
        asked = Consumption(reference=reference, event_id=reference, occurred_at=at or self.now, amount=amount)
        taken = self.usage.take(asked, self.now)
        self.effects += taken.effects
        return taken.answer

    def reverse(self, reference: str) -> None:
        asked = ConsumptionReversed(event_id=f"r-{reference}", reference=reference, **WHO)
        self.effects += self.usage.change(asked, self.now)[1]

    def stands(self, period: int = 0) -> tuple[int, int, int | None]:
        """Used of the cap, used of grants, left of the cap; and the ledger agrees, and all survives JSON."""
        rows = [row for row in self.effects if isinstance(row, LedgerRow)]
        assert audit(rows, self.usage.balance(self.now)) == []
        again = Usage(self.usage.terms, UsageState.model_validate_json(self.usage.state.model_dump_json()))
        assert again.balance(self.now) == self.usage.balance(self.now)
        balance = self.usage.balance_of(period)
        return balance.used, balance.grant_used, balance.remaining


def test_a_grant_is_used_first_and_is_in_no_percentage() -> None:
    """Two granted, three taken: one of the cap is used, ten percent; eleven in all fit beyond it."""
    visits = Visits(thresholds=[{"at": "10%"}])
    visits.grant(2)
    assert visits.take("A", 2).granted == 2
    assert visits.stands() == (0, 2, 10)
    assert visits.usage.balance_of(0).thresholds_passed == []
    visits.take("B")
    assert visits.stands() == (1, 2, 9)
    assert visits.usage.balance_of(0).usage_percent == 10
    assert visits.take("C", 10).outcome == "blocked"
    assert visits.take("D", 9).outcome == "granted"


def test_a_taking_may_be_paid_by_grant_and_cap() -> None:
    """Of three, two are paid by the grant; the row says three taken, and one of them used."""
    visits = Visits()
    visits.grant(2)
    answer = visits.take("A", 3)
    assert (answer.outcome, answer.taken, answer.granted, answer.used, answer.remaining) == ("granted", 3, 2, 1, 9)
    row = [effect for effect in visits.effects if isinstance(effect, LedgerRow)][-1]
    assert (row.kind, row.amount, row.used) == ("taken", 3, 1)
    assert visits.take("A", 3).outcome == "already"


UNTIL = day(10)


@pytest.mark.parametrize(
    ("at", "arrives", "granted"),
    [
        (UNTIL, day(10), 1),
        (UNTIL + timedelta(microseconds=1), day(11), 0),
        (day(9), day(20), 1),  # late, of an instant before
        (day(9), day(2, 4), 1),  # and after the period
        (day(11), day(20), 0),
        (day(1), day(10), 1),
    ],
)
def test_until_is_inclusive_and_meets_the_takings_own_instant(at: datetime, arrives: datetime, granted: int) -> None:
    visits = Visits()
    visits.grant(2, until=UNTIL)
    visits.to(arrives)
    assert visits.take("A", at=at).granted == granted
    assert visits.stands()[:2] == (1 - granted, granted)


def test_what_lapses_first_is_used_first() -> None:
    visits = Visits()
    visits.grant(1)
    visits.grant(1, until=day(20))
    visits.grant(1, until=day(10))
    assert [visits.take(f"V{n}").granted for n in range(3)] == [1, 1, 1]
    used = [[(grant.number, grant.used) for grant in visits.usage.state.grants]]
    assert used == [[(1, 1), (2, 1), (3, 1)]]
    visits.to(day(15))
    visits.reverse("V0")  # the one that lapsed on the tenth
    assert visits.usage.balance(day(15)).current.grant_left == 0
    assert visits.take("V3").granted == 0
    assert visits.take("V4", at=day(9)).granted == 1


def test_a_grant_is_of_its_period_and_lapses_with_it() -> None:
    """Ten of April are carried by nobody; what was granted for March pays nothing of April, unless it says so."""
    visits = Visits(carry_over="period")
    visits.grant(3)
    visits.to(day(2, 4))
    assert visits.usage.balance_of(1).carried == 10
    assert visits.take("A").granted == 0


@pytest.mark.parametrize(
    "ends",
    [
        [date(2026, 3, 20)],  # its instant is left out, its period only shortened
        [date(2026, 3, 20), date(2026, 12, 31)],
        [date(2026, 4, 5)],
        [None],
    ],
)
def test_a_grant_stays_with_its_period_whatever_its_end(ends: list[date | None]) -> None:
    """The instant only names the period: a new end that lies before it takes nothing of the grant away."""
    visits = Visits()
    visits.to(day(10))
    visits.grant(3, occurred_at=day(25))
    for number, ends_on in enumerate(ends):
        asked = EntitlementAmended(event_id=f"end-{number}", ends_on=ends_on or "never", **WHO)
        term = visits.usage.amended_term(asked)
        periods = None if term is None else freeze(visits.usage.terms.allowance, term, FAR)
        visits.effects += visits.usage.change(asked, visits.now, periods)[1]
    assert visits.take("A", 5).granted == 3
    assert visits.stands() == (2, 3, 8)


@pytest.mark.parametrize(
    ("rule", "carried"),
    [
        ({"carry_over": "period"}, 12),
        ({"carry_over": "period", "carry_over_cap": 5}, 7),
        ({"carry_over": "period", "carry_over_cap": "40%"}, 6),
        ({"carry_over": "renewal"}, 2),
        ({}, 2),
    ],
)
def test_a_grant_is_carried_over_if_it_says_so(rule: dict[str, Any], carried: int) -> None:
    """Beside what is left of the period, whatever the rule is for that, and its most."""
    visits = Visits(**rule)
    visits.grant(3, carries_over=True)
    visits.take("A")
    visits.to(day(2, 4))
    assert (visits.usage.balance_of(1).carried, visits.usage.balance_of(0).carried_over) == (carried, carried)
    assert visits.stands(1) == (0, 0, 10 + carried)


def test_late_work_paid_by_a_grant_shrinks_what_it_carried() -> None:
    """Ten and three go on; then March takes two late: the grant pays them, and two less are carried."""
    visits = Visits(carry_over="period")
    visits.grant(3, carries_over=True)
    visits.to(day(2, 4))
    assert visits.take("late", 2, at=day(20)).granted == 2
    assert visits.usage.balance_of(1).carried == 11
    assert visits.take("most", 22).outcome == "blocked"
    assert visits.take("all", 21).outcome == "granted"
    assert visits.take("later", at=day(21)).outcome == "blocked"
    assert visits.stands(1) == (21, 0, 0)
    visits.reverse("all")
    visits.reverse("late")
    assert visits.usage.balance_of(1).carried == 13


@pytest.mark.parametrize("rule", [{}, {"carry_over": "period"}, {"carry_over": "period", "carry_over_cap": 4}])
def test_what_carries_over_gives_nothing_twice(rule: dict[str, Any]) -> None:
    """Whatever is taken late and in which order: together never more than both periods had."""
    for first in range(0, 14, 3):
        for late in range(0, 14, 2):
            visits = Visits(**rule)
            visits.grant(3, carries_over=True)
            visits.grant(1, until=day(10))
            visits.to(day(2, 4))
            visits.take("now", 10 + first)
            visits.take("late", late + 1, at=day(20))
            visits.take("early", late + 1, at=day(9))
            visits.take("again", 3)
            march, april = visits.usage.balance_of(0), visits.usage.balance_of(1)
            assert march.used + march.grant_used + april.used <= 10 + 4 + 10
            assert april.used <= 10 + april.carried
            visits.stands(1)


def test_a_reversal_gives_back_to_the_grant() -> None:
    visits = Visits()
    visits.grant(2)
    visits.take("A", 3)
    visits.reverse("A")
    assert visits.stands() == (0, 0, 10)
    assert visits.take("A").is_reversed
    assert visits.take("B", 2).granted == 2
    with pytest.raises(Refused, match="was reversed before"):
        visits.usage.change(ConsumptionReversed(event_id="x", reference="A", **WHO), visits.now)


def test_a_taking_that_only_a_grant_paid_is_no_reversed_one() -> None:
    visits = Visits(cap=0)
    visits.grant(1)
    assert visits.take("A").is_taken
    again = visits.take("A")
    assert (again.outcome, again.is_reversed, again.granted) == ("already", False, 1)
    visits.reverse("A")
    assert visits.usage.balance_of(0).grant_left == 1


def test_an_adjustment_is_of_the_cap_alone() -> None:
    visits = Visits(carry_over="period")
    visits.grant(5, carries_over=True)
    with pytest.raises(Refused, match="only 10 visits can be taken, not 11"):
        visits.usage.change(UsageAdjusted(event_id="a", amount=11, **WHO), visits.now)


def test_yes_to_an_overflow_is_paid_by_a_grant_made_since() -> None:
    visits = Visits(cap=0, overflow="prompt", overage_price="85")
    assert visits.take("A").outcome == "prompt"
    visits.grant(1)
    yes = OverageDecision(reference="A", event_id="yes", approved=True, occurred_at=visits.now, **WHO)
    answer = visits.usage.decide(yes, visits.now).answer
    assert (answer.granted, answer.overage) == (1, 0)


def test_hours_are_paid_by_a_grant_before_the_cap() -> None:
    """90 granted of a bank of one hour: 180 minutes are 90, 60 and 30 beyond."""
    bank = Visits(unit="hours", cap=1)
    bank.grant(90)
    taken = bank.usage.log_hours(TimeEntry(id="T", minutes=180, worked_at=bank.now), bank.now)
    bank.effects += taken.effects
    assert (taken.answer.taken, taken.answer.granted, taken.answer.overage) == (150, 90, 30)
    assert bank.stands() == (60, 90, 0)


@pytest.mark.parametrize(
    ("allowance", "grant", "says"),
    [
        ({"cap": None}, {}, "is unlimited in that period; nothing need be granted"),
        ({}, {"until": datetime(2026, 2, 28, tzinfo=UTC)}, "lies before the period, so nothing could meet it"),
        ({"carry_over": "period"}, {"carries_over": True, "until": day(20)}, "leaves nothing that is carried over"),
        ({}, {"occurred_at": datetime(2027, 1, 1, tzinfo=UTC)}, "is outside the term of E1"),
    ],
)
def test_a_grant_that_makes_no_sense_is_refused(allowance: dict[str, Any], grant: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused, match=says):
        Visits(**allowance).grant(1, **grant)


def test_a_grant_is_on_record_once_with_who_and_why() -> None:
    visits = Visits()
    asked = UsageGranted(event_id="g", amount=2, until=day(20), **WHO)
    changed, [row, *_] = visits.usage.change(asked, visits.now)
    assert isinstance(row, LedgerRow)
    assert (row.kind, row.amount, row.used, row.by) == ("granted", 2, 0, "ana")
    assert row.reason == "2 visits granted until Fri 2026-03-20 12:00 UTC: goodwill"
    assert changed.balance.grant_left == 2
    assert visits.usage.change(asked, visits.now)[0].outcome == "already"
    assert visits.usage.balance_of(0).granted == 2


@pytest.mark.parametrize(
    "taking",
    [Taking(3, 1), Taking(3, 1, 2, 3, 4), Taking(3, 0, grants=((1, 30), (12, 5))), Taking(0, 1, 0, 2, 9, ((2, 2),))],
)
def test_what_a_reference_took_is_read_from_its_key(taking: Taking) -> None:
    """Those without a grant as they always were."""
    assert Taking.of(taking.key) == taking
    assert Taking.of("3:1:0:0") == Taking(3, 1)


@pytest.mark.parametrize(("given", "overage"), [(0, 2), (1, 1), (2, 0)])
def test_a_grant_that_went_into_the_renewal_pays_nothing_twice(given: int, overage: int) -> None:
    """Three of it went on; of two taken late by its leave, what the renewal has used by then is overage here."""
    visits = Visits(cap=0)
    visits.grant(3, carries_over=True, occurred_at=day(5, 12))
    renewed = EntitlementRenewed(event_id="renew", **WHO)
    visits.to(day(30, 12))
    visits.effects += visits.usage.change(renewed, visits.now)[1]
    visits.to(datetime(2027, 1, 2, tzinfo=UTC))
    assert [effect.amount for effect in visits.effects if isinstance(effect, CarryOverOrder)] == [3]
    assert visits.take("late", 2, at=day(6, 12)).granted == 2
    [back] = [effect for effect in visits.effects if isinstance(effect, CarryBackOrder)]
    assert back.amount == 2
    visits.effects += visits.usage.taken_back(back, given, visits.now)
    balance = visits.usage.balance_of(9)
    assert (balance.grant_used, balance.overage, balance.used) == (2 - overage, overage, 0)
    assert visits.take("more", 2, at=day(6, 12)).outcome == "blocked"
    assert visits.take("one", 1, at=day(6, 12)).granted == 1
    visits.stands(9)


@pytest.mark.parametrize(
    ("cap", "given", "paid", "used", "overage"),
    [
        (10, 0, [0, 0], 3, 0),
        (10, 1, [1, 0], 2, 0),
        (10, 2, [2, 0], 1, 0),
        (10, 3, [2, 1], 0, 0),
        (2, 0, [0, 0], 2, 1),
        (2, 1, [1, 0], 2, 0),
        (0, 1, [1, 0], 0, 2),
    ],
)
def test_what_a_grant_cannot_pay_late_is_used_of_the_lapsed_cap(
    cap: int, given: int, paid: list[int], used: int, overage: int
) -> None:
    """Two grants of two went on, the cap lapsed: of three taken late that came back is used first, then the cap."""
    visits = Visits(cap=cap)
    for _ in range(2):
        visits.grant(2, carries_over=True, occurred_at=day(5, 12))
    visits.to(day(30, 12))
    visits.effects += visits.usage.change(EntitlementRenewed(event_id="renew", **WHO), visits.now)[1]
    visits.to(datetime(2027, 1, 2, tzinfo=UTC))
    assert visits.take("late", 3, at=day(6, 12)).granted == 3
    [back] = [effect for effect in visits.effects if isinstance(effect, CarryBackOrder)]
    visits.effects += visits.usage.taken_back(back, given, visits.now)
    balance = visits.usage.balance_of(9)
    assert [grant.used for grant in visits.usage.state.grants] == paid
    assert (balance.used, balance.overage) == (used, overage)
    assert visits.take("late", 3, at=day(6, 12)).taken == 3 - overage
    visits.stands(9)
