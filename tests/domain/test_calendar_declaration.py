"""What business hours an organisation may declare, and what is said of the rest."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from domain.calendar import ALWAYS, BusinessHours, CalendarError, FrozenCalendar, HorizonExceeded

OFFICE = {"mon": ["09:00-17:00"], "tue": ["09:00-17:00"]}


def declare(**changes: Any) -> BusinessHours:
    return BusinessHours.model_validate({"name": "B", "time_zone": "America/New_York", "week": OFFICE, **changes})


def utc(year: int, month: int = 1, day: int = 1) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "where", "says"),
    [
        ({"name": ""}, "name", "at least 1 character"),
        ({"hours": 1}, "hours", "Extra inputs"),
        (
            {"time_zone": "America/New_Yrok"},
            "time_zone",
            "unknown time zone 'America/New_Yrok'; did you mean 'America/New_York'?",
        ),
        ({"time_zone": "??"}, "time_zone", "unknown time zone '??'; expected an IANA name, such as 'America/New_York'"),
        ({"time_zone": "../etc/passwd"}, "time_zone", "unknown time zone"),
        ({"time_zone": "America"}, "time_zone", "unknown time zone"),
        ({"time_zone": ""}, "time_zone", "unknown time zone"),
        ({"week": {}}, "week", "a week without a window never opens"),
        ({"week": {"mon": []}}, "week", "a week without a window never opens"),
        (
            {"week": {"mon": []}, "dates": {"2025-06-09": ["09:00-12:00"]}},
            "week",
            "a week without a window never opens",
        ),
        ({"week": "never"}, "week", "bad week 'never'; expected 'always' or the windows of each of mon, tue"),
        ({"week": {"monday": ["09:00-17:00"]}}, "week", "unknown weekday 'monday'; the weekdays are mon, tue"),
        ({"week": {"mon": "09:00-17:00"}}, "week.mon", "expected a list of windows; write ['09:00-17:00']"),
        ({"week": {**OFFICE, "sat": None}}, "week.sat", "expected a list of windows; write [] for a closed day"),
        ({"week": {"mon": ["9-17"]}}, "week.mon.0", "bad window '9-17'; a window is written HH:MM-HH:MM"),
        ({"week": {"mon": ["9:00-17:00"]}}, "week.mon.0", "bad window '9:00-17:00'"),
        ({"week": {"mon": ["08:00-09:00", "25:00-26:00"]}}, "week.mon.1", "bad time in window '25:00-26:00'"),
        ({"week": {"mon": ["09:00-17:60"]}}, "week.mon.0", "bad time in window"),
        ({"week": {"mon": ["09:60-17:00"]}}, "week.mon.0", "bad time in window"),
        ({"week": {"mon": ["24:00-06:00"]}}, "week.mon.0", "bad time in window"),
        ({"week": {"mon": ["09:00-24:01"]}}, "week.mon.0", "24:00 may end a window"),
        ({"week": {"mon": ["09:00-09:00"]}}, "week.mon.0", "window '09:00-09:00' is empty; a whole day is 00:00-24:00"),
        (
            {"week": {"mon": ["11:00-13:00", "09:00-12:00"]}},
            "week.mon",
            "windows 09:00-12:00 and 11:00-13:00 of one day overlap",
        ),
        ({"week": {"mon": ["22:00-06:00", "23:00-24:00"]}}, "week.mon", "overlap"),
        ({"dates": {"2025-06-10": ["09:00-12:00", "09:00-12:00"]}}, "dates.2025-06-10", "overlap"),
        ({"dates": {"2025-06-10": ["12:00-12:00"]}}, "dates.2025-06-10.0", "is empty"),
        (
            {"dates": {"2025-02-30": []}},
            "dates.2025-02-30.[key]",
            "bad date '2025-02-30'; a date is written YYYY-MM-DD",
        ),
        ({"dates": {"20250610": []}}, "dates.20250610.[key]", "bad date"),
        (
            {"dates": {"2025-06-01..2025-06-10": [], "2025-06-10..2025-06-12": ["09:00-12:00"]}},
            "",
            "2025-06-10 is given twice, by 2025-06-01..2025-06-10 and by 2025-06-10..2025-06-12",
        ),
        *(
            (
                {"dates": {"2025-06-10": [], other: ["09:00-12:00"]}},
                "dates",
                f"given twice, by 2025-06-10 and by {other}",
            )
            for other in ("2025-06-10..2025-06-10", date(2025, 6, 10))
        ),
        ({"holidays": {"country": "XX"}}, "holidays", "unknown country 'XX'; expected a code such as 'US'"),
        ({"holidays": {"country": "us"}}, "holidays", "unknown country 'us'; did you mean 'US'?"),
        ({"holidays": {"country": False}}, "holidays", "write country: 'NO'"),
        (
            {"holidays": {"country": "US", "subdivision": "QQ"}},
            "holidays",
            "unknown subdivision 'QQ' of US; it has: AK, AL",
        ),
        (
            {"holidays": {"country": "US", "categories": ["bankk"]}},
            "holidays",
            "unknown category 'bankk' of the holidays of US",
        ),
        *(
            ({"holidays": {"country": name}}, "holidays", f"unknown country {name!r}; expected a code such as 'US'")
            for name in ("registry", "utils", "HolidaySum", "HolidayBase", "Germany", "NYSE", "")
        ),
        (
            {"holidays": {"country": "FI", "categories": ["public", "workday"]}},
            "holidays",
            "people work on the days of",
        ),
        (
            {"holidays": {"country": "IS", "categories": ["public", "half_day"]}},
            "holidays",
            'half_days: ["09:00-13:00"]',
        ),
        ({"holidays": {"country": "IS", "half_days": ["09:00-13:00"]}}, "holidays", "categories: [public, half_day]"),
        ({"holidays": {"working_weekends": ["09:00-13:00"]}}, "holidays", "need a country"),
        ({"dates": {"13-01": []}}, "dates.13-01.[key]", "a date of every year is written MM-DD"),
        ({"dates": {"02-30": []}}, "dates.02-30.[key]", "a date of every year is written MM-DD"),
        *(
            ({"time_zone": name}, "time_zone", f"unknown time zone {name!r}; expected an IANA name")
            for name in ("CST", "IST", "JST", "BST", "AEST", "UTC-6", "PST", "Moon")
        ),
        ({"time_zone": "New York"}, "time_zone", "did you mean 'America/New_York'?"),
        ({"holidays": {"subdivision": "NY"}}, "holidays", "need a country"),
        ({"holidays": {"categories": ["public"]}}, "holidays", "need a country"),
        ({"holidays": {"add": ["soon"]}}, "holidays.add.0", "bad date 'soon'"),
        ({"holidays": {"add": ["2026-01-02..2025-12-24"]}}, "holidays.add.0", "write 2025-12-24..2026-01-02"),
        (
            {"holidays": {"add": ["2025-12-24..2026-01-02"], "remove": ["2025-12-31"]}},
            "holidays",
            "2025-12-31 is both added and removed",
        ),
    ],
)
def test_what_is_refused_is_named(changes: dict[str, Any], where: str, says: str) -> None:
    """One message says what is wrong, where, and what would be right."""
    with pytest.raises(ValidationError) as caught:
        declare(**changes)
    (error,) = caught.value.errors()
    assert (".".join(map(str, error["loc"]))) == where
    assert says in error["msg"]


def test_a_zone_is_needed_unless_always() -> None:
    """24x7 is the same everywhere, so its zone is UTC unless said otherwise."""
    with pytest.raises(ValidationError, match="time_zone"):
        BusinessHours.model_validate({"name": "B", "week": OFFICE})
    assert ALWAYS.time_zone == "UTC"
    assert (
        BusinessHours.model_validate({"name": "X", "week": "always", "time_zone": "Asia/Tokyo"}).time_zone
        == "Asia/Tokyo"
    )


def test_windows_are_kept_in_order() -> None:
    """Two that adjoin do not overlap, and a night may end where the next morning begins."""
    hours = declare(week={"mon": ["13:00-24:00", "09:00-12:00", "12:00-13:00"], "tue": ["22:00-00:00", "06:00-09:00"]})
    assert hours.week.mon == ("09:00-12:00", "12:00-13:00", "13:00-24:00")
    assert hours.week.tue == ("06:00-09:00", "22:00-00:00")


def test_its_json_is_its_yaml_form() -> None:
    """What was declared comes back as it was declared."""
    declared = {
        "name": "B",
        "time_zone": "America/New_York",
        "week": {"mon": ["09:00-12:00", "13:00-24:00"], "fri": ["22:00-06:00"]},
        "holidays": {
            "country": "US",
            "subdivision": "NY",
            "categories": ["public"],
            "add": ["2026-12-24..2027-01-01"],
            "remove": ["2026-02-12"],
        },
        "dates": {"2026-12-23": ["09:00-12:00"], "2026-12-31": []},
    }
    hours = BusinessHours.model_validate(declared)
    assert hours.model_dump(mode="json") == declared
    assert BusinessHours.model_validate_json(hours.model_dump_json()) == hours
    assert ALWAYS.model_dump(mode="json")["week"] == "always"
    assert BusinessHours.model_validate_json(ALWAYS.model_dump_json()) == ALWAYS


def test_dates_may_come_as_dates() -> None:
    """YAML reads an unquoted date as one."""
    day = date(2026, 12, 31)
    from_yaml = declare(dates={day: []}, holidays={"add": [day]})
    assert from_yaml == declare(dates={"2026-12-31": []}, holidays={"add": ["2026-12-31"]})


def closed_days(hours: BusinessHours, year: int) -> set[date]:
    return {day for day in hours.freeze(utc(year), utc(year + 1)).dates if day.year == year}


def test_holidays_of_a_country_and_a_part_of_it() -> None:
    """Fronleichnam is kept in Bavaria and not in Berlin."""
    week = {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}
    corpus_christi = date(2025, 6, 19)
    bavaria = declare(week=week, time_zone="Europe/Berlin", holidays={"country": "DE", "subdivision": "BY"})
    berlin = declare(week=week, time_zone="Europe/Berlin", holidays={"country": "DE", "subdivision": "BE"})
    assert corpus_christi in closed_days(bavaria, 2025)
    assert corpus_christi not in closed_days(berlin, 2025)


def test_holidays_of_a_category() -> None:
    """Assumption Day is a Catholic holiday of Bavaria; with that category alone it is the only one."""
    week = {"wed": ["09:00-17:00"], "thu": ["09:00-17:00"], "fri": ["09:00-17:00"]}
    catholic = declare(
        week=week,
        time_zone="Europe/Berlin",
        holidays={"country": "DE", "categories": ["catholic"], "subdivision": "BY"},
    )
    assert closed_days(catholic, 2025) == {date(2025, 8, 15)}


def test_holidays_added_and_removed_by_hand() -> None:
    """A removed one is worked, an added one is not; a range may span the year."""
    rules = {"country": "US", "add": ["2025-06-09", "2025-12-29..2026-01-05"], "remove": ["2025-05-26"]}
    days = closed_days(declare(holidays=rules), 2025)
    assert {date(2025, 6, 9), date(2025, 12, 29), date(2025, 12, 30)} <= days
    assert date(2025, 5, 26) not in days


def test_a_holiday_observed_in_the_year_before() -> None:
    """New Year's Day 2028 is a Saturday, observed on Friday, 2027-12-31."""
    hours = declare(week={"fri": ["09:00-17:00"]}, holidays={"country": "US"})
    assert date(2027, 12, 31) in closed_days(hours, 2027)


