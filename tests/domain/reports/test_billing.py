"""What is billed beyond a cap: which overrides go together, and what is left of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from activities.reports.cells import cell_text
from domain.reports.asking import ReportAsked
from domain.reports.billing import Override, bound
from domain.reports.kinds.overrides import overrides_report
from domain.reports.result import Days, ReportKind

T0 = datetime(2026, 10, 20, 8, tzinfo=UTC)


def written(number: int, amount: int, *, export: int | None = None, reference: str = "v-1") -> Override:
    """An override, a day after the one before it."""
    at = T0 + timedelta(days=number)
    return Override(
        entitlement="gold",
        count="one",
        number=number,
        account="acme",
        unit="visits",
        amount=amount,
        price="100 EUR",
        at=at,
        recorded_at=at,
        reference=reference,
        case_id=None,
        by="ann",
        reason=None,
        export=export,
    )


@pytest.mark.parametrize(
    ("minutes", "price", "cost"),
    [
        (30, "85.01 EUR", "42.51 EUR"),
        (-30, "85.01 EUR", "-42.51 EUR"),
        (10, "85.01 EUR", "14.17 EUR"),
        (30, "1", "0.50"),
    ],
)
def test_half_a_cent_is_rounded_up(minutes: int, price: str, cost: str) -> None:
    """As on a bill, and what takes it back comes to as much."""
    assert replace(written(1, minutes), unit="hours", price=price).cost == cost


def test_the_cost_of_a_line_can_be_worked_out_from_its_amount() -> None:
    """Ten minutes are no 0.17 hours: people read the minutes, and programs get enough of the fraction."""
    asked = ReportAsked(ReportKind.OVERRIDES, Days(None, None, UTC), T0)
    for minutes, text in ((10, "10m"), (90, "1.5"), (-80, "-1h20m"), (60 * 1200, "1,200"), (27, "0.45")):
        one = replace(written(1, minutes), unit="hours", price="85.01 EUR")
        made = overrides_report(asked, [one])
        place = made.column("amount")
        amount = made.rows[0][place]
        assert isinstance(amount, float)
        assert f"{amount * 85.01:.2f} EUR" == one.cost
        assert cell_text(amount, made.columns[place], UTC) == text


def told(*overrides: Override) -> dict[tuple[int, ...], tuple[bool, int]]:
    """Of the numbers that go together, whether they are withdrawn, and how many days after the first they count."""
    found = {tuple(one.number for one in some.overrides): some for some in bound(overrides)}
    return {numbers: (some.is_withdrawn, (some.at - T0).days) for numbers, some in found.items()}


def test_what_is_taken_back_goes_with_what_it_takes_back() -> None:
    """When that was decided, whatever is taken back when; nothing is billed of what was taken back whole."""
    assert told(written(1, 3), written(2, -3)) == {(1, 2): (True, 1)}
    assert told(written(2, -1), written(1, 3)) == {(1, 2): (False, 1)}
    assert told(written(1, 3), written(2, -1), written(3, -2)) == {(1, 2, 3): (True, 1)}
    assert told(written(1, 3), written(2, -3, reference="v-2")) == {(1,): (False, 1), (2,): (False, 2)}


def test_what_an_export_has_taken_is_countered() -> None:
    """Later, when it is taken back; also where the same export took both, which is as it was."""
    assert told(written(1, 3, export=1), written(2, -3)) == {(1,): (False, 1), (2,): (False, 2)}
    assert told(written(1, 3, export=1), written(2, -3, export=1)) == {(1, 2): (False, 1)}
    assert told(written(1, 3), written(2, -3, export=1)) == {(1,): (False, 1), (2,): (False, 2)}


def test_what_is_billed_again_stands_by_itself() -> None:
    """What was taken back before it is settled; what is taken back after it takes back the newest first."""
    again = (written(1, 3), written(2, -3), written(3, 3))
    assert told(*again) == {(1, 2): (True, 1), (3,): (False, 3)}
    assert told(*again, written(4, -3)) == {(1, 2): (True, 1), (3, 4): (True, 3)}
    assert told(written(1, 3), written(2, -1), written(3, 1), written(4, -3)) == {(1, 2, 3, 4): (True, 1)}


def test_what_is_left_counters_an_earlier_export() -> None:
    """Three were exported, one of them was covered and billed again: all three are paid back, and none is billed."""
    exported = written(1, 3, export=1)
    assert told(exported, written(2, -1), written(3, 1), written(4, -3)) == {
        (1,): (False, 1),
        (2,): (False, 2),
        (3, 4): (False, 3),
    }
