"""Daylight saving, by the one rule: an instant is open if and only if its local wall-clock time lies in a window."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from domain.calendar import BusinessHours, FrozenCalendar

ZONES = (
    "UTC",
    "America/New_York",
    "Europe/London",
    "Pacific/Apia",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "America/Santiago",
    "Africa/Casablanca",
    "Asia/Tehran",
    "Asia/Kathmandu",
    "Europe/Dublin",
    "Antarctica/Troll",
    "Pacific/Kiritimati",
)


def frozen(zone: str, week: Mapping[str, Sequence[str]] | str, around: date, days: int = 20) -> FrozenCalendar:
    middle = datetime(around.year, around.month, around.day, tzinfo=UTC)
    return BusinessHours.model_validate({"name": zone, "time_zone": zone, "week": week}).freeze(
        middle - timedelta(days=days), middle + timedelta(days=days)
    )


def open_on(calendar: FrozenCalendar, day: str) -> list[tuple[str, str]]:
    """Return the stretches of a local date and the half day after it, as HH:MM:SS in UTC."""
    begin = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(calendar.time_zone)).astimezone(UTC)
    found = calendar.open_windows(begin, begin + timedelta(hours=36))
    return [(f"{start:%d %H:%M}", f"{end:%d %H:%M}") for start, end in found]


def test_a_window_across_the_spring_gap() -> None:
    """New York, 2025-03-09: 01:30-03:30 has one hour, and it is one stretch."""
    calendar = frozen("America/New_York", {"sun": ["01:30-03:30"]}, date(2025, 3, 9))
    assert open_on(calendar, "2025-03-09") == [("09 06:30", "09 07:30")]


@pytest.mark.parametrize("window", ["02:00-03:00", "02:15-02:45"])
def test_a_window_inside_the_spring_gap_has_no_time(window: str) -> None:
    """It opens again a week later, and its date is no business day."""
    calendar = frozen("America/New_York", {"sun": [window]}, date(2025, 3, 9))
    assert open_on(calendar, "2025-03-09") == []
    sunday_before = datetime(2025, 3, 2, 7, 20, tzinfo=UTC)
    hour, minute = map(int, window[:5].split(":"))
    assert calendar.next_open(datetime(2025, 3, 3, tzinfo=UTC)) == datetime(2025, 3, 16, hour + 4, minute, tzinfo=UTC)
    assert calendar.business_days_later(sunday_before, 1) == datetime(2025, 3, 16, 6, 20, tzinfo=UTC)


def test_a_business_day_later_at_a_time_that_does_not_exist() -> None:
    """02:30 on the day of the gap: the first open instant after it is 03:00."""
    calendar = frozen("America/New_York", {"sat": ["01:00-05:00"], "sun": ["01:00-05:00"]}, date(2025, 3, 9))
    assert calendar.business_days_later(datetime(2025, 3, 8, 7, 30, tzinfo=UTC), 1) == datetime(
        2025, 3, 9, 7, tzinfo=UTC
    )


def test_an_hour_that_happens_twice_counts_twice() -> None:
    """New York, 2025-11-02: 01:00-02:00 has two hours, and 01:15-01:45 opens twice."""
    calendar = frozen("America/New_York", {"sun": ["01:00-02:00"]}, date(2025, 11, 2))
    assert open_on(calendar, "2025-11-02") == [("02 05:00", "02 07:00")]
    calendar = frozen("America/New_York", {"sun": ["01:15-01:45"]}, date(2025, 11, 2))
    assert open_on(calendar, "2025-11-02") == [("02 05:15", "02 05:45"), ("02 06:15", "02 06:45")]


def test_a_business_day_later_at_a_time_that_happens_twice() -> None:
    """It is the first of the two; the end of that day is the end of the second."""
    calendar = frozen("America/New_York", {"sat": ["01:15-01:45"], "sun": ["01:15-01:45"]}, date(2025, 11, 2))
    saturday = datetime(2025, 11, 1, 5, 30, tzinfo=UTC)
    assert calendar.business_days_later(saturday, 1) == datetime(2025, 11, 2, 5, 30, tzinfo=UTC)
    assert calendar.end_of_business_day(saturday, 1) == datetime(2025, 11, 2, 6, 45, tzinfo=UTC)


def test_two_windows_inside_the_fold_open_in_turn_twice() -> None:
    """The wall clock runs through both, then through both again."""
    calendar = frozen("America/New_York", {"sun": ["01:00-01:15", "01:30-01:45"]}, date(2025, 11, 2))
    assert [start for start, _ in open_on(calendar, "2025-11-02")] == ["02 05:00", "02 05:30", "02 06:00", "02 06:30"]


def test_london_changes_at_one() -> None:
    """2025-03-30 01:00 becomes 02:00, 2025-10-26 02:00 becomes 01:00."""
    calendar = frozen("Europe/London", {"sun": ["00:30-02:30"]}, date(2025, 3, 30))
    assert open_on(calendar, "2025-03-30") == [("30 00:30", "30 01:30")]
    calendar = frozen("Europe/London", {"sun": ["00:30-02:30"]}, date(2025, 10, 26))
    assert open_on(calendar, "2025-10-26") == [("25 23:30", "26 02:30")]


def test_a_skipped_date_has_no_time() -> None:
    """Apia went from 29 to 31 December 2011: that Friday has no windows and is no business day."""
    every_day = {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    calendar = frozen("Pacific/Apia", every_day, date(2011, 12, 30))
    thursday = datetime(2011, 12, 29, 12, tzinfo=ZoneInfo("Pacific/Apia"))
    saturday = datetime(2011, 12, 31, 12, tzinfo=ZoneInfo("Pacific/Apia"))
    assert calendar.elapsed(thursday, saturday) == 8 * 3600
    assert calendar.business_days_later(thursday, 1) == saturday
    assert calendar.end_of_business_day(thursday, 1) == saturday.replace(hour=17)
    fridays = frozen("Pacific/Apia", {"fri": ["09:00-17:00"]}, date(2011, 12, 30))
    assert fridays.next_open(thursday) == datetime(2012, 1, 6, 9, tzinfo=ZoneInfo("Pacific/Apia"))


def test_a_night_into_a_skipped_date_ends_at_its_midnight() -> None:
    """Thursday's 22:00-06:00 has two hours: the wall clock never shows the rest."""
    nights = frozen("Pacific/Apia", {"thu": ["22:00-06:00"]}, date(2011, 12, 30))
    assert open_on(nights, "2011-12-29") == [("30 08:00", "30 10:00")]