def test_a_holiday_on_a_closed_day_is_not_frozen() -> None:
    """It changes nothing, so the plain data does without it."""
    assert declare(holidays={"add": ["2025-06-14"]}).freeze(utc(2025), utc(2026)).dates == {}


def test_holidays_that_the_package_does_not_know() -> None:
    """Past its last year it would be silent, so the calendar is not frozen there."""
    hours = declare(holidays={"country": "US"})
    with pytest.raises(CalendarError, match="the holidays of US are known from 1777 to 2100, not in 2101"):
        hours.freeze(utc(2100), utc(2101, 6))
    assert declare().freeze(utc(2100), utc(2101, 6)).end == utc(2101, 6)


def test_a_horizon_has_a_length_and_zones() -> None:
    """Two aware datetimes in order, in years that can be reckoned with."""
    naive = datetime(2025, 1, 1)  # noqa: DTZ001 - the point of the test
    for start, end, says in (
        (utc(2025), utc(2025), "ends after it starts"),
        (utc(2026), utc(2025), "ends after it starts"),
        (naive, utc(2026), "no time zone"),
        (utc(2025), utc(9999), "outside 1899 to 9000"),
        (utc(1), utc(2025), "outside 1899 to 9000"),
    ):
        with pytest.raises(ValueError, match=says):
            declare().freeze(start, end)


