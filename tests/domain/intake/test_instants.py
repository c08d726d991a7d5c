"""Instants as other systems write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from domain.intake.instants import instant_of

NINE = datetime(2026, 11, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "time_zone"),
    [
        ("2026-11-02T09:00:00Z", None),
        ("2026-11-02T09:00:00.000Z", None),
        ("2026-11-02T10:00:00.000+0100", None),
        ("2026-11-02T10:00:00+01", None),
        ("2026-11-02 09:00:00 UTC", None),
        ("2026-11-02 10:00:00 +0100", None),
        ("2026-11-02 14:30:00", "Asia/Kolkata"),
        ("2026-11-02 14:30", "Asia/Kolkata"),
        ("2026-11-02 09:00:00", "UTC"),
        ("2026-11-02T10:00:00+01:00", "Asia/Kolkata"),  # an offset that is there counts
        (1793610000, None),
        (1793610000.0, None),
        (1793610000000, None),
        (NINE, None),
        (NINE.replace(tzinfo=None), None),
        (NINE.astimezone(timezone(timedelta(hours=5))), None),
    ],
)
def test_an_instant_is_read_in_every_form(written: Any, time_zone: str | None) -> None:
    """As texts, numbers since 1970, and timestamps of CEL."""
    assert instant_of(written, time_zone) == NINE


def test_more_digits_than_there_are_are_cut() -> None:
    """Zendesk has nine."""
    assert instant_of("2026-11-02T09:00:00.123456789Z", None) == NINE.replace(microsecond=123456)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("2026-11-02 09:00:00", "has no offset"),
        ("yesterday", "no ISO 8601"),
        ("", "no ISO 8601"),
        ("1500-01-01T00:00:00Z", "outside the years"),
        ("0001-01-01T00:00:00+01:00", "outside the years"),  # no date, as .NET writes it; in UTC there is no such year
        ("9999-12-31T23:59:59-05:00", "outside the years"),
        (10**30, "no number of seconds"),
        (float("nan"), "no number of seconds"),
        (True, "no instants"),
        ([], "no instant"),
    ],
)
def test_what_is_no_instant_is_refused(written: Any, says: str) -> None:
    """With what it is."""
    with pytest.raises(ValueError, match=says):
        instant_of(written, None)


def test_a_time_that_comes_twice_is_the_first() -> None:
    """And one that is skipped lies after the change, as far as it was written after it."""
    assert instant_of("2026-10-25 02:30", "Europe/Berlin") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert instant_of("2026-03-29 02:30", "Europe/Berlin") == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