def test_a_night_out_of_a_skipped_date_has_what_the_wall_clock_shows() -> None:
    """Friday's 22:00-06:00: Saturday 03:00 lies in it, though no clock ever showed its opening."""
    nights = frozen("Pacific/Apia", {"fri": ["22:00-06:00"]}, date(2011, 12, 30))
    assert open_on(nights, "2011-12-29") == [("30 10:00", "30 16:00")]


def test_a_shift_of_thirty_minutes() -> None:
    """Lord Howe: 02:00-03:00 loses half an hour in October, 01:00-02:00 gains it in April."""
    calendar = frozen("Australia/Lord_Howe", {"sun": ["02:00-03:00"]}, date(2025, 10, 5))
    assert open_on(calendar, "2025-10-05") == [("04 15:30", "04 16:00")]
    calendar = frozen("Australia/Lord_Howe", {"sun": ["01:00-02:00"]}, date(2025, 4, 6))
    assert open_on(calendar, "2025-04-06") == [("05 14:00", "05 15:30")]


def test_a_midnight_that_does_not_exist() -> None:
    """Sao Paulo, 2018-11-04: the date begins at 01:00."""
    calendar = frozen("America/Sao_Paulo", {"sun": ["00:00-02:00"]}, date(2018, 11, 4))
    assert open_on(calendar, "2018-11-04") == [("04 03:00", "04 04:00")]
    nights = frozen("America/Sao_Paulo", {"sat": ["22:00-06:00"]}, date(2018, 11, 4))
    assert nights.elapsed(datetime(2018, 11, 3, 12, tzinfo=UTC), datetime(2018, 11, 4, 12, tzinfo=UTC)) == 7 * 3600
    assert nights.end_of_business_day(datetime(2018, 11, 4, 2, tzinfo=UTC)) == datetime(2018, 11, 4, 8, tzinfo=UTC)