def test_freezing_is_cached() -> None:
    """The same question, from an equal declaration and in another zone's words, has the same object."""
    first = declare(dates={"2025-06-10": [], "2025-06-11": []}).freeze(utc(2025), utc(2026))
    again = declare(dates={"2025-06-11": [], "2025-06-10": []})
    assert again.freeze(utc(2025).astimezone(), utc(2026)) is first


# --- a longer horizon ------------------------------------------------------------------------------------------------


def test_an_extension_answers_what_the_old_horizon_could_not() -> None:
    """A target past the last frozen year is right once the calendar is extended."""
    hours = declare(holidays={"country": "US"})
    short = hours.freeze(utc(2025), utc(2025, 12))
    start = datetime(2025, 11, 25, 15, tzinfo=UTC)
    with pytest.raises(HorizonExceeded):
        short.add(start, 80 * 3600)
    longer = hours.extend(short, utc(2026, 6))
    assert longer == hours.freeze(utc(2025), utc(2026, 6))
    assert longer.add(start, 80 * 3600) == hours.freeze(utc(2025), utc(2027)).add(start, 80 * 3600)


def test_an_extension_leaves_what_was_frozen() -> None:
    """Offsets and dates up to the old end stay, even where the database of today says otherwise."""
    hours = declare()
    short = hours.freeze(utc(2025), utc(2025, 6, 15))
    other = short.model_copy(update={"utc_offset": -3600, "offset_changes": (), "dates": {date(2025, 6, 9): ()}})
    longer = hours.extend(other, utc(2026))
    assert longer.utc_offset == -3600
    assert longer.offset_changes == ((utc(2025, 6, 15), -4 * 3600), (datetime(2025, 11, 2, 6, tzinfo=UTC), -5 * 3600))
    assert longer.dates == {date(2025, 6, 9): ()}
    assert longer.elapsed(utc(2025), utc(2025, 6, 15)) == other.elapsed(utc(2025), utc(2025, 6, 15))
    assert longer.next_open(utc(2025, 6, 15)) == hours.freeze(utc(2025), utc(2026)).next_open(utc(2025, 6, 15))


