"""A changed rule counts from the current period on: what was counted, carried or asked before it stands."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from domain.errors import Refused
from domain.usage.allowance import Allowance
from domain.usage.freezing import freeze
from domain.usage.machine import Usage
from domain.usage.periods import Term
from domain.usage.requests import (
    RULES,
    Consumption,
    EntitlementAmended,
    EntitlementCancelled,
    EntitlementTerms,
    OverageDecision,
    TimeEntry,
)
from domain.usage.rows import LedgerRow, RowKind
from domain.usage.term_length import TermLength
from domain.usage.thresholds import OF_THE_PERIOD

FAR = datetime(2040, 1, 1, tzinfo=UTC)
STARTS_ON = date(2026, 10, 1)
OCTOBER, NOVEMBER, DECEMBER = (datetime(2026, month, 10, tzinfo=UTC) for month in (10, 11, 12))
WHO: dict[str, Any] = {"by": "ana", "reason": "agreed"}


def declared(**allowance: Any) -> Allowance:
    return Allowance.model_validate({"unit": "visits", "cap": 10, "period": "month"} | allowance)


def usage(version: int = RULES, **allowance: Any) -> Usage:
    rules = declared(**allowance)
    term = Term(starts_on=STARTS_ON, ends_on=date(2027, 9, 30), time_zone="UTC")
    periods = freeze(rules, term, FAR)
    terms = EntitlementTerms(entitlement_id="E1", account="acme", allowance=rules, periods=periods, rules=version)
    return Usage.begin(terms, OCTOBER - timedelta(days=9))


def take(of: Usage, reference: str, at: datetime, now: datetime, amount: int = 1) -> str:
    of.advance(now)
    asked = Consumption(reference=reference, event_id=f"take-{reference}", occurred_at=at, amount=amount)
    return of.take(asked, now).answer.outcome


def amend(of: Usage, now: datetime, **allowance: Any) -> None:
    of.advance(now)
    of.change(EntitlementAmended(event_id=f"amend-{now}", allowance=declared(**allowance), **WHO), now)


@pytest.mark.parametrize(
    "later", [{"carry_over_cap": 2}, {"carry_over_cap": 0}, {"carry_over_cap": 9}, {"carry_over": "none"}]
)
def test_what_was_carried_stays_carried(later: dict[str, Any]) -> None:
    """Cap 10, carry 5: after 15 in November nothing is left for October, whatever the rule is now."""
    visits = usage(carry_over="period", carry_over_cap=5)
    assert take(visits, "N", NOVEMBER, NOVEMBER, 15) == "granted"
    rules = {"carry_over": "period", "carry_over_cap": 5} | later
    if rules["carry_over"] == "none":
        del rules["carry_over_cap"]
    amend(visits, NOVEMBER + timedelta(days=1), **rules)
    assert take(visits, "late", OCTOBER, NOVEMBER + timedelta(days=2), 8) == "overflow"
    assert take(visits, "lapsed", OCTOBER, NOVEMBER + timedelta(days=2), 5) == "granted"
    visits.advance(DECEMBER)
    assert visits.balance(NOVEMBER).current.carried == 5


@pytest.mark.parametrize(("cap", "carried"), [(2, 2), (5, 5), (None, 10)])
def test_the_current_period_is_carried_by_the_new_rule(cap: int | None, carried: int) -> None:
    visits = usage(carry_over="period", carry_over_cap=1)
    amend(visits, OCTOBER, carry_over="period", carry_over_cap=cap)
    visits.advance(NOVEMBER)
    assert visits.balance(NOVEMBER).current.carried == carried


@pytest.mark.parametrize(
    ("old", "new", "late"),
    [("block", "fallback", "blocked"), ("fallback", "prompt", "overflow"), ("prompt", "block", "prompt")],
)
def test_a_late_taking_is_judged_by_the_rules_of_its_own_period(old: str, new: str, late: str) -> None:
    visits = usage(cap=1, overflow=old)
    take(visits, "O", OCTOBER, OCTOBER)
    amend(visits, NOVEMBER, cap=1, overflow=new)
    take(visits, "N", NOVEMBER, NOVEMBER)
    assert take(visits, "O-2", OCTOBER, NOVEMBER) == late
    assert take(visits, "N-2", NOVEMBER, NOVEMBER) != late


def test_late_work_is_rounded_by_the_rules_of_its_own_period() -> None:
    hours = usage(unit="hours", round_up_to="15m")
    amend(hours, NOVEMBER, unit="hours", round_up_to="60m")
    for at, taken in ((OCTOBER, 15), (NOVEMBER, 60)):
        entry = TimeEntry(id=f"{at}", minutes=1, worked_at=at)
        assert hours.log_hours(entry, NOVEMBER).answer.taken == taken


@pytest.mark.parametrize("yes", [True, False])
@pytest.mark.parametrize("unit", ["visits", "hours"])
@pytest.mark.parametrize("policy", ["fallback", "block"])
def test_what_was_asked_is_decided_whatever_was_applied_since(policy: str, unit: str, *, yes: bool) -> None:
    """At the price that was named when it was asked."""
    of = usage(unit=unit, cap=0, overflow="prompt", overage_price="85.00 EUR")
    if unit == "hours":
        of.log_hours(TimeEntry(id="X", minutes=30, worked_at=OCTOBER), OCTOBER)
    else:
        assert take(of, "X", OCTOBER, OCTOBER) == "prompt"
    amend(of, OCTOBER + timedelta(hours=1), unit=unit, cap=0, overflow=policy, overage_price="99.00 EUR")
    decision = OverageDecision(reference="X", event_id="decided", approved=yes, occurred_at=OCTOBER, **WHO)
    taken = of.decide(decision, OCTOBER + timedelta(hours=2))
    assert taken.answer.outcome == ("granted" if yes else "overflow")
    billed = [e.price for e in taken.effects if isinstance(e, LedgerRow) and e.kind is RowKind.OVERRIDE]
    assert billed == (["85.00 EUR"] if yes else [])
    with pytest.raises(Refused, match="does not ask"):
        of.decide(decision.model_copy(update={"event_id": "other", "reference": "Y"}), OCTOBER)


def test_a_no_is_taken_though_the_term_was_cut_since() -> None:
    """So that what was asked about falls back; a yes to what lies after the cancellation takes nothing."""
    of = usage(cap=0, overflow="prompt")
    assert [take(of, name, NOVEMBER, NOVEMBER) for name in ("X", "Y")] == ["prompt", "prompt"]
    of.change(EntitlementCancelled(event_id="c", at=OCTOBER, **WHO), NOVEMBER)
    no = OverageDecision(reference="X", event_id="no", approved=False, occurred_at=NOVEMBER, **WHO)
    assert of.decide(no, NOVEMBER).answer.outcome == "overflow"
    yes = no.model_copy(update={"reference": "Y", "event_id": "yes", "approved": True})
    with pytest.raises(Refused, match="cancelled"):
        of.decide(yes, NOVEMBER)


@pytest.mark.parametrize(
    ("starts_on", "length", "ends_on", "begins"),
    [
        ("2024-02-29", "1 year", "2025-02-27", ["2024-02-29"]),
        (
            "2026-08-31",
            "6 months",
            "2027-02-27",
            ["2026-08-31", "2026-09-30", "2026-10-31", "2026-11-30", "2026-12-31", "2027-01-31"],
        ),
        ("2026-01-31", "1 month", "2026-02-27", ["2026-01-31"]),
        ("2026-01-15", "3 months", "2026-04-14", ["2026-01-15", "2026-02-15", "2026-03-15"]),
    ],
)
def test_a_term_of_whole_periods_leaves_no_remainder(
    starts_on: str, length: str, ends_on: str, begins: list[str]
) -> None:
    first = date.fromisoformat(starts_on)
    last = TermLength.parse(length).last_day(first)
    assert last.isoformat() == ends_on
    rules = declared(period="year" if "year" in length else "month")
    frozen = freeze(rules, Term(starts_on=first, ends_on=last, time_zone="UTC"), FAR)
    assert [start.day.isoformat() for start in frozen.starts] == begins


def test_terms_that_follow_are_reckoned_from_the_first_start() -> None:
    """A term from 31 August: the next begins on 28 February, and its periods on the last days of short months."""
    first = Term(starts_on=date(2026, 8, 31), time_zone="UTC", length=TermLength(6, "month"))
    frozen = freeze(declared(), first, datetime(2027, 9, 1, tzinfo=UTC))
    days = [start.day.isoformat() for start in frozen.starts][6:12]
    assert days == ["2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31", "2027-06-30", "2027-07-31"]
    assert frozen.starts[frozen.term_starts[1]].day == date(2027, 8, 31)
    renewed = Term(
        starts_on=date(2027, 2, 28), ends_on=date(2027, 8, 30), time_zone="UTC", reckoned_from=date(2026, 8, 31)
    )
    assert [start.day.isoformat() for start in freeze(declared(), renewed, FAR).starts] == days


@pytest.mark.parametrize(
    ("aligned", "begins"),
    [("start", ["2026-03-15", "2026-09-15", "2027-03-15"]), ("calendar", ["2026-03-15", "2026-07-01", "2027-01-01"])],
)
def test_half_years_are_a_period(aligned: str, begins: list[str]) -> None:
    rules = declared(period="half_year", aligned=aligned)
    frozen = freeze(rules, Term(starts_on=date(2026, 3, 15), ends_on=date(2027, 6, 1), time_zone="UTC"), FAR)
    assert [start.day.isoformat() for start in frozen.starts] == begins


@pytest.mark.parametrize("unit", ["Hours", "hour", "HOUR", "hrs", "minutes", "case", "Cases", "visit", "Visits"])
def test_a_unit_that_nothing_is_taken_of_is_refused(unit: str) -> None:
    with pytest.raises(ValueError, match=r"write unit: (hours|cases|visits)"):
        declared(unit=unit)


@pytest.mark.parametrize("cap", [False, True, 10**30, 10**9 + 1, -1])
def test_an_amount_is_a_number_within_its_bound(cap: Any) -> None:
    with pytest.raises(ValueError, match="cap"):
        declared(cap=cap)
    with pytest.raises(ValueError, match="cap"):
        EntitlementAmended.model_validate({"event_id": "a", **WHO, "cap": cap})


def test_a_percentage_of_nothing_is_never_passed() -> None:
    visits = usage(cap=0, overflow="prompt", thresholds=[{"at": "80%"}, {"at": "120%"}])
    assert take(visits, "X", OCTOBER, OCTOBER) == "prompt"
    visits.decide(OverageDecision(reference="X", event_id="d", approved=True, occurred_at=OCTOBER, **WHO), OCTOBER)
    assert visits.balance(OCTOBER).current.thresholds_passed == []


def test_a_percentage_over_100_counts_overage() -> None:
    visits = usage(cap=2, overflow="prompt", thresholds=[{"at": "100%"}, {"at": "150%"}])
    for name in ("A", "B", "C"):
        take(visits, name, OCTOBER, OCTOBER)
    assert visits.balance(OCTOBER).current.thresholds_passed == ["100-percent"]
    visits.decide(OverageDecision(reference="C", event_id="d", approved=True, occurred_at=OCTOBER, **WHO), OCTOBER)
    assert visits.balance(OCTOBER).current.thresholds_passed == ["100-percent", "150-percent"]


@pytest.mark.parametrize(
    ("version", "before", "after", "in_october", "in_november"),
    [
        (RULES, [], ["50%"], [], ["50-percent"]),
        (RULES, ["70%"], [], ["70-percent"], []),
        (RULES, ["70%"], ["60%"], ["70-percent"], ["60-percent"]),
        (OF_THE_PERIOD - 1, [], ["50%"], ["50-percent"], ["50-percent"]),
    ],
)
def test_a_changed_threshold_counts_from_the_current_period_on(
    version: int, before: list[str], after: list[str], in_october: list[str], in_november: list[str]
) -> None:
    """Late work passes those that its own period had; counts of older rules pass those of now."""
    visits = usage(version, thresholds=[{"at": at} for at in before])
    take(visits, "O", OCTOBER, OCTOBER, 6)
    amend(visits, NOVEMBER, thresholds=[{"at": at} for at in after])
    take(visits, "late", OCTOBER, NOVEMBER)
    take(visits, "N", NOVEMBER, NOVEMBER, 7)
    assert visits.balance_of(0).thresholds_passed == in_october
    assert visits.balance_of(1).thresholds_passed == in_november
