"""Amounts of hours with a fraction: exact minutes from the catalog to the balance."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from pydantic import ValidationError

from domain.catalog.declarations import Entitlement
from domain.errors import Refused
from domain.usage.allowance import Allowance
from domain.usage.quantities import measured, quantity_data, read_quantity
from domain.usage.requests import EntitlementAmended
from starters.operations.usage_amounts import read_amount
from tests.domain.usage.test_hours import Bank

HOURS = 60


@pytest.mark.parametrize(
    ("written", "minutes", "travels"),
    [
        (8, 480, 8),
        (7.5, 450, "7h30m"),
        ("7.5", 450, "7h30m"),
        ("7h30m", 450, "7h30m"),
        ("90m", 90, "1h30m"),
        ("20m", 20, "20m"),
        ("2h", 120, 2),
        (8.0, 480, 8),
        (0.1, 6, "6m"),
        (0.35, 21, "21m"),
        (2.55, 153, "2h33m"),
        (999_999_999.05, 59_999_999_943, "999999999h3m"),
        (0, 0, 0),
    ],
)
def test_an_amount_of_hours_is_exact(written: Any, minutes: int, travels: int | str) -> None:
    """However it is written; in JSON a whole one stays a number."""
    quantity = read_quantity(written)
    assert (measured(quantity, "hours"), quantity_data(quantity)) == (minutes, travels)
    assert read_quantity(travels) == quantity


@pytest.mark.parametrize(
    "written", [7.51, "7.51", 1e-3, "7h30", "1.5h", "45s", "1bd", "-1.5", "", True, None, [], float("nan"), 1e300]
)
def test_what_is_no_amount_is_refused_with_what_is(written: Any) -> None:
    with pytest.raises(ValueError, match=r"is no amount; write a whole number, or of hours whole minutes, such as 7\."):
        read_quantity(written)


@pytest.mark.parametrize(
    ("allowance", "says"),
    [
        ({"cap": 7.5}, "cap 7h30m: cases are whole; only unit: hours takes 7.5 or 7h30m"),
        ({"unit": "visits", "cap": "20m"}, "cap 20m: visits are whole"),
        ({"unit": "visits", "cap": "2h"}, "cap 2h: visits are whole"),
        ({"unit": "visits", "cap": 8, "thresholds": [{"at": "2h"}]}, "threshold 2h: visits are whole"),
        ({"unit": "visits", "cap": 8, "carry_over": "period", "carry_over_cap": 0.5}, "carry_over_cap 30m: visits"),
        ({"unit": "visits", "cap": 8, "thresholds": [{"at": 2.5}]}, "threshold 2h30m: visits are whole"),
        ({"unit": "hours", "cap": 7.5, "thresholds": [{"at": "7h31m"}]}, "'7h31m' lies over the cap of 7h30m hours"),
        ({"unit": "hours", "cap": 7.51}, "7.51 is no amount"),
        ({"unit": "hours", "cap": 8, "thresholds": [{"at": "2.51"}]}, "bad threshold '2.51'; write an amount such as"),
        ({"unit": "hours", "cap": 10**9 + 1}, "less than or equal to 1000000000"),
        ({"unit": "hours", "cap": "-1"}, "is no amount"),
    ],
)
def test_only_hours_have_a_fraction(allowance: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Allowance.model_validate(allowance)


def test_a_bank_of_seven_hours_and_a_half() -> None:
    """Five times 90 minutes fit, the next minute does not; 80% of it are six hours, and a mark may be 4.5."""
    bank = Bank(cap=7.5, overflow="block", thresholds=[{"at": "80%"}, {"at": 4.5}])
    for number in range(4):
        assert bank.log(f"T{number}", 90).outcome == "granted"
    current = bank.usage.balance_of(0)
    assert (current.remaining, current.thresholds_passed) == (90, ["4-5", "80-percent"])
    assert bank.log("T4", 91).overage == 1
    assert bank.now == (450, 1, 0)


@pytest.mark.parametrize(("cap", "left"), [("7h30m", 450), (7.5, 450), ("0.5", 30), (8, 480)])
def test_a_cap_is_amended_to_a_fraction(cap: Any, left: int) -> None:
    bank = Bank()
    bank.change(EntitlementAmended, "amend", cap=cap)
    assert bank.now == (0, 0, left)
    [row] = bank.rows("amended")
    assert row.reason is not None
    assert row.reason.startswith(f"the cap is {quantity_data(read_quantity(cap))} hours")


def test_a_fraction_of_a_visit_is_refused_by_the_count() -> None:
    visits = Bank(unit="visits", cap=8)
    with pytest.raises(Refused, match="visits are whole; give a cap such as 7"):
        visits.change(EntitlementAmended, "amend", cap=7.5)


def test_an_opening_balance_may_have_a_fraction_of_hours_only() -> None:
    opening = {"as_of": "2026-03-01", "used": 12.5, "carried": "20m"}
    declared = {"id": "bank", "account": "acme", "opening": opening, "allowance": {"unit": "hours", "cap": 20}}
    made = Entitlement.model_validate(declared)
    assert made.opening is not None
    assert (made.opening.used, made.opening.carried) == (Fraction(25, 2), Fraction(1, 3))
    with pytest.raises(ValidationError, match="used 12h30m: visits are whole"):
        Entitlement.model_validate(declared | {"allowance": {"unit": "visits", "cap": 20}})


@pytest.mark.parametrize(("typed", "minutes"), [("7.5", 450), ("-0.25", -15), ("7h30m", 450), ("+1.1", 66)])
def test_hours_may_be_typed_with_a_fraction(typed: str, minutes: int) -> None:
    assert read_amount(typed, "hours") == minutes


def test_a_bare_number_of_hours_is_told_both_readings() -> None:
    """90 is a slip as often for minutes as for hours."""
    with pytest.raises(Refused, match="write 90m for minutes, or 90h for hours"):
        read_amount("90", "hours")


def test_a_quantity_in_a_model_goes_through_json_and_back() -> None:
    declared = Allowance.model_validate({"unit": "hours", "cap": 7.5, "carry_over": "period", "carry_over_cap": "20m"})
    assert declared.model_dump(mode="json")["cap"] == "7h30m"
    assert Allowance.model_validate_json(declared.model_dump_json()) == declared