def test_an_extension_from_the_middle_of_a_date() -> None:
    """The date on which the old horizon ends stays as it was frozen, the next is today's."""
    noon = datetime(2025, 6, 9, 16, tzinfo=UTC)
    edited = declare(dates={"2025-06-09": [], "2025-06-10": []})
    assert edited.extend(declare().freeze(utc(2025), noon), utc(2026)).dates == {date(2025, 6, 10): ()}


def test_an_extension_from_a_change_of_offset() -> None:
    """The change is there once, and it is the one that the database of today knows."""
    joint = datetime(2025, 3, 9, 7, tzinfo=UTC)
    short = declare().freeze(utc(2025), joint)
    assert declare().extend(short, utc(2026)) == declare().freeze(utc(2025), utc(2026))
    other = short.model_copy(update={"offset_changes": ((joint, -3600),)})
    assert declare().extend(other, utc(2026)) == declare().freeze(utc(2025), utc(2026))


def test_an_extension_that_is_not_needed_changes_nothing() -> None:
    """The horizon reaches far enough already."""
    frozen = declare().freeze(utc(2025), utc(2026))
    assert declare().extend(frozen, utc(2026)) is frozen


def test_an_extension_goes_on_until_there_is_open_time() -> None:
    """A shutdown of two years ends within the search."""
    hours = declare(holidays={"add": ["2026-01-01..2027-12-31"]})
    longer = hours.extend(hours.freeze(utc(2025), utc(2026)), utc(2026, 2))
    assert longer.next_open(utc(2025, 12, 31)) == datetime(2028, 1, 3, 14, tzinfo=UTC)


