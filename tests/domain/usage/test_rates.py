"""Rates of hours, held against sums worked out by hand. The hours are Monday to Friday 09:00-17:00; 20 February 2025
is a Thursday."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from domain.calendar import BusinessHours
from domain.catalog.checks import check_catalog
from domain.catalog.declarations import Catalog
from domain.errors import Refused
from domain.usage.allowance import Allowance
from domain.usage.decisions import KEEPS_WHAT_WAS_ASKED
from domain.usage.machine import Usage
from domain.usage.rates import EntryRates, RatedFrom, RateRow, Rating, entry_rates, table_key
from domain.usage.requests import (
    RULES,
    Consumed,
    ConsumptionReversed,
    EntitlementAmended,
    EntitlementOverflowed,
    UsageGranted,
)
from tests.domain.usage.test_hours import NOON, Bank

DAYS = ("mon", "tue", "wed", "thu", "fri")
OFFICE = BusinessHours.model_validate(
    {"name": "Office", "time_zone": "UTC", "week": {day: ["09:00-17:00"] for day in DAYS}}
)
OUTSIDE = [{"when": "entry.outside_hours", "rate": 1.5}]


def at(clock: str, day: int = 20) -> datetime:
    return datetime.fromisoformat(f"2025-02-{day} {clock}+00:00")


def rated(table: list[dict[str, Any]], worked_at: datetime, **case: Any) -> EntryRates:
    rows = [RateRow.model_validate(row) for row in table]
    until = worked_at + timedelta(days=40)
    entry = {"id": "T1", "minutes": 30, "by": "ana", "note": "on site"}
    frozen = OFFICE.freeze(worked_at, until)
    return entry_rates(rows, frozen, entry=entry, case=case, worked_at=worked_at, until=until)


def log(bank: Bank, minutes: int, worked_at: datetime, *, entry: str = "T1", **more: Any) -> Consumed:
    table = [row.model_dump() for row in bank.usage.terms.allowance.rates]
    return bank.log(entry, minutes, worked_at, rates=rated(table, worked_at), **more)


@pytest.mark.parametrize(
    ("allowance", "worked_at", "minutes", "counted"),
    [
        ({}, at("10:00"), 60, 60),
        ({}, at("16:30"), 60, 75),  # 30 + 30 x 1.5
        ({}, at("08:30"), 60, 75),
        ({}, at("17:00"), 40, 60),
        ({}, at("16:20"), 40, 40),  # up to the closing, which is outside
        ({}, at("16:59"), 2, 3),  # 1 + 1.5, rounded up once
        ({}, at("16:30:30"), 30, 31),  # 29.5 + 0.5 x 1.5
        ({}, at("16:30"), 17 * 60, 1500),  # 30 + 16 h x 1.5 + 30 on Friday
        ({}, at("12:00", 22), 60, 90),  # Saturday
        ({}, at("12:00", 21), 3 * 24 * 60, 6240),  # 300 on Friday, 64 h x 1.5, 180 on Monday
        ({"minimum": "30m"}, at("16:50"), 5, 40),  # 10, and what is added lies after the end: 20 x 1.5
        ({"round_up_to": "15m"}, at("16:50"), 11, 18),  # 10 + 5 x 1.5
        ({"grace": "5m"}, at("18:00"), 5, 0),
        ({"rates": [{"when": "entry.outside_hours", "rate": 0}]}, at("16:30"), 60, 30),
        ({"rates": [{"rate": 0.5}]}, at("16:30"), 45, 23),
        ({"rates": [{"when": "!entry.outside_hours", "rate": 0.3333}]}, at("16:30"), 60, 40),  # 9.999 + 30
        ({"rates": [{"when": 'entry.note == "on site"', "rate": 2}, *OUTSIDE]}, at("18:00"), 30, 60),
    ],
)
def test_minutes_count_by_the_rate_of_their_time(
    allowance: dict[str, Any], worked_at: datetime, minutes: int, counted: int
) -> None:
    """Split where the rate changes, rounded up once an entry."""
    bank = Bank(**{"cap": 1000, "rates": OUTSIDE} | allowance)
    answer = log(bank, minutes, worked_at)
    work = bank.usage.terms.allowance.minutes_counted(minutes) or minutes
    assert (answer.outcome, answer.taken, answer.minutes) == ("granted", counted, work)


def test_the_first_row_that_holds_counts() -> None:
    """One that can't be told, such as of a field that is not set, does not."""
    table: list[dict[str, Any]] = [
        {"when": 'case.priority == "High" && entry.outside_hours', "rate": 3},
        {"when": "entry.outside_hours", "rate": 2},
        {"when": 'case.priority == "High"', "rate": "1.25"},
    ]
    for case, inside, outside in (({"priority": "High"}, "1.25", "3"), ({"priority": "Low"}, "1", "2"), ({}, "1", "2")):
        parts = rated(table, at("16:00"), **case).parts
        minutes = [(part.after // 60_000_000, part.rate) for part in parts[:3]]
        assert minutes == [(0, inside), (60, outside), (1020, inside)]


@pytest.mark.parametrize(
    ("overflow", "cap", "fallback", "comes_to"),
    [
        ("fallback", 1, True, (60, 0, 70)),  # 30 and 20 x 1.5: fifty minutes of work are paid
        ("fallback", "61m", True, (60, 0, 70)),  # the fifty-first would count one and a half
        ("fallback", "62m", True, (62, 0, 69)),
        ("fallback", 0, True, (0, 0, 120)),
        ("fallback", 1, False, (60, 70, 0)),  # uncovered: minutes of work
        ("block", 1, True, (60, 70, 0)),
        ("prompt", 1, True, (60, 105, 0)),  # 165 in all: what is asked for is rated
        ("prompt", "61m", True, (60, 105, 0)),
        ("block", 3, True, (165, 0, 0)),
    ],
)
def test_what_is_over_are_minutes_of_work(
    overflow: str, cap: Any, comes_to: tuple[int, int, int], *, fallback: bool
) -> None:
    """Thursday 16:30 to 18:30 counts 165; only what somebody is asked to pay for is rated."""
    used, overage, left_over = comes_to
    bank = Bank(cap=cap, overflow=overflow, rates=OUTSIDE)
    answer = log(bank, 120, at("16:30"), has_fallback=fallback)
    assert (answer.taken, answer.overage, answer.left_over, answer.minutes) == (used, overage, left_over, 120)
    assert bank.now[:2] == (used, overage)
    told = [effect.amount for effect in bank.effects if isinstance(effect, EntitlementOverflowed)]
    assert told == [overage or left_over] * bool(overage or left_over)
    again = log(bank, 120, at("16:30"), has_fallback=fallback)
    assert (again.taken, again.overage, again.left_over) == (used, overage, left_over)


def test_each_that_pays_applies_its_own_rates() -> None:
    """Fifty minutes of work are paid by the first; the rest lies from 17:20 on, and counts twice in the second."""
    first, second = Bank(cap=1, rates=OUTSIDE), Bank(cap=10, rates=[{"when": "entry.outside_hours", "rate": 2}])
    third = Bank(cap=10)
    answer = log(first, 120, at("16:30"), has_fallback=True)
    rest: dict[str, Any] = {"is_rest": True, "paid": answer.minutes - answer.left_over}
    assert rest["paid"] == 50
    assert log(second, answer.left_over, at("16:30"), **rest).taken == 140
    assert log(third, answer.left_over, at("16:30"), **rest).taken == 70
    early = Bank(cap=10, rates=OUTSIDE)  # 09:30 after 60 paid: 30 inside yet, though it began outside
    assert log(early, 30, at("08:30"), is_rest=True, paid=60).taken == 30


@pytest.mark.parametrize(
    ("cap", "rate", "minutes", "comes_to"),
    [
        ("11m", 0.75, 61, (11, 35)),  # 45.75 in all; 10.5 and 35.25 apart would come to 11 and 36
        ("1m", 0.5, 3, (1, 1)),
        (0, 0.3333, 10, (0, 4)),
        ("2m", 1.1, 30, (2, 31)),  # one minute is paid, and counts two
        ("10m", 0.3333, 30, (10, 0)),  # 9.999
    ],
)
def test_what_is_paid_and_asked_about_is_one_sum(
    cap: Any, rate: float, minutes: int, comes_to: tuple[int, int]
) -> None:
    """Rated minutes are rounded up once an entry, not once for each part of it."""
    bank = Bank(cap=cap, overflow="prompt", rates=[{"rate": rate}])
    log(bank, minutes, at("10:00"))
    assert bank.now[:2] == comes_to


@pytest.mark.parametrize("cap", [1, "61m"])
def test_a_no_leaves_minutes_of_work_uncovered(cap: Any) -> None:
    """A yes after it is billed as it was asked."""
    bank = Bank(cap=cap, overflow="prompt", rates=OUTSIDE)
    log(bank, 120, at("16:30"))
    bank.decide("T1", "no", yes=False)
    assert bank.now[:2] == (60, 70)
    bank.decide("T1", "yes", yes=True)
    assert bank.now[:2] == (60, 105)
    [override] = bank.rows("override")
    assert (override.amount, override.price) == (105, "85.00 EUR")
    bank.change(ConsumptionReversed, "undo", reference="T1")
    assert bank.now[:2] == (0, 0)


@pytest.mark.parametrize(("rules", "billed"), [(RULES, 105), (KEEPS_WHAT_WAS_ASKED - 1, 70)])
def test_a_second_no_changes_nothing_of_what_a_yes_bills(rules: int, billed: int) -> None:
    """Counts of older rules bill what was uncovered by then."""
    bank = Bank(cap=1, overflow="prompt", rates=OUTSIDE)
    bank.usage = Usage.begin(bank.usage.terms.model_copy(update={"rules": rules}), NOON)
    log(bank, 120, at("16:30"))
    for number in range(3):
        bank.decide("T1", f"no-{number}", yes=False)
        assert bank.now[:2] == (60, 70)
    bank.decide("T1", "yes", yes=True)
    assert bank.now[:2] == (60, billed)
    assert [row.amount for row in bank.rows("override")] == [billed]


def test_worked_and_rated_minutes_are_both_on_record() -> None:
    bank = Bank(cap=1, overflow="prompt", rates=OUTSIDE)
    log(bank, 120, at("16:30"), note="press stopped")
    [taken], [over] = bank.rows("taken"), bank.rows("overage")
    assert (taken.amount, taken.used, taken.reason) == (60, 60, "50m of work count 1 hour: press stopped")
    assert (over.amount, over.overage, over.reason) == (105, 105, "1h10m of work count 1.75 hours: press stopped")


def test_a_grant_pays_rated_minutes() -> None:
    bank = Bank(cap=1, overflow="block", rates=OUTSIDE)
    bank.change(UsageGranted, "grant", amount=15)
    answer = log(bank, 60, at("16:30"))
    assert (answer.taken, answer.granted, bank.now) == (75, 15, (60, 0, 0))


def test_an_entry_that_is_not_rated_by_its_periods_rules_is_refused() -> None:
    """With the rates that count; rated by those it is taken. Nothing goes on record before."""
    bank = Bank(cap=10, rates=OUTSIDE)
    refused = bank.log("T1", 60, at("16:30"))
    assert (refused.outcome, bank.rows(), bank.usage.state.taken.find("T1")) == ("refused", [], None)
    assert refused.rates == bank.usage.terms.allowance.rates
    assert bank.log("T1", 60, at("16:30"), rates=rated([{"rate": 9}], at("16:30"))).outcome == "refused"
    assert log(bank, 60, at("16:30")).taken == 75


def test_late_work_counts_by_the_rates_of_its_own_period() -> None:
    """Changed rates count from the current period on, which began on 15 February."""
    bank = Bank(cap=10, period="month", rates=OUTSIDE)
    bank.effects += bank.usage.advance(NOON)
    rules = Allowance.model_validate({"unit": "hours", "cap": 10, "period": "month", "rates": [{"rate": 2}]})
    bank.change(EntitlementAmended, "amend", allowance=rules)
    late = at("18:00", 10)
    assert bank.log("L", 60, late, rates=rated([{"rate": 2}], late)).rates == [RateRow.model_validate(OUTSIDE[0])]
    assert bank.log("L", 60, late, rates=rated(OUTSIDE, late)).taken == 90
    assert bank.log("N", 60, NOON, rates=rated([{"rate": 2}], NOON)).taken == 120


def test_rating_is_monotonous_and_exact() -> None:
    """The most that fits counts no more than is there, one more would; a long entry in thousandths is exact."""
    parts = (RatedFrom(after=0, rate="0.3333"), RatedFrom(after=90_500_000, rate="1.5"))
    rating = Rating(parts, paid=1)
    for there in range(40):
        fits = rating.fitting(30, there)
        assert rating.rated(fits) <= there
        assert fits == 30 or rating.rated(fits + 1) > there
    assert Rating((RatedFrom(after=0, rate="0.1"),)).rated(30) == 3
    assert table_key([RateRow(rate="1.5")]) != table_key([RateRow(rate="1.50")])


@pytest.mark.parametrize(
    ("allowance", "says"),
    [
        ({"rates": OUTSIDE}, "rates weigh time entries, and cases have none; they go with unit: hours"),
        ({"unit": "hours", "rates": [{"rate": 2}, *OUTSIDE]}, "row 1 of rates has no 'when', so it always counts"),
        ({"unit": "hours", "rates": [{"rate": -1}]}, "bad rate '-1'; write what a minute counts, from 0 to 100"),
        ({"unit": "hours", "rates": [{"rate": 100.5}]}, "bad rate '100.5'"),
        ({"unit": "hours", "rates": [{"rate": "1,5"}]}, "with at most four decimals, such as 1.5"),
        ({"unit": "hours", "rates": [{"rate": True}]}, "bad rate bool"),
        ({"unit": "hours", "rates": [OUTSIDE[0]] * 21}, "21 rates; at most 20"),
    ],
)
def test_rates_that_make_no_sense_are_refused(allowance: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Allowance.model_validate(allowance)


@pytest.mark.parametrize(
    ("when", "says"),
    [
        ("entry.outside_hour", "unknown field 'outside_hour' of entry: did you mean 'outside_hours'?"),
        ("case.vip", "unknown field 'vip' of case"),
        ('account.type == "VIP"', "unknown name 'account': "),
        ("entry.minutes", "neither true nor false"),
        ("outside_hours", "unknown name 'outside_hours': write entry.outside_hours"),
    ],
)
def test_criteria_of_rates_are_checked_with_the_catalog(when: str, says: str) -> None:
    allowance = {"unit": "hours", "rates": [{"when": when, "rate": 2}]}
    declared = {"accounts": [{"id": "acme"}], "entitlements": [{"id": "b", "account": "acme", "allowance": allowance}]}
    [problem] = check_catalog(Catalog.model_validate(declared | {"fields": {"priority": "string"}}))
    assert str(problem).startswith("entitlements[0].allowance.rates[0].when: line 1")
    assert says in str(problem)


def test_a_rate_that_changes_too_often_is_refused() -> None:
    week = {"mon": [f"{h:02}:{m:02}-{h:02}:{m + 10:02}" for h in range(24) for m in range(0, 60, 15)]}
    hours = BusinessHours.model_validate({"name": "Odd", "time_zone": "UTC", "week": week})
    until = at("10:00") + timedelta(days=60)
    rows = [RateRow.model_validate(row) for row in OUTSIDE]
    with pytest.raises(Refused, match="its rate changes more than 1,000 times; log the work in parts"):
        entry_rates(rows, hours.freeze(at("10:00"), until), entry={}, case={}, worked_at=at("10:00"), until=until)
