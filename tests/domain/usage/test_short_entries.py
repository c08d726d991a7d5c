"""Short time entries: grace first, then the minimum, then rounding."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from domain.errors import Refused
from domain.usage.allowance import Allowance
from domain.usage.requests import ConsumptionReversed, EntitlementAmended
from tests.domain.usage.test_hours import NOON, Bank

ALL = {"grace": "5m", "minimum": "20m", "round_up_to": "15m"}


@pytest.mark.parametrize(
    ("allowance", "minutes", "counted"),
    [
        ({"grace": "5m"}, 5, 0),
        ({"grace": "5m"}, 6, 6),
        ({"minimum": "30m"}, 1, 30),
        ({"minimum": "30m"}, 30, 30),
        ({"minimum": "30m"}, 31, 31),
        ({"minimum": "30m", "round_up_to": "20m"}, 1, 40),
        ({"grace": "5m", "round_up_to": "15m"}, 5, 0),
        ({"grace": "5m", "round_up_to": "15m"}, 6, 15),
        ({"grace": "5m", "minimum": "30m"}, 3, 0),
        ({"grace": "40m", "minimum": "30m"}, 40, 0),
        ({"grace": "40m", "minimum": "30m"}, 41, 41),
        (ALL, 5, 0),
        (ALL, 6, 30),
        (ALL, 31, 45),
    ],
)
def test_grace_comes_first_then_the_minimum_then_rounding(
    allowance: dict[str, str], minutes: int, counted: int
) -> None:
    bank = Bank(**allowance)
    answer = bank.log("T1", minutes)
    assert (answer.outcome, answer.taken) == ("granted", counted)
    assert bank.now == (counted, 0, 120 - counted)


def test_what_is_within_the_grace_is_on_record_and_counts_once() -> None:
    """Also after the grace was taken away; and it can be reversed, once."""
    bank = Bank(grace="5m")
    assert bank.log("T1", 4, note="called back").worked == 4
    [row] = bank.rows("taken")
    assert (row.amount, row.used, row.reason) == (0, 0, "4m of work count as none: called back")
    bank.change(EntitlementAmended, "amend", allowance=Allowance.model_validate({"unit": "hours", "cap": 2}))
    again = bank.log("T1", 4)
    assert (again.outcome, again.taken, again.is_reversed) == ("already", 0, False)
    bank.change(ConsumptionReversed, "undo", reference="T1")
    assert bank.log("T1", 4).is_reversed
    with pytest.raises(Refused, match="was reversed before"):
        bank.change(ConsumptionReversed, "undo-2", reference="T1")


def test_nothing_within_the_grace_overflows() -> None:
    """Not even where nothing is left, and nobody is asked."""
    bank = Bank(cap=0, grace="5m", overflow="prompt")
    assert bank.log("T1", 5).outcome == "granted"
    assert bank.log("T2", 6).outcome == "prompt"
    assert bank.usage.balance(NOON).current.overflows == 1


@pytest.mark.parametrize("minutes", [1, 5, 6])
@pytest.mark.parametrize("allowance", [{}, {"grace": "5m"}, ALL, {"grace": "5m", "rates": [{"when": "", "rate": 2}]}])
def test_one_with_nothing_left_yields_before_its_grace(allowance: dict[str, Any], minutes: int) -> None:
    """Another is asked first then, and the grace is that of the one asked first; nothing goes on record."""
    bank = Bank(cap=0, **allowance)
    assert bank.log("T1", minutes, yields=True).outcome == "exhausted"
    assert bank.rows() == []


def test_the_rest_of_an_entry_has_neither_grace_nor_minimum() -> None:
    """It is counted as the first entitlement counts it."""
    first, second = Bank(minimum="125m"), Bank(grace="10m", minimum="1h")
    answer = first.log("T1", 3, has_fallback=True)
    assert (answer.taken, answer.left_over) == (120, 5)
    assert second.log("T1", 5, is_rest=True).taken == 5


@pytest.mark.parametrize(
    ("allowance", "says"),
    [
        ({"grace": "5m"}, "grace leaves out time entries, and cases have none; it goes with unit: hours"),
        ({"minimum": "5m"}, "minimum raises time entries, and cases have none"),
        *(
            ({"unit": "hours", key: text}, "write it like 15m or 1h, at most 24h")
            for key in ALL
            for text in ("1d", "2 days", "2 business days", "90", 90, 7.5, "30 hours", "45 seconds", "soon")
        ),
        ({"unit": "hours", "grace": "90s"}, "grace 1m30s is not in whole minutes; write it like 15m or 1h"),
        ({"unit": "hours", "minimum": "1bd"}, "minimum 1bd is not in whole minutes"),
        ({"unit": "hours", "minimum": "25h"}, "minimum 25h is over a day"),
        *(({"unit": "hours", key: "1.5h"}, "bad span '1.5h'; write 1h30m ") for key in ALL),
    ],
)
def test_a_grace_or_minimum_that_makes_no_sense_is_refused(allowance: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Allowance.model_validate(allowance)
