"""The instants of a log: a zone in a cell counts or is refused, and how times are written need not be said twice."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from starters.logs.times import BadTime, TimeFormat, TimeReader

NEW_YORK = "America/New_York"
ISO_Z = "%Y-%m-%d %H:%M:%S %Z"


def read(text: str, **times: Any) -> str:
    """The instant of a cell, as text in UTC."""
    found = TimeReader(TimeFormat.model_validate(times)).read(text)
    assert found.tzinfo is UTC
    return f"{found:%m-%d %H:%M:%S}" + (f".{found.microsecond:06}" if found.microsecond else "")


@pytest.mark.parametrize(
    ("text", "times", "expected"),
    [
        ("2016-02-29T04:40:00", {"time_zone": NEW_YORK}, "02-29 09:40:00"),
        ("2016-02-29 04:40", {"time_zone": NEW_YORK}, "02-29 09:40:00"),
        ("2016-02-29T04:40:00Z", {}, "02-29 04:40:00"),
        ("2016-02-29T04:40:00Z", {"time_zone": NEW_YORK}, "02-29 04:40:00"),
        ("2016-02-29T04:40:00+01:00", {"time_zone": NEW_YORK}, "02-29 03:40:00"),
        ("2016-02-29 04:40:00 UTC", {"time_zone": NEW_YORK}, "02-29 04:40:00"),
        ("2016-02-29 04:40:00 GMT", {}, "02-29 04:40:00"),
        ("2016-02-29 04:40:00.123456789 UTC", {}, "02-29 04:40:00.123456"),
        ("2016-02-29 04:40:00 Europe/Paris", {}, "02-29 03:40:00"),
        ("2016-02-29 04:40:00 CET", {"zones": {"CET": "Europe/Paris"}}, "02-29 03:40:00"),
        ("2016-02-29 04:40:00 EST", {"zones": {"EST": "-05:00"}}, "02-29 09:40:00"),
        ("2016-02-29", {"time_zone": "UTC"}, "02-29 00:00:00"),
        ("2016-02-29 04:40:00 UTC", {"format": ISO_Z}, "02-29 04:40:00"),
        ("2016-02-29 04:40:00 GMT", {"format": ISO_Z}, "02-29 04:40:00"),
        ("2016-02-29 04:40:00 Z", {"format": ISO_Z}, "02-29 04:40:00"),
        ("2016-02-29 04:40:00 EDT", {"format": ISO_Z, "zones": {"EDT": "-04:00"}}, "02-29 08:40:00"),
        ("Mon Feb 29 04:40:00 UTC 2016", {"format": "%a %b %d %H:%M:%S %Z %Y"}, "02-29 04:40:00"),
        ("29-02-2016 04:40 UTC", {"format": "%d-%m-%Y %H:%M UTC"}, "02-29 04:40:00"),
        ("29-02-2016 04:40 GMT", {"format": "%d-%m-%Y %H:%M GMT", "time_zone": "UTC"}, "02-29 04:40:00"),
        ("29-02-2016 04:40 UTC", {"format": "%d-%m-%Y %H:%M utc"}, "02-29 04:40:00"),
        ("2016-02-29t04:40:00z", {"time_zone": NEW_YORK}, "02-29 04:40:00"),
        ("2016-02-29t04:40:00+01:00", {}, "02-29 03:40:00"),
        ("2016-02-29 04:40:00 utc", {"time_zone": NEW_YORK}, "02-29 04:40:00"),
        ("2016-02-29T04:40:00Z", {"format": "%Y-%m-%dT%H:%M:%SZ"}, "02-29 04:40:00"),
        ("29.02.2016 04:40 Uhr", {"format": "%d.%m.%Y %H:%M Uhr", "time_zone": NEW_YORK}, "02-29 09:40:00"),
        ("29.02.2016 04:40 +0100", {"format": "%d.%m.%Y %H:%M %z"}, "02-29 03:40:00"),
        ("29.02.2016 04:40:07.5", {"format": "%d.%m.%Y %H:%M:%S", "time_zone": "UTC"}, "02-29 04:40:07.500000"),
        ("29.02.2016 04:40:07,123456789", {"format": "%d.%m.%Y %H:%M:%S", "time_zone": "UTC"}, "02-29 04:40:07.123456"),
        ("29.02.2016 04:40:07", {"format": "%d.%m.%Y %H:%M:%S.%f", "time_zone": "UTC"}, "02-29 04:40:07"),
        ("29.02.2016 4:40 p. m.", {"format": "%d.%m.%Y %I:%M %p", "time_zone": "UTC"}, "02-29 16:40:00"),
        ("29.02.2016 4:40 a.m.", {"format": "%d.%m.%Y %I:%M %p", "time_zone": "UTC"}, "02-29 04:40:00"),
        ("1456720800", {"format": "epoch"}, "02-29 04:40:00"),
        ("1456720800.25", {"format": "epoch"}, "02-29 04:40:00.250000"),
        ("1456720800250", {"format": "epoch_ms"}, "02-29 04:40:00.250000"),
        ("0", {"format": "epoch_ms"}, "01-01 00:00:00"),
        ("1900-01-01 00:00", {"time_zone": NEW_YORK}, "01-01 05:00:00"),
    ],
)
def test_a_cell_is_the_instant_that_it_shows(text: str, times: dict[str, Any], expected: str) -> None:
    """ISO 8601, epochs, codes; with fractions of a second or without; a zone or an offset in the cell counts."""
    assert read(text, **times) == expected


@pytest.mark.parametrize(
    ("text", "times", "said"),
    [
        ("2016-02-29 04:40:00", {}, "has no offset; name the zone whose wall clock it shows: times: time_zone"),
        ("2016-02-29 04:40:00 EST", {"time_zone": NEW_YORK}, "names the zone EST, which means different clocks"),
        ("2016-02-29 04:40:00 CET", {"format": ISO_Z}, r"zones: \{CET: Area/City\}"),
        ("2016-02-29 04:40:00", {"format": ISO_Z}, "is no time of the form"),
        ("2016-02-29 04:40:00 UTC", {"format": "%Y-%m-%d %H:%M:%S", "time_zone": NEW_YORK}, "is no time of the form"),
        ("29-02-2016 04:40 GMT", {"format": "%d-%m-%Y %H:%M UTC"}, "is no time of the form"),
        ("29.02.2016", {"time_zone": "UTC"}, "is no time of ISO 8601, such as 2016-02-29T17:45:00Z"),
        ("yesterday", {"format": "epoch"}, "is no epoch time, such as 1456767900"),
        ("1456720800250", {"format": "epoch"}, "is it in milliseconds\\? That is format: epoch_ms"),
        ("1456720800250000", {"format": "epoch"}, "is in no year that calendars know$"),
        (
            "1456720800",
            {"format": "epoch_ms"},
            r"in the first weeks of 1970; is it in seconds\? That is format: epoch$",
        ),
        ("1900-01-01 00:00", {"time_zone": "Europe/Berlin"}, "no year that calendars know"),
        ("2999-12-31T23:30:00-02:00", {}, "no year that calendars know"),
        ("9" * 400, {"format": "epoch"}, "no year that calendars know"),
        ("0216-02-29T04:40:00Z", {}, "no year that calendars know"),
    ],
)
def test_a_cell_that_is_no_instant_is_refused_with_what_would_be_right(
    text: str, times: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadTime, match=said):
        read(text, **times)


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ({"format": ISO_Z, "time_zone": NEW_YORK}, "the zone in a cell counts, so leave time_zone out"),
        ({"format": "%d-%m-%Y %H:%M UTC", "time_zone": NEW_YORK}, "the zone in a cell counts"),
        ({"format": "%Y-%m-%dT%H:%M:%SZ", "time_zone": NEW_YORK}, "the zone in a cell counts"),
        ({"format": "%d-%m-%Y %H:%M GMT", "time_zone": NEW_YORK}, "the zone in a cell counts"),
        ({"format": "%d-%m-%Y %H:%M utc", "time_zone": NEW_YORK}, "the zone in a cell counts"),
        ({"format": "%Y-%m-%dT%H:%M:%Sz", "time_zone": NEW_YORK}, "the zone in a cell counts"),
        ({"format": "%d-%m-%Y %H:%M EST", "time_zone": NEW_YORK}, r"holds EST, .* write %Z in its place"),
        ({"format": "%d-%m-%Y %H:%M CEST"}, "holds CEST, which means different clocks"),
        ({"format": "%d-%m-%Y %H:%M +0000"}, r"holds the offset \+0000 as a text; write %z in its place"),
        ({"format": "%d-%m-%Y %H:%M %z %z"}, "bad format '%d-%m-%Y %H:%M %z %z': redefinition of group name"),
        ({"format": "%d-%d-%Y %H:%M", "time_zone": NEW_YORK}, "bad format"),
        ({"format": "epoch", "time_zone": NEW_YORK}, "epoch counts in UTC"),
        ({"zones": {"CET": "CEST"}}, "unknown time zone 'CEST'; expected an IANA name"),
        ({"time_zone": "New York"}, "did you mean 'America/New_York'"),
        ({"time_zone": "CST"}, "unknown time zone 'CST'; expected an IANA name"),
        ({"time_zone": "IST"}, "expected an IANA name"),
        ({"time_zone": "UTC-6"}, "expected an IANA name"),
    ],
)
def test_a_format_that_would_drop_a_zone_is_refused(times: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TimeFormat.model_validate(times)


def test_the_machines_own_abbreviations_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine in Berlin, CET in a cell is refused as it is everywhere."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        with pytest.raises(BadTime, match="names the zone CET"):
            read("2016-02-29 04:40:00 CET", format=ISO_Z)
        assert read("2016-02-29 04:40:00 UTC", format=ISO_Z) == "02-29 04:40:00"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(("text", "skipped"), [("2016-03-13 02:30", True), ("2016-11-06 01:30", False)])
def test_clock_changes_are_remembered(text: str, *, skipped: bool) -> None:
    """A local time that was skipped or came twice is taken, and can be told."""
    reader = TimeReader(TimeFormat(time_zone=NEW_YORK))
    reader.read(text)
    reader.read(f"{datetime(2016, 5, 1):%Y-%m-%d %H:%M}")  # noqa: DTZ001 - a local time of the log
    assert {at: change.skipped for at, change in reader.changes.items()} == {text: skipped}
