"""When a report is due: on a zone's wall clock, once a day at most, through every change of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from activities.reports import making
from activities.reports.making import OWN_NAMES
from domain.catalog.report_times import ReportTimes
from domain.catalog.reports import GROUPS, OWN_GROUPS, PERIODS, SUMS, Sent
from domain.reports.asking import CHANNEL, PLACES
from domain.reports.grouping import Period
from domain.reports.result import ReportKind


def due(times: dict[str, Any], zone: str, after: str, count: int) -> list[str]:
    """So many instants, in UTC."""
    found = ReportTimes.model_validate(times).after(datetime.fromisoformat(after), ZoneInfo(zone))
    return [f"{at:%Y-%m-%dT%H:%MZ}" for at in islice(found, count)]


@pytest.mark.parametrize(
    ("times", "zone", "after", "expected"),
    [
        ({"every": "day", "at": "08:00"}, "UTC", "2026-11-28T07:59Z", ["2026-11-28T08:00Z", "2026-11-29T08:00Z"]),
        ({"every": "day", "at": "08:00"}, "UTC", "2026-11-28T08:00Z", ["2026-11-29T08:00Z"]),
        ({"every": "week", "on": "mon"}, "UTC", "2026-11-28T00:00Z", ["2026-11-30T08:00Z", "2026-12-07T08:00Z"]),
        (
            {"every": "week", "on": ["mon", "thu"], "at": "17:30"},
            "America/New_York",
            "2026-11-28T00:00Z",
            ["2026-11-30T22:30Z", "2026-12-03T22:30Z", "2026-12-07T22:30Z"],
        ),
        ({"every": "month", "on": 1}, "UTC", "2026-12-01T08:00Z", ["2027-01-01T08:00Z", "2027-02-01T08:00Z"]),
        ({"every": "quarter", "on": 5}, "UTC", "2026-11-28T00:00Z", ["2027-01-05T08:00Z", "2027-04-05T08:00Z"]),
        # Monday morning in Auckland is Sunday evening in UTC.
        ({"every": "week", "on": "mon"}, "Pacific/Auckland", "2026-11-28T00:00Z", ["2026-11-29T19:00Z"]),
        # The clocks of New York are put forward on 2026-03-08 at 02:00 and back on 2026-11-01 at 02:00.
        (
            {"every": "day", "at": "08:00"},
            "America/New_York",
            "2026-03-07T00:00-05:00",
            ["2026-03-07T13:00Z", "2026-03-08T12:00Z", "2026-03-09T12:00Z"],
        ),
        (
            {"every": "day", "at": "02:30"},
            "America/New_York",
            "2026-03-07T00:00-05:00",
            ["2026-03-07T07:30Z", "2026-03-08T07:00Z", "2026-03-09T06:30Z"],  # on the 8th it is 03:00 there
        ),
        (
            {"every": "day", "at": "01:30"},
            "America/New_York",
            "2026-10-31T00:00-04:00",
            ["2026-10-31T05:30Z", "2026-11-01T07:00Z", "2026-11-02T06:30Z"],  # on the 1st it is 02:00 there
        ),
        # Half an hour is skipped at Lord Howe on 2026-10-04.
        (
            {"every": "day", "at": "02:15"},
            "Australia/Lord_Howe",
            "2026-10-03T00:00+10:30",
            ["2026-10-02T15:45Z", "2026-10-03T15:30Z", "2026-10-04T15:15Z"],
        ),
    ],
)
def test_a_report_is_due_on_the_wall_clock(times: dict[str, Any], zone: str, after: str, expected: list[str]) -> None:
    assert due(times, zone, after, len(expected)) == expected


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Pacific/Auckland", "America/Nuuk", "Asia/Beirut"]
)
@pytest.mark.parametrize("at", ["00:00", "00:30", "02:30", "03:00", "22:30", "23:30"])
def test_every_day_of_ten_years_has_its_own(zone: str, at: str) -> None:
    """Whatever the clock does, none is skipped and none comes twice."""
    times = ReportTimes(every="day", at=at)
    start = datetime(2020, 1, 1, 12, tzinfo=UTC)
    found = list(islice(times.after(start, ZoneInfo(zone)), 3650))
    steps = {after - before for before, after in pairwise(found)}
    assert min(steps) >= timedelta(hours=22)
    assert max(steps) <= timedelta(hours=26)
    assert len({at.astimezone(ZoneInfo(zone)).date() for at in found}) >= len(found) - 20  # at midnight on the next day


def test_days_on_which_the_clock_is_put_over_its_time_are_known_ahead() -> None:
    """In New York each spring at half past two, each autumn at half past one; at eight in the morning never."""
    now, zone = datetime(2026, 1, 1, tzinfo=UTC), ZoneInfo("America/New_York")

    def moved(**times: Any) -> list[str]:
        found = ReportTimes.model_validate(times).moved(now, zone)
        return [f"{day} {local:%Y-%m-%d %H:%M}" for day, local in found.items()]

    assert moved(every="day", at="02:30") == ["2026-03-08 2026-03-08 03:00", "2027-03-14 2027-03-14 03:00"]
    assert moved(every="day", at="01:30") == ["2026-11-01 2026-11-01 02:00", "2027-11-07 2027-11-07 02:00"]
    assert moved(every="day", at="08:00") == []
    assert moved(every="week", on=["mon"], at="02:30") == []  # it is on Sundays


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ({"every": "day", "on": "mon"}, "has no on"),
        ({"every": "week"}, "on which days of the week"),
        ({"every": "week", "on": 3}, "on which days of the week"),
        ({"every": "month"}, "on which day of the month"),
        ({"every": "month", "on": 29}, "1 to 28"),
        ({"every": "month", "on": ["mon"]}, "on which day of the month"),
        ({"every": "quarter", "on": [1, 2]}, "on which day of the month"),
        ({"every": "day", "at": "24:00"}, "at"),
        ({"every": "year"}, "every"),
    ],
)
def test_what_can_not_be_is_refused(times: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ReportTimes.model_validate(times)


def test_it_is_said_in_words() -> None:
    assert str(ReportTimes(every="day")) == "every day at 08:00"
    assert str(ReportTimes.model_validate({"every": "week", "on": ["mon", "thu"]})) == "every week on mon, thu at 08:00"
    assert (
        str(ReportTimes.model_validate({"every": "quarter", "on": 5, "at": "09:30"}))
        == "every quarter on day 5 at 09:30"
    )


def test_the_catalog_knows_every_report_and_group() -> None:
    """It lies below the reports, and so has their names once more."""
    assert set(get_args(Sent)) == {kind.value for kind in ReportKind}
    assert list(PERIODS) == [period.value for period in Period]
    assert set(GROUPS) == {*PLACES, CHANNEL, *PERIODS}
    assert dict(OWN_GROUPS) == {kind.value: names for kind, names in OWN_NAMES.items()}
    assert dict(SUMS) == {kind.value: names for kind, names in making.SUMS.items()}
