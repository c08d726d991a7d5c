"""Shares of a cap: what a short first period has, and percentages of it that are carried over."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from domain.catalog.declarations import EntitlementTemplate
from domain.orders.making import _times
from domain.usage.allowance import Allowance
from domain.usage.audit import audit
from domain.usage.freezing import freeze
from domain.usage.machine import Usage
from domain.usage.periods import Term
from domain.usage.requests import Consumption, EntitlementAmended, EntitlementTerms
from domain.usage.rows import LedgerRow
from domain.usage.term_length import TermLength

FAR = datetime(2040, 1, 1, tzinfo=UTC)
MONTHLY: dict[str, Any] = {"unit": "visits", "period": "month", "aligned": "calendar", "first_period": "prorated"}
WHO: dict[str, Any] = {"by": "ana", "reason": "agreed"}


def usage(starts: str, ends: str | None = "2027-12-31", *, length: str | None = None, **allowance: Any) -> Usage:
    rules = Allowance.model_validate(MONTHLY | allowance)
    first = date.fromisoformat(starts)
    term = Term(
        starts_on=first,
        ends_on=None if ends is None or length else date.fromisoformat(ends),
        time_zone="America/New_York",
        length=None if length is None else TermLength.parse(length),
    )
    terms = EntitlementTerms(entitlement_id="E1", account="acme", allowance=rules, periods=freeze(rules, term, FAR))
    return Usage.begin(terms, datetime(first.year, first.month, first.day, 12, tzinfo=UTC))


def caps(of: Usage, count: int) -> list[int | None]:
    return [of.balance_of(number).cap for number in range(count)]


@pytest.mark.parametrize(
    ("starts", "ends", "allowance", "first"),
    [
        ("2026-03-15", "2027-12-31", {"cap": 31}, 17),  # 17 of 31 days
        ("2026-03-15", "2027-12-31", {"cap": 10}, 6),  # 5.48
        ("2026-03-31", "2027-12-31", {"cap": 10}, 1),  # 0.32
        ("2026-03-01", "2027-12-31", {"cap": 10}, 10),
        ("2026-03-15", "2027-12-31", {"cap": 0}, 0),
        ("2026-02-15", "2027-12-31", {"cap": 4}, 2),  # 14 of 28, exactly
        ("2024-02-15", "2027-12-31", {"cap": 4}, 3),  # 15 of 29
        ("2026-03-15", "2026-03-20", {"cap": 31}, 6),  # the end cuts it, too
        ("2026-03-01", "2026-03-20", {"cap": 31}, 20),
        ("2026-02-15", "2027-12-31", {"cap": 90, "period": "quarter"}, 45),  # 45 of 90
        ("2026-11-30", "2027-12-31", {"cap": 184, "period": "half_year"}, 32),  # 32 of 184
        ("2026-07-02", "2027-12-31", {"cap": 365, "period": "year"}, 183),
        ("2026-03-15", "2027-12-31", {"cap": 7.5, "unit": "hours"}, 247),  # 450 min x 17/31 = 246.77
        ("2026-03-15", "2027-12-31", {"cap": 20, "unit": "hours"}, 659),  # 658.06
        ("2026-03-15", "2027-12-31", {"cap": 10, "first_period": "full"}, 10),
    ],
)
def test_a_first_period_has_its_share_by_days(starts: str, ends: str, allowance: dict[str, Any], first: int) -> None:
    """Rounded up, once, to the smallest measure; the second period has all of it."""
    of = usage(starts, ends, **allowance)
    assert of.balance_of(0).cap == first
    if ends > "2027":
        measures = 60 if allowance.get("unit") == "hours" else 1
        assert of.balance_of(1).cap == allowance["cap"] * measures


def test_the_share_is_rounded_after_the_quantity() -> None:
    """Three times 10 of 31 days, 17 of them: 16.45, so 17; and not three times 6."""
    allowance = Allowance.model_validate(MONTHLY | {"cap": 10, "carry_over": "period", "carry_over_cap": "40%"})
    template = EntitlementTemplate(id="t", term=TermLength.parse("1 year"), allowance=allowance)
    assert template.allowance is not None
    times = _times(template.allowance, 3)
    assert (times.cap, times.carry_over_cap) == (30, "40%")
    assert usage("2026-03-15", **times.model_dump()).balance_of(0).cap == 17


def test_an_amended_cap_is_prorated_in_the_first_period() -> None:
    of = usage("2026-03-15", cap=10)
    now = datetime(2026, 3, 20, tzinfo=UTC)
    of.change(EntitlementAmended(event_id="more", cap=20, **WHO), now)
    assert caps(of, 2) == [11, 20]  # 20 x 17/31 = 10.97
    of.advance(now := datetime(2026, 4, 2, tzinfo=UTC))
    of.change(EntitlementAmended(event_id="less", cap=5, **WHO), now)
    assert caps(of, 3) == [11, 5, 5]


def test_the_first_period_of_each_term_is_prorated() -> None:
    """A year from 15 March: its thirteenth period ends on 14 March, and the next term has its share of that month."""
    of = usage("2026-03-15", length="1 year", cap=31)
    assert caps(of, 14) == [17, *[31] * 12, 17]


def test_a_changed_rule_counts_from_the_current_period_on() -> None:
    of = usage("2026-03-15", length="1 month", cap=31)
    assert caps(of, 4) == [17, 31, 17, 31]
    of.advance(now := datetime(2026, 4, 2, tzinfo=UTC))
    rules = Allowance.model_validate(MONTHLY | {"cap": 31, "first_period": "full"})
    of.change(EntitlementAmended(event_id="full", allowance=rules, **WHO), now)
    assert caps(of, 4) == [17, 31, 31, 31]


@pytest.mark.parametrize(
    ("cap", "most", "used", "carried"),
    [
        (10, "40%", 0, 4),
        (10, "40%", 7, 3),
        (10, "0%", 0, 0),
        (10, "100%", 1, 9),
        (7, "40%", 0, 2),  # 2.8: at most
        (10, "33.333%", 0, 3),
        (31, "150%", 0, 31),
    ],
)
def test_a_percentage_of_the_cap_is_carried_over(cap: int, most: str, used: int, carried: int) -> None:
    """At most so much: a fraction of the smallest measure is dropped."""
    of = usage("2026-03-01", cap=cap, carry_over="period", carry_over_cap=most)
    now = datetime(2026, 3, 20, tzinfo=UTC)
    if used:
        of.take(Consumption(reference="V", event_id="V", occurred_at=now, amount=used), now)
    of.advance(datetime(2026, 4, 2, tzinfo=UTC))
    assert of.balance_of(1).carried == carried


def test_a_percentage_is_of_the_periods_own_cap() -> None:
    """Of a prorated one its share, of an amended one the new cap; what was carried in is not counted."""
    of = usage("2026-03-15", cap=31, carry_over="period", carry_over_cap="50%")
    effects = of.advance(datetime(2026, 4, 2, tzinfo=UTC))
    assert of.balance_of(1).carried == 8  # half of 17
    now = datetime(2026, 4, 3, tzinfo=UTC)
    effects += of.change(EntitlementAmended(event_id="more", cap=40, **WHO), now)[1]
    effects += of.advance(now := datetime(2026, 5, 2, tzinfo=UTC))
    assert of.balance_of(2).carried == 20
    assert audit([row for row in effects if isinstance(row, LedgerRow)], of.balance(now)) == []


@pytest.mark.parametrize(
    ("allowance", "says"),
    [
        ({"cap": 5, "aligned": "start"}, "first_period: prorated is for a period that the calendar cuts short; add"),
        ({"cap": 5, "period": "term"}, "add aligned: calendar and a period such as month"),
        ({"cap": 5, "first_period": "half"}, "Input should be 'full' or 'prorated'"),
        ({"cap": 5, "carry_over": "period", "carry_over_cap": "many"}, "or a percentage of the cap such as '40%'"),
        ({"cap": 5, "carry_over": "period", "carry_over_cap": "-4%"}, "or a percentage of the cap such as '40%'"),
        ({"cap": 5, "carry_over": "period", "carry_over_cap": -1}, "is no amount to carry over"),
        ({"cap": 5, "carry_over": "period", "carry_over_cap": 10**9 + 1}, "at most 1,000,000,000"),
        ({"cap": 5, "carry_over_cap": "40%"}, "carry_over_cap without carry_over"),
    ],
)
def test_a_share_that_makes_no_sense_is_refused(allowance: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Allowance.model_validate(MONTHLY | allowance)
