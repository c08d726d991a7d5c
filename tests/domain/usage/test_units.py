"""Amounts as people read them."""

import pytest

from domain.usage.units import amount_text, number_text, worked_text


@pytest.mark.parametrize(
    ("amount", "unit", "said"),
    [
        (1110, "hours", "18.5 hours"),
        (60, "hours", "1 hour"),
        (0, "hours", "0 hours"),
        (9, "hours", "0.15 hours"),
        (80, "hours", "1h20m"),
        (1, "hours", "1m"),
        (1, "visits", "1 visit"),
        (3, "cases", "3 cases"),
    ],
)
def test_an_amount_is_exact(amount: int, unit: str, said: str) -> None:
    """Of hours to the hundredth; where that would round it, hours and minutes say it."""
    assert amount_text(amount, unit) == said
    assert number_text(amount, unit) == said.split(" ", maxsplit=1)[0]


def test_work_is_said_as_it_is_written() -> None:
    """`milepost log-time 4711 T-1 2h30m`."""
    assert [worked_text(minutes) for minutes in (150, 60, 5)] == ["2h30m", "1h", "5m"]