def test_an_evening_that_happens_twice() -> None:
    """Sao Paulo, 2018-02-18: midnight goes back to 23:00 of the Saturday, which so has 25 hours."""
    evenings = frozen("America/Sao_Paulo", {"sat": ["20:00-24:00"]}, date(2018, 2, 18))
    assert open_on(evenings, "2018-02-17") == [("17 22:00", "18 03:00")]
    mornings = frozen("America/Sao_Paulo", {"sun": ["00:00-02:00"]}, date(2018, 2, 18))
    assert open_on(mornings, "2018-02-18") == [("18 03:00", "18 05:00")]


def test_a_night_that_outlasts_the_next_dates_first_minute() -> None:
    """St. John's, 2006-10-29: 00:01 went back to 23:01 of the Saturday, in which Friday's window is still open."""
    week = {"fri": ["23:59-23:58"], "sat": ["23:00-23:10"], "sun": ["00:00-00:01"]}
    calendar = frozen("America/St_Johns", week, date(2006, 10, 29))
    second_evening = datetime(2006, 10, 29, 3, 0, tzinfo=UTC)
    assert calendar.local(second_evening).isoformat() == "2006-10-28T23:30:00-03:30"
    assert calendar.end_of_business_day(second_evening) == datetime(2006, 10, 29, 3, 28, tzinfo=UTC)


def test_santiago_has_no_midnight_either() -> None:
    """2025-09-07: counting over it neither stops nor repeats."""
    calendar = frozen("America/Santiago", {"sat": ["18:00-24:00"], "sun": ["00:00-03:00"]}, date(2025, 9, 7))
    assert open_on(calendar, "2025-09-06") == [("06 22:00", "07 06:00")]
    assert calendar.add(datetime(2025, 9, 7, 3, tzinfo=UTC), 2 * 3600) == datetime(2025, 9, 7, 5, tzinfo=UTC)


def test_casablanca_is_an_hour_back_in_ramadan() -> None:
    """2025: UTC from 23 February to 6 April, else an hour ahead."""
    calendar = frozen("Africa/Casablanca", {"mon": ["09:00-17:00"]}, date(2025, 3, 15), days=40)
    assert [f"{start:%m-%d %H}" for start, _ in calendar.open_windows(calendar.start, calendar.end)] == [
        "02-03 08",
        "02-10 08",
        "02-17 08",
        "02-24 09",
        "03-03 09",
        "03-10 09",
        "03-17 09",
        "03-24 09",
        "03-31 09",
        "04-07 08",
        "04-14 08",
        "04-21 08",
    ]


@pytest.mark.parametrize("zone", ZONES)
def test_always_never_closes(zone: str) -> None:
    """In no form and in no zone is a midnight, a gap or a fold a moment of closed time."""
    every_day = {day: ["00:00-24:00"] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    for week in ("always", every_day):
        calendar = frozen(zone, week, date(2011, 12, 30), days=300)
        assert list(calendar.open_windows(calendar.start, calendar.end)) == [(calendar.start, calendar.end)]
        assert calendar.elapsed(calendar.start, calendar.end) == 600 * 86_400


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("year", [2011, 2018, 2025])
def test_the_frozen_offsets_are_the_zones(zone: str, year: int) -> None:
    """Every six hours, and a second before and at each change, the frozen clock shows what the zone's shows."""
    calendar = frozen(zone, "always", date(year, 7, 1), days=200)
    instants = [calendar.start + timedelta(hours=6 * i) for i in range(1600)]
    for at, _ in calendar.offset_changes:
        instants += [at - timedelta(seconds=1), at]
    expected = ZoneInfo(zone)
    assert all(calendar.local(at).utcoffset() == at.astimezone(expected).utcoffset() for at in instants)
