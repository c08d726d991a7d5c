"""Where a case would be promised nothing, though another entitlement of its account promises something."""

from __future__ import annotations

from typing import Any

import pytest

from domain.catalog.declarations import Entitlement
from domain.coverage.promising import unpromising
from domain.messages.coverage import NotMatched, unpromised

GOLD = {"id": "gold", "process": "Gold"}
BANK = {"id": "bank", "allowance": {"cap": 10, "unit": "hours"}}


def entitlement(**said: Any) -> Entitlement:
    return Entitlement.model_validate({"account": "acme", **said})


@pytest.mark.parametrize(
    ("promises", "bare", "is_told"),
    [
        ({}, {}, False),
        ({"asset": "press"}, {}, True),
        ({"asset": "press"}, {"asset": "press"}, False),
        ({"asset": "press"}, {"asset": "lathe"}, True),
        ({"channels": ["phone", "mail"]}, {"channels": ["mail"]}, False),
        ({"channels": ["phone"]}, {"channels": ["phone", "mail"]}, True),
        ({}, {"contacts": ["ann"]}, False),
        ({"products": ["router"]}, {"contacts": ["ann"]}, True),
        ({"account": "other"}, {}, False),
        ({"asset": "press", "retired": True}, {}, False),
        ({"asset": "press"}, {"retired": True}, False),
    ],
)
def test_what_covers_more_than_what_promises_is_told(
    promises: dict[str, Any],
    bare: dict[str, Any],
    is_told: bool,  # noqa: FBT001  a row
) -> None:
    """Whoever declared a process for some cases of an account hears of those that have none."""
    told = list(unpromising([entitlement(**GOLD, **promises), entitlement(**BANK, **bare)]))
    assert bool(told) is is_told
    assert all("covered by bank, which has no process" in line and "gold (Gold)" in line for line in told)


def test_one_that_promises_for_all_is_enough() -> None:
    narrow, wide = entitlement(**GOLD, asset="press"), entitlement(id="basic", process="Basic")
    assert list(unpromising([narrow, wide, entitlement(**BANK)])) == []


def test_what_would_have_promised_something_is_named() -> None:
    """The first of them with why it is not the one; the others are counted."""
    others = [
        NotMatched(entitlement="bank", why="it expired"),
        NotMatched(entitlement="gold", why="it covers asset 'press', and the case names no asset", process="Gold"),
        NotMatched(entitlement="silver", why="it expired", process="Silver"),
    ]
    said = "nothing is promised: gold has process 'Gold', but it covers asset 'press', and the case names no asset"
    assert unpromised(others) == f"{said}, and 1 more"
    assert unpromised(others[:2]) == said
    assert unpromised(others[:1]) is None
