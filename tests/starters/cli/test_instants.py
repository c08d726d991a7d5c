"""Instants as people write them, on the wall clock of their zone."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import pytest

from starters.cli.instants import BadInstant, is_by_itself, read_instant
from tests.starters.command_line import milepost

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2025, 6, 9, 12, 30, tzinfo=UTC)  # a Monday, 14:30 in Berlin


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("14:05", "2025-06-09T12:05Z"),
        ("9:05", "2025-06-09T07:05Z"),
        ("14:05:30", "2025-06-09T12:05:30Z"),
        ("yesterday 16:00", "2025-06-08T14:00Z"),
        ("Tomorrow  09:00", "2025-06-10T07:00Z"),
        ("today 09:00", "2025-06-09T07:00Z"),
        ("now", "2025-06-09T12:30Z"),
        ("-10m", "2025-06-09T12:20Z"),
        ("-1h30m", "2025-06-09T11:00Z"),
        ("-45s", "2025-06-09T12:29:15Z"),
        ("+2h", "2025-06-09T14:30Z"),
        ("2025-06-13 16:45", "2025-06-13T14:45Z"),
        ("2025-01-13T16:45", "2025-01-13T15:45Z"),
        ("2025-06-13", "2025-06-12T22:00Z"),
        ("2025-06-13T16:45-04:00", "2025-06-13T20:45Z"),
        ("2025-10-26T02:30+01:00", "2025-10-26T01:30Z"),
    ],
)
def test_an_instant_is_read_on_the_wall_clock(written: str, meant: str) -> None:
    """Of the zone, unless it says itself which instant it is."""
    assert read_instant(written, NOW, lambda: BERLIN) == datetime.fromisoformat(meant)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("noon", "'noon' is no time; write one like 14:05, yesterday 16:00, -10m"),
        ("-10", "'-10' is no time"),
        ("-", "'-' is no time"),
        ("", "'' is no time"),
        ("24:00", "'24:00' is no time of day; it goes from 00:00 to 23:59"),
        ("2025-03-30 02:30", "there is no 02:30 on 2025-03-30 in Europe/Berlin: the clock is put forward over it"),
        ("2025-10-26 02:30", "write 2025-10-26T02:30+02:00 or 2025-10-26T02:30+01:00"),
        ("1066-10-14 09:00", "is outside the years 1900 to 2999"),
        ("-99999999s", "no error"),
        ("-99999h999999m", "no error"),
    ],
)
def test_what_is_no_instant_says_what_would_be_right(written: str, said: str) -> None:
    """Also where the clock was changed: nothing is guessed."""
    if said == "no error":
        assert read_instant(written, NOW, lambda: BERLIN) < NOW
        return
    with pytest.raises(BadInstant) as refused:
        read_instant(written, NOW, lambda: BERLIN)
    assert said in str(refused.value)


def test_a_zone_that_nobody_knows_is_not_guessed() -> None:
    """It is asked for only where it is needed."""

    def asked() -> tzinfo | None:
        raise AssertionError("nobody needs it")

    assert read_instant("-10m", NOW, asked) == read_instant("2025-06-09T12:20Z", NOW, asked)
    with pytest.raises(BadInstant, match="no zone is known here: set MILEPOST_TIME_ZONE"):
        read_instant("14:05", NOW, lambda: None)


@pytest.mark.parametrize(
    ("written", "by_itself"), [("2025-06-09T12:20Z", True), ("2025-06-09T12:20", False), ("-10m", False)]
)
def test_what_depends_on_who_reads_it_is_known(written: str, by_itself: bool) -> None:  # noqa: FBT001  of the table
    """Commands say how they took it."""
    assert is_by_itself(written) is by_itself


def test_a_command_says_how_it_took_a_time() -> None:
    """In the person's zone; to stderr, so that programs read the answer alone."""
    asked = milepost("hours", "add", "2025-06-09 14:05", "1h", env={"MILEPOST_TIME_ZONE": "Europe/Berlin"})
    assert asked.stdout == "2025-06-09T13:05:00Z\n"
    assert asked.stderr == "milepost: INSTANT 2025-06-09 14:05 is Mon 2025-06-09 14:05 Europe/Berlin\n"


def test_a_zone_that_there_is_not_is_told() -> None:
    """By the name of its variable."""
    refused = milepost("hours", "add", "14:05", "1h", env={"MILEPOST_TIME_ZONE": "Mars/Base"})
    assert refused.exit_code == 2
    assert "MILEPOST_TIME_ZONE" in refused.stderr
    assert "Mars/Base" in refused.stderr
