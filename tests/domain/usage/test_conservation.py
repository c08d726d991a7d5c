"""No unit is lost or made between a record and its renewal; where one is, it is found."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.usage.machine import Usage
from domain.usage.state import PeriodUse
from tests.models.conservation import between
from tests.models.usage_account import EngineAccount

BEGINS = datetime(2025, 1, 2, 12, tzinfo=UTC)
RENEWED = datetime(2026, 1, 1, 12, tzinfo=UTC)


def renewed(**fields: Any) -> EngineAccount:
    """A bank of ten visits, of which three were used and seven have gone on into the next year."""
    account = EngineAccount("UTC", BEGINS)
    declared = {"id": "old", "unit": "visits", "cap": 10, "start": "2025-01-01", "months": 12, "period": "term"}
    account.declare(
        declared | {"at_end": "renew", "overflow": "block", "process": False, "carry_over": "renewal"} | fields
    )
    for number in range(3):
        visit = {"kind": "visit", "id": f"V-{number}", "at": BEGINS.isoformat(), "now": BEGINS.isoformat()}
        assert account.request(visit) == "granted"
    account.advance(RENEWED)
    assert account.conservation.broken(account.counts) == []
    return account


def _use(count: Usage) -> PeriodUse:
    return count.state.uses.setdefault(0, PeriodUse())


def _more(name: str, amount: int) -> Callable[[PeriodUse], None]:
    return lambda use: setattr(use, name, getattr(use, name) + amount)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (("carried_out", 1), ("carried", 0), "8 given, 7 there"),
        (("carried_out", 0), ("carried", 1), "7 given, 8 there"),
        (("used", 1), ("carried", 0), "4 used and 7 given of 10"),
        (("carried_out", -1), ("carried", -1), "7 left, of which 6 are given and not 7"),
        (("carried_out", 1), ("carried", 1), "3 used and 8 given of 10"),
        (("late", 1), ("carried", 0), "of late work beyond the 7 given"),
        (("used", 0), ("used", 18), "period 0: 18 used of 10 and 7 carried"),
    ],
    ids=str,
)
def test_a_unit_that_is_lost_or_made_is_found(old: tuple[str, int], new: tuple[str, int], says: str) -> None:
    account = renewed()
    for name, (field, amount) in (("old", old), ("old~2", new)):
        _more(field, amount)(_use(account.counts[name]))
    found = account.conservation.broken(account.counts)
    assert any(says in one for one in found), found


def test_what_is_carried_into_a_period_was_not_used_before() -> None:
    account = renewed(period="quarter", carry_over="period")
    uses = account.counts["old"].state.uses
    assert [uses[number].carried for number in (1, 2, 3)] == [7, 17, 27]
    uses[2].carried += 1
    assert account.conservation.broken(account.counts) == ["old: period 2: 18 carried, 0 used of 10 before it"]


def test_a_record_that_was_cancelled_gives_nothing() -> None:
    """What the renewal has not used goes back, and both sides say so."""
    account = renewed()
    cancel = {"kind": "cancel", "entitlement": "old", "at": "2025-06-01T00:00:00Z", "now": RENEWED.isoformat()}
    assert account.request(cancel) == "done"
    assert account.conservation.broken(account.counts) == []
    assert between(account.counts["old"], account.counts["old~2"]) == []
    assert (_use(account.counts["old"]).carried_out, _use(account.counts["old~2"]).carried) == (0, 0)