def test_an_extension_without_open_time_in_ten_years_stops() -> None:
    """It says where it looked and what to look at."""
    hours = declare(holidays={"add": ["2026-01-01..2900-12-31"]})
    with pytest.raises(
        CalendarError, match=r"'B' has no open time in the 10 years after 2026-01-01.*; look at its holidays"
    ):
        hours.extend(hours.freeze(utc(2025), utc(2026)), utc(2026, 2))


@pytest.mark.parametrize(
    "changes", [{"name": "C"}, {"time_zone": "Europe/London"}, {"week": {"wed": ["09:00-17:00"]}}, {"week": "always"}]
)
def test_an_extension_by_other_hours_is_refused(changes: dict[str, Any]) -> None:
    """Editing a calendar never silently moves a running case."""
    frozen = declare().freeze(utc(2025), utc(2026))
    with pytest.raises(CalendarError, match="was frozen from other hours"):
        declare(**changes).extend(frozen, utc(2027))


def test_an_extension_back_answers_what_lay_before_the_horizon() -> None:
    """It is what would have been frozen from there in the first place."""
    hours = declare(holidays={"country": "US"})
    short = hours.freeze(utc(2025), utc(2026))
    with pytest.raises(HorizonExceeded):
        short.add(utc(2024, 12, 24), 3600)
    longer = hours.extend_back(short, utc(1970))
    assert longer == hours.freeze(utc(1970), utc(2026))
    assert longer.next_open(utc(2024, 12, 25)) == utc(2024, 12, 30) + timedelta(hours=14)
    assert hours.extend_back(short, utc(2025, 2)) is short


def test_an_extension_back_leaves_what_was_frozen() -> None:
    """Also the night that the horizon begins in, whatever its hours say of that date now."""
    night = {"week": {"mon": ["22:00-06:00"], "tue": ["22:00-06:00"]}}
    frozen = declare(**night).freeze(utc(2025), utc(2026))
    edited = declare(**night, dates={"2024-12-30": [], "2024-12-31": []})
    longer = edited.extend_back(frozen, utc(2024))
    assert (longer.start, longer.end) == (utc(2024), utc(2026))
    assert longer.elapsed(utc(2025), utc(2025, 1, 2)) == frozen.elapsed(utc(2025), utc(2025, 1, 2))
    with pytest.raises(CalendarError, match="other hours"):
        declare(time_zone="Asia/Tokyo").extend_back(frozen, utc(2024))


def test_an_extension_of_always() -> None:
    """Its days go on, and a holiday given to it later is an edit."""
    frozen = ALWAYS.freeze(utc(2025), utc(2026))
    assert ALWAYS.extend(frozen, utc(2027)).end_of_business_day(utc(2026, 6)) == utc(2026, 6, 2)
    edited = BusinessHours.model_validate({"name": "24x7", "week": "always", "holidays": {"add": ["2026-06-01"]}})
    with pytest.raises(CalendarError, match="other hours"):
        edited.extend(frozen, utc(2027))


