"""An audit finds whatever does not agree, and nothing else."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from domain.usage.allowance import Allowance
from domain.usage.audit import EndedCount, audit, ended_counts, forgotten, takes_over
from domain.usage.freezing import freeze
from domain.usage.machine import Usage
from domain.usage.periods import Term
from domain.usage.requests import Balance, Consumption, EntitlementTerms
from domain.usage.rows import LedgerRow, RowKind

NOON = datetime(2025, 2, 20, 12, tzinfo=UTC)
MARCH = datetime(2025, 3, 20, 12, tzinfo=UTC)


@pytest.fixture
def kept() -> tuple[list[LedgerRow], Balance]:
    """Two months with carry-over; three rows each, and the reset between them."""
    allowance = Allowance.model_validate({"unit": "visits", "cap": 10, "period": "month", "carry_over": "period"})
    term = Term(starts_on=date(2025, 2, 15), ends_on=date(2025, 12, 31), time_zone="UTC")
    terms = EntitlementTerms(
        entitlement_id="E1", account="acme", allowance=allowance, periods=freeze(allowance, term, MARCH)
    )
    usage = Usage.begin(terms, NOON)
    rows: list[LedgerRow] = []
    for number, at in enumerate([NOON, NOON, NOON, MARCH, MARCH]):
        effects = usage.advance(at)
        asked = Consumption(reference=f"V{number}", event_id=f"{number}", occurred_at=at)
        effects += usage.take(asked, at).effects
        rows += [effect for effect in effects if isinstance(effect, LedgerRow)]
    return rows, usage.balance(MARCH)


def test_what_agrees_is_passed(kept: tuple[list[LedgerRow], Balance]) -> None:
    """In whatever order the rows come; those written since do not matter."""
    rows, balance = kept
    later = rows[-1].model_copy(update={"number": len(rows) + 1, "used_after": 99})
    assert audit([later, *reversed(rows)], balance) == []


@pytest.mark.parametrize(
    ("number", "changed", "says"),
    [
        (1, {"used": 2}, "row 1 (taken of period 0) says 1 used and 0 beyond; the rows up to it add up to 2 and 0"),
        (2, {"used_after": 5}, "row 2 (taken of period 0) says 5 used"),
        (2, {"balance_after": 9}, "row 2 (taken of period 0) says that 9 are left; 2 of 10 leave 8"),
        (3, {"overage": 1}, "overage is 0, the ledger says 1"),
        (3, {"used": -9}, "row 3 (taken of period 0) gives back more than there was"),
        (5, {"carried": 8}, "period 1 from 2025-03-15: carried over is 7, the ledger says 8"),
        (6, {"period": 0}, "period 1 from 2025-03-15: used is 2, the ledger says 1"),
    ],
)
def test_a_row_that_was_changed_is_found(
    kept: tuple[list[LedgerRow], Balance], number: int, changed: dict[str, Any], says: str
) -> None:
    rows, balance = kept
    rows[number - 1] = rows[number - 1].model_copy(update=changed)
    assert any(says in line for line in audit(rows, balance))


def test_a_row_that_is_missing_or_comes_twice_is_found(kept: tuple[list[LedgerRow], Balance]) -> None:
    rows, balance = kept
    assert "1 of 7 rows are missing: 7" in audit(rows[:-1], balance)
    assert "7 of 7 rows are missing: 1, 2, 3, 4, 5 ..." in audit([], balance)
    assert "row 3 is there more than once" in audit([*rows, rows[2]], balance)


def test_a_balance_that_is_wrong_is_found(kept: tuple[list[LedgerRow], Balance]) -> None:
    rows, balance = kept
    wrong = balance.model_copy(update={"current": balance.current.model_copy(update={"used": 3})})
    assert audit(rows, wrong) == ["period 1 from 2025-03-15: used is 3, the ledger says 2"]


def adjusted(row: LedgerRow, event_id: str) -> LedgerRow:
    return row.model_copy(update={"kind": RowKind.ADJUSTED, "event_id": event_id})


def test_what_a_count_that_ended_has_left_behind_is_found(kept: tuple[list[LedgerRow], Balance]) -> None:
    """Its rows are no part of the sums of the one that runs; what it used of the current period is missing there."""
    rows, balance = kept
    running = balance.model_copy(update={"count": "running"})
    assert ended_counts({"running": rows}, running) == []
    (ended,) = ended_counts({"ended": rows, "running": []}, running)
    assert ended == EndedCount(count="ended", rows=7, used=2, carried=7, taken_over=False)
    assert ended.is_missing
    assert ended.text == (
        "7 rows belong to a count that ended (2 used in the current period, 7 carried over into it); "
        "take them over: milepost adjust, with a reason and --event-id takes-over-ended"
    )


def test_what_was_used_in_another_period_is_not_missing(kept: tuple[list[LedgerRow], Balance]) -> None:
    rows, balance = kept
    (ended,) = ended_counts({"": rows[:3]}, balance.model_copy(update={"count": "running"}))
    assert (ended.used, ended.is_missing) == (0, False)
    assert ended.text == "3 rows belong to a count that ended (0 used in the current period)"


def test_what_was_taken_over_is_not_missing(kept: tuple[list[LedgerRow], Balance]) -> None:
    """By an adjustment under its event id, of any later count: what that one used holds it."""
    rows, balance = kept
    second = [adjusted(rows[-1], takes_over("first"))]
    third = [adjusted(rows[-1], takes_over("nobody")), rows[-1].model_copy(update={"event_id": takes_over("second")})]
    counts = {"first": rows, "second": second, "third": third}
    ended = ended_counts(counts, balance.model_copy(update={"count": "third"}))
    assert [(one.count, one.taken_over, one.is_missing) for one in ended] == [
        ("first", True, False),
        ("second", False, True),
    ]
    assert ended[0].text.endswith("; they were taken over")


def test_rows_that_the_count_has_forgotten_are_named(kept: tuple[list[LedgerRow], Balance]) -> None:
    """As after a restore of Temporal alone; of one that may be newer than the balance nothing is said."""
    rows, balance = kept
    later = MARCH + timedelta(seconds=1)
    assert forgotten(rows, balance, later) == []
    older = balance.model_copy(update={"rows": balance.rows - 2})
    assert forgotten(rows, older, MARCH) == []
    [line] = forgotten(reversed(rows), older, later)
    assert line.startswith(f"the count has forgotten 2 of the ledger's rows, from row {older.rows + 1} on, of V")