def test_a_frozen_calendar_keeps_its_dates_when_the_hours_change() -> None:
    """Declaring anew makes a new calendar; the frozen one is data."""
    frozen: FrozenCalendar = declare().freeze(utc(2025), utc(2026))
    declare(dates={"2025-06-09": []}).freeze(utc(2025), utc(2026))
    assert frozen.is_open(datetime(2025, 6, 9, 14, tzinfo=UTC))
    assert frozen.end - frozen.start == timedelta(days=365)


def windows_on(hours: BusinessHours, *days: str) -> list[tuple[str, ...]]:
    """The windows of dates, as they are frozen."""
    frozen = hours.freeze(datetime(2023, 12, 1, tzinfo=UTC), datetime(2028, 6, 1, tzinfo=UTC))
    dates = [date.fromisoformat(day) for day in days]
    return [frozen.dates.get(day, frozen.week.days[day.weekday()]) for day in dates]


def test_a_date_of_every_year() -> None:
    """Each year, over week and holidays; 02-29 in leap years, and nowhere else."""
    hours = declare(dates={"12-24": ["09:00-13:00"], "12-25": ["10:00-11:00"], "02-29": []}, holidays={"country": "US"})
    assert windows_on(hours, "2024-12-24", "2025-12-24", "2025-12-25") == [
        ("09:00-13:00",),
        ("09:00-13:00",),
        ("10:00-11:00",),
    ]
    assert windows_on(hours, "2024-02-29", "2025-02-28", "2025-03-03") == [(), *[hours.week.fri, hours.week.mon]]


def test_a_single_date_wins_over_a_range_and_both_over_a_yearly_one() -> None:
    """In whatever order they are declared."""
    own = {"2025-12-24": ["09:00-10:00"], "2025-12-20..2025-12-28": [], "12-24": ["12:00-13:00"], "12-29": []}
    for declared in (own, dict(reversed(own.items()))):
        hours = declare(dates=declared)
        found = windows_on(hours, "2025-12-24", "2025-12-23", "2024-12-24", "2025-12-29")
        assert found == [("09:00-10:00",), (), ("12:00-13:00",), ()]


def test_half_days_of_a_country_have_windows_of_their_own() -> None:
    """Where their week opens and no public holiday closes; they open nothing."""
    rules = {"country": "IS", "categories": ["public", "half_day"], "half_days": ["09:00-12:00"]}
    week = {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}
    hours = declare(week=week, holidays=rules)
    assert windows_on(hours, "2026-12-24", "2026-12-25", "2027-12-24") == [("09:00-12:00",), (), ("09:00-12:00",)]
    weekend = declare(week={"sat": ["10:00-14:00"]}, holidays=rules)
    assert windows_on(weekend, "2026-12-24") == [()]
    removed = declare(week=week, holidays={**rules, "remove": ["2026-12-24"]})
    assert windows_on(removed, "2026-12-24") == [removed.week.thu]


def test_moved_working_days_open_only_if_their_windows_are_given() -> None:
    """Hungary worked Saturday, 3 August 2024, in place of a Monday."""
    plain, working = {"country": "HU"}, {"country": "HU", "working_weekends": ["08:00-16:00"]}
    assert windows_on(declare(holidays=plain), "2024-08-03") == [()]
    assert windows_on(declare(holidays=working), "2024-08-03", "2024-08-10") == [("08:00-16:00",), ()]


def test_it_takes_the_new_keys_through_its_json() -> None:
    """What was declared comes back as it was declared."""
    hours = declare(
        dates={"12-24": ["09:00-13:00"]},
        holidays={"country": "CN", "categories": ["public", "half_day"], "half_days": ["09:00-12:00"]},
    )
    assert BusinessHours.model_validate_json(hours.model_dump_json()) == hours
