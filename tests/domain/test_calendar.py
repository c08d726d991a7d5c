"""Business hours, frozen: the worked examples and the contract of each operation."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.calendar import ALWAYS, BusinessHours, FrozenCalendar, HorizonExceeded
from domain.open_time.spans import Span

NEW_YORK = ZoneInfo("America/New_York")
LONDON = ZoneInfo("Europe/London")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri")
HORIZON = datetime(2024, 7, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)


def frozen(week: Mapping[str, Sequence[str]] | str, zone: str = "America/New_York", **more: Any) -> FrozenCalendar:
    hours = BusinessHours.model_validate({"name": "hours", "time_zone": zone, "week": week, **more})
    return hours.freeze(*HORIZON)


def office(*windows: str, zone: str = "America/New_York", **more: Any) -> FrozenCalendar:
    return frozen(dict.fromkeys(WEEKDAYS, windows), zone, **more)


A = office("08:00-17:00")
B = office("09:00-17:00")
X = frozen("always")


def ny(day: int, hour: int, minute: int = 0, second: int = 0, *, month: int = 6, micro: int = 0) -> datetime:
    return datetime(2025, month, day, hour, minute, second, micro, tzinfo=NEW_YORK)


def minutes(count: int) -> int:
    return count * 60


def test_e1_around_the_clock() -> None:
    """E1: four hours of 24x7 from 10:00 end at 14:00, and 13:00 is 180 minutes on."""
    assert X.add(ny(9, 10), minutes(240)) == ny(9, 14)
    assert X.elapsed(ny(9, 10), ny(9, 13)) == minutes(180)


def test_e2_two_and_four_days_of_eight_hours() -> None:
    """E2: 16 h from Wednesday 15:00 end on Friday 15:00, 32 h on Tuesday 15:00."""
    assert B.add(ny(11, 15), 16 * 3600) == ny(13, 15)
    assert B.add(ny(11, 15), 32 * 3600) == ny(17, 15)


def test_e3_over_night() -> None:
    """E3: one hour is left on Wednesday, the other begins Thursday."""
    assert A.add(ny(11, 16), 2 * 3600) == ny(12, 9)


def test_e4_over_the_weekend_or_not() -> None:
    """E4: an hour from Friday 16:45 ends on Monday 08:45 in office hours, on Friday 17:45 around the clock."""
    assert A.add(ny(13, 16, 45), minutes(60)) == ny(16, 8, 45)
    assert X.add(ny(13, 16, 45), minutes(60)) == ny(13, 17, 45)


def test_e5_from_a_closed_saturday() -> None:
    """E5: counting begins at the next opening."""
    assert B.add(ny(14, 12), minutes(240)) == ny(16, 13)


def test_e6_over_a_holiday() -> None:
    """E6: Independence Day, a Friday, has no open time."""
    with_holiday = office("09:00-17:00", holidays={"add": ["2025-07-04"]})
    assert with_holiday.add(ny(3, 16, month=7), minutes(240)) == ny(7, 12, month=7)


def test_e7_a_half_day_and_a_holiday() -> None:
    """E7: Christmas Eve is open till 13:00, Christmas Day not at all."""
    with_dates = office("09:00-17:00", holidays={"add": ["2025-12-25"]}, dates={"2025-12-24": ["09:00-13:00"]})
    assert with_dates.add(ny(24, 11, month=12), minutes(240)) == ny(26, 11, month=12)


def test_e8_spring_gap() -> None:
    """E8: a day of 23 hours; the wall clock leaps from 02:00 to 03:00."""
    assert X.add(ny(9, 1, 30, month=3), minutes(60)) == datetime(2025, 3, 9, 7, 30, tzinfo=UTC)
    assert X.elapsed(ny(9, 0, month=3), ny(10, 0, month=3)) == minutes(1380)
    assert X.elapsed(ny(9, 1, month=3), ny(9, 5, month=3)) == minutes(180)


def test_e9_autumn_fold() -> None:
    """E9: a day of 25 hours; the second 01:30 is 120 minutes after 00:30."""
    assert X.add(ny(2, 0, 30, month=11), minutes(120)) == datetime(2025, 11, 2, 6, 30, tzinfo=UTC)
    assert X.elapsed(ny(2, 0, month=11), ny(3, 0, month=11)) == minutes(1500)


def test_e17_a_case_from_another_zone() -> None:
    """E17: noon in New York is 17:00 in London; and the night in which summer time begins."""
    london = office("09:00-17:00", zone="Europe/London")
    assert london.add(ny(13, 12), minutes(240)) == datetime(2025, 6, 16, 12, tzinfo=UTC)
    assert london.add(datetime(2025, 3, 28, 16, tzinfo=LONDON), minutes(120)) == datetime(2025, 3, 31, 9, tzinfo=UTC)


def test_e22_what_uses_up_the_day_ends_at_closing_time() -> None:
    """E22: 60 minutes from 16:00 end at 17:00, not at the next opening; 61 on Tuesday."""
    assert B.add(ny(9, 16), minutes(60)) == ny(9, 17)
    assert B.add(ny(9, 16), minutes(61)) == ny(10, 9, 1)
    assert B.add(ny(9, 18), 0) == ny(10, 9)


def test_e23_lunch() -> None:
    """E23: two windows a day."""
    assert office("08:00-12:00", "13:00-17:00").add(ny(9, 11, 30), minutes(60)) == ny(9, 13, 30)


def test_e24_past_midnight() -> None:
    """E24: a window that crosses midnight is one stretch."""
    assert frozen({"mon": ["22:00-06:00"]}).add(ny(9, 23), minutes(240)) == ny(10, 3)


def test_add_nothing_is_the_instant_itself_if_open() -> None:
    """At the opening it is open, at the closing it is not."""
    assert B.add(ny(9, 12, micro=7), 0) == ny(9, 12, micro=7)
    assert B.add(ny(9, 9), 0) == ny(9, 9)
    assert B.add(ny(9, 17), 0) == ny(10, 9)


def test_add_backwards_is_the_latest_instant() -> None:
    """From closing time a whole day back is this morning's opening, and an hour more last evening's last hour."""
    assert B.add(ny(10, 17), -minutes(480)) == ny(10, 9)
    assert B.add(ny(10, 17), -minutes(540)) == ny(9, 16)
    assert B.add(ny(10, 9), -1) == ny(9, 16, 59, 59)
    assert B.add(ny(14, 12), -1) == ny(13, 16, 59, 59)


def test_add_back_a_whole_day_from_the_next_opening() -> None:
    """The day before is used up from its opening on."""
    assert B.add(ny(10, 9), -minutes(480)) == ny(9, 9)


def test_add_keeps_fractions() -> None:
    """Fractions go through to the microsecond, over a closing too; from closed time there are none to keep."""
    assert B.add(ny(9, 16, 59, 59, micro=500_000), 1) == ny(10, 9, micro=500_000)
    assert B.add(ny(9, 12, micro=1), 1) == ny(9, 12, 0, 1, micro=1)
    assert B.add(ny(10, 9, micro=250_000), -1) == ny(9, 16, 59, 59, micro=250_000)
    assert B.add(ny(9, 18, micro=999_999), 60) == ny(10, 9, 1)


def test_elapsed_drops_fractions_of_the_result() -> None:
    """Nine tenths of a second are none, two times six tenths are one; both ways alike."""
    assert B.elapsed(ny(9, 12, 0, 0, micro=900_000), ny(9, 12, 0, 1, micro=800_000)) == 0
    assert B.elapsed(ny(9, 16, 59, 59, micro=400_000), ny(10, 9, micro=600_000)) == 1
    assert B.elapsed(ny(10, 9, micro=600_000), ny(9, 16, 59, 59, micro=400_000)) == -1
    assert B.elapsed(ny(9, 12, 0, 0, micro=900_000), ny(9, 12)) == 0
    assert X.elapsed(ny(9, 12, 0, 1, micro=500_000), ny(9, 12)) == -1


def test_elapsed_backwards_is_negative() -> None:
    """It is the same number with its sign turned."""
    assert B.elapsed(ny(9, 9), ny(10, 17)) == minutes(960)
    assert B.elapsed(ny(10, 17), ny(9, 9)) == -minutes(960)
    assert X.elapsed(ny(10, 10), ny(9, 10)) == -86_400


def test_is_open_from_the_opening_until_before_the_closing() -> None:
    """Windows are [start, end)."""
    assert not B.is_open(ny(9, 8, 59, 59, micro=999_999))
    assert B.is_open(ny(9, 9))
    assert B.is_open(ny(9, 16, 59, 59, micro=999_999))
    assert not B.is_open(ny(9, 17))
    assert not B.is_open(ny(14, 12))
    assert X.is_open(ny(14, 0))


def test_next_open() -> None:
    """An open instant is its own next opening."""
    assert B.next_open(ny(9, 12, micro=5)) == ny(9, 12, micro=5)
    assert B.next_open(ny(9, 17)) == ny(10, 9)
    assert B.next_open(ny(13, 18)) == ny(16, 9)


def test_next_close() -> None:
    """The end of this stretch, or of the next one; windows that adjoin are one stretch."""
    assert B.next_close(ny(9, 12)) == ny(9, 17)
    assert B.next_close(ny(9, 17)) == ny(10, 17)
    assert B.next_close(ny(14, 12)) == ny(16, 17)
    assert office("08:00-12:00", "12:00-15:00").next_close(ny(9, 9)) == ny(9, 15)
    assert frozen({"mon": ["08:00-24:00"], "tue": ["00:00-02:00"]}).next_close(ny(9, 9)) == ny(10, 2)


def test_what_never_closes_has_no_next_close() -> None:
    """24x7 closes at no midnight, in whichever form it is declared."""
    with pytest.raises(HorizonExceeded, match="never closes"):
        X.next_close(ny(9, 12))
    every_day = frozen({day: ["00:00-24:00"] for day in (*WEEKDAYS, "sat", "sun")})
    with pytest.raises(HorizonExceeded):
        every_day.next_close(ny(9, 12))


def test_answers_are_utc() -> None:
    """Whatever zone a datetime comes in, UTC comes out."""
    for calendar in (B, X):
        for answer in (
            calendar.add(ny(9, 12), 60),
            calendar.next_open(ny(9, 12)),
            calendar.end_of_business_day(ny(9, 12)),
        ):
            assert answer.tzinfo is UTC


def test_open_windows() -> None:
    """Stretches are cut to the range that is asked for."""
    assert list(B.open_windows(ny(13, 16), ny(16, 10))) == [(ny(13, 16), ny(13, 17)), (ny(16, 9), ny(16, 10))]
    assert list(B.open_windows(ny(14, 0), ny(16, 9))) == []
    assert list(X.open_windows(ny(13, 16), ny(16, 10))) == [(ny(13, 16), ny(16, 10))]


# --- overnight windows, holidays and dates ---------------------------------------------------------------------------

NIGHTS = {day: ["22:00-06:00"] for day in WEEKDAYS}


def test_a_holiday_leaves_the_tail_of_the_night_before() -> None:
    """Tuesday is a holiday: Monday's night goes on till 06:00, Tuesday's does not begin."""
    nights = frozen(NIGHTS, holidays={"add": ["2025-06-10"]})
    assert list(nights.open_windows(ny(9, 12), ny(12, 12))) == [(ny(9, 22), ny(10, 6)), (ny(11, 22), ny(12, 6))]


def test_a_holiday_takes_the_whole_night_that_opens_on_it() -> None:
    """Monday is a holiday: its night is gone, what lies on Tuesday morning included."""
    nights = frozen(NIGHTS, holidays={"add": ["2025-06-09"]})
    assert not nights.is_open(ny(9, 23))
    assert not nights.is_open(ny(10, 3))
    assert nights.next_open(ny(9, 12)) == ny(10, 22)


def test_a_holiday_just_before_the_horizon_counts() -> None:
    """Monday is a holiday, so the horizon that begins on Tuesday does not begin in Monday's night."""
    hours = {"name": "N", "time_zone": "America/New_York", "week": NIGHTS, "holidays": {"add": ["2025-06-09"]}}
    calendar = BusinessHours.model_validate(hours).freeze(ny(10, 0), ny(12, 0))
    assert calendar.next_open(ny(10, 0)) == ny(10, 22)


def test_a_night_that_the_horizon_begins_in_is_open() -> None:
    """Its window opened on the date before."""
    hours = {"name": "N", "time_zone": "America/New_York", "week": NIGHTS}
    calendar = BusinessHours.model_validate(hours).freeze(ny(10, 2), ny(12, 0))
    assert calendar.next_close(ny(10, 2)) == ny(10, 6)
    assert calendar.end_of_business_day(ny(10, 2), 1) == ny(11, 6)


def test_a_dated_window_that_touches_the_night_before_is_merged() -> None:
    """Open time counts once, however many windows it lies in."""
    nights = frozen(NIGHTS, dates={"2025-06-10": ["04:00-08:00"]})
    assert list(nights.open_windows(ny(9, 12), ny(10, 12))) == [(ny(9, 22), ny(10, 8))]
    assert nights.elapsed(ny(9, 12), ny(10, 12)) == 10 * 3600


def test_dates_win_over_week_and_holidays() -> None:
    """A date with windows of its own has these and no others."""
    calendar = office(
        "09:00-17:00",
        holidays={"add": ["2025-06-10", "2025-06-11"]},
        dates={"2025-06-10": ["10:00-12:00"], "2025-06-12": [], "2025-06-14": ["20:00-02:00"]},
    )
    assert list(calendar.open_windows(ny(10, 0), ny(16, 0))) == [
        (ny(10, 10), ny(10, 12)),
        (ny(13, 9), ny(13, 17)),
        (ny(14, 20), ny(15, 2)),
    ]


def test_a_year_end_shutdown() -> None:
    """A range of dates has both its ends."""
    shutdown = office("09:00-17:00", holidays={"add": ["2025-12-24..2026-01-02"]})
    assert shutdown.add(ny(23, 16, month=12), minutes(120)) == datetime(2026, 1, 5, 10, tzinfo=NEW_YORK)


def test_always_but_for_a_date() -> None:
    """24x7 with a holiday is closed from midnight to midnight."""
    calendar = frozen("always", holidays={"add": ["2025-06-10"]})
    assert calendar.next_close(ny(9, 12)) == ny(10, 0)
    assert calendar.next_open(ny(10, 12)) == ny(11, 0)


# --- business days -----------------------------------------------------------------------------------------------


def target(calendar: FrozenCalendar, start: datetime, span: str) -> datetime:
    return Span.parse(span).target(calendar, start)


def test_business_days_are_the_same_local_time_later() -> None:
    """Friday to Monday, and over the change to summer time at the same wall-clock time."""
    assert target(B, ny(11, 15, 30), "2bd") == ny(13, 15, 30)
    assert target(B, ny(13, 15, micro=5), "1bd") == ny(16, 15, micro=5)
    assert target(B, ny(7, 15, month=3), "1bd") == datetime(2025, 3, 10, 19, tzinfo=UTC)


def test_business_days_from_a_closed_start() -> None:
    """Saturday noon first moves to Monday 09:00."""
    assert target(B, ny(14, 12), "1bd") == ny(17, 9)
    assert B.business_days_later(ny(14, 12), 0) == ny(16, 9)


def test_business_days_count_open_dates_only() -> None:
    """A holiday is no business day, a Saturday with a window is one."""
    calendar = office("09:00-17:00", holidays={"add": ["2025-06-10"]}, dates={"2025-06-14": ["09:00-17:00"]})
    assert target(calendar, ny(9, 12), "1bd") == ny(11, 12)
    assert target(calendar, ny(13, 12), "1bd") == ny(14, 12)


def test_business_days_that_end_outside_the_windows() -> None:
    """Over lunch it is the next opening on that date; after its end its last closing."""
    calendar = office("09:00-17:00", dates={"2025-06-10": ["09:00-12:00", "13:00-15:00"]})
    assert target(calendar, ny(9, 12, 30), "1bd") == ny(10, 13)
    assert target(calendar, ny(9, 12), "1bd") == ny(10, 13)
    assert target(calendar, ny(9, 16), "1bd") == ny(10, 15)
    assert target(calendar, ny(9, 15), "1bd") == ny(10, 15)


def test_business_days_by_night() -> None:
    """Tuesday 02:00 belongs to Monday's night, so one business day later is Wednesday 02:00."""
    nights = frozen(NIGHTS)
    assert target(nights, ny(10, 2), "1bd") == ny(11, 2)
    assert target(nights, ny(14, 2), "1bd") == ny(17, 2)


def test_a_local_time_today_leaves_open_time_after_the_start() -> None:
    """Also where a dated window touches the night before it, so that neither of two dates has any left at that time."""
    nights = frozen(NIGHTS, dates={"2025-06-10": ["00:00-24:00"]})
    assert target(nights, ny(10, 1), "0bd 00:30") == ny(12, 0, 30)
    assert target(nights, ny(10, 0), "0bd 00:30") == ny(10, 0, 30)


def test_end_of_business_day() -> None:
    """Before closing it is today's, after it tomorrow's."""
    assert target(B, ny(9, 14), "eod") == ny(9, 17)
    assert target(B, ny(9, 18), "eod") == ny(10, 17)
    assert target(B, ny(9, 17), "eod") == ny(10, 17)
    assert target(B, ny(9, 14), "2bd eod") == ny(11, 17)
    assert target(office("09:00-12:00", "13:00-17:00"), ny(9, 10), "eod") == ny(9, 17)


def test_end_of_business_day_by_night() -> None:
    """What lies after midnight belongs to the date on which it opened."""
    nights = frozen(NIGHTS)
    assert target(nights, ny(9, 23), "eod") == ny(10, 6)
    assert target(nights, ny(10, 2), "eod") == ny(10, 6)
    assert target(nights, ny(10, 2), "1bd eod") == ny(11, 6)


def test_end_of_business_day_in_shifts() -> None:
    """An evening window and a night's are one date's, though the morning after is open too."""
    shifts = office("06:00-14:00", "14:00-22:00", "22:00-06:00")
    assert target(shifts, ny(10, 5, 59), "eod") == ny(10, 6)
    assert target(shifts, ny(10, 6), "eod") == ny(11, 6)


def test_end_of_business_day_where_a_dated_window_touches_the_night_before() -> None:
    """What the two have in common belongs to the night."""
    nights = frozen(NIGHTS, dates={"2025-06-10": ["04:00-08:00"]})
    assert target(nights, ny(10, 5), "eod") == ny(10, 6)
    assert target(nights, ny(10, 6), "eod") == ny(10, 8)


def test_a_target_is_never_before_its_start() -> None:
    """Tuesday's short morning is over before Monday's long night, whose next business day it is."""
    nights = frozen({"mon": ["22:00-21:00"]}, dates={"2025-06-10": ["06:00-07:00"]})
    assert target(nights, ny(10, 20), "1bd") == ny(10, 20)
    assert target(nights, ny(10, 20), "1bd eod") == ny(10, 20)


def test_days_of_always_are_local_dates() -> None:
    """24x7 ends its business day at local midnight."""
    assert target(X, ny(9, 14), "eod") == ny(10, 0)
    assert target(X, ny(9, 14), "3bd") == ny(12, 14)
    assert target(ALWAYS.freeze(*HORIZON), ny(9, 14), "eod") == datetime(2025, 6, 10, tzinfo=UTC)


def test_business_days_go_forwards_only() -> None:
    """A negative count is a mistake of the caller."""
    with pytest.raises(ValueError, match="forwards only"):
        B.business_days_later(ny(9, 14), -1)


# --- the failures of others ------------------------------------------------------------------------------------------


def test_a_pause_counts_in_open_seconds() -> None:
    """A pause over night costs the open time that passed, and one of 57 seconds 57, not a minute."""
    start, night = ny(9, 9), B.elapsed(ny(9, 10), ny(10, 10))
    assert night == minutes(480)
    assert B.add(start, minutes(240) + night) == ny(10, 13)
    assert B.elapsed(ny(9, 18), ny(10, 8)) == 0
    assert B.elapsed(ny(9, 10, 0, 1), ny(9, 10, 0, 58)) == 57


def test_an_hour_before_due_is_an_open_hour() -> None:
    """A warning before a target on Monday morning falls on Friday, not into the night."""
    assert B.add(ny(16, 9, 30), -3600) == ny(13, 16, 30)


def test_offsets_of_past_dates_are_those_of_their_time() -> None:
    """January is winter time, though the horizon was frozen for summer too."""
    assert B.next_open(ny(13, 0, month=1)) == datetime(2025, 1, 13, 14, tzinfo=UTC)
    assert B.next_open(ny(14, 0, month=7)) == datetime(2025, 7, 14, 13, tzinfo=UTC)


def test_a_target_of_more_than_a_year_is_right() -> None:
    """240,000 minutes are 500 days of eight hours, or 100 weeks of five such days."""
    calendar = BusinessHours.model_validate(
        {"name": "B", "time_zone": "Europe/London", "week": {day: ["09:00-17:00"] for day in WEEKDAYS}}
    ).freeze(HORIZON[0], HORIZON[0] + timedelta(days=1000))
    start = datetime(2024, 7, 1, 9, tzinfo=LONDON)
    last_morning = datetime(2024, 7, 1, 9, tzinfo=LONDON) + timedelta(weeks=100) - timedelta(days=3)
    assert calendar.add(start, 240_000 * 60) == last_morning.replace(hour=17)


def test_nothing_before_or_past_the_horizon() -> None:
    """Every question whose answer needs data from outside says so, with the end of the horizon."""
    start, end = ny(9, 0), ny(13, 12)
    calendar = BusinessHours.model_validate(
        {"name": "short", "time_zone": "America/New_York", "week": {day: ["09:00-17:00"] for day in WEEKDAYS}}
    ).freeze(start, end)
    assert calendar.add(ny(12, 16), minutes(240)) == ny(13, 12)
    assert calendar.add(ny(9, 10), -minutes(60)) == ny(9, 9)
    assert calendar.elapsed(start, end) == minutes(4 * 480 + 180)
    assert calendar.is_open(end)
    later = end + timedelta(microseconds=1)
    for ask in (
        lambda: calendar.add(ny(12, 16), minutes(240) + 1),
        lambda: calendar.add(ny(9, 10), -minutes(60) - 1),
        lambda: calendar.add(ny(9, 8, 59), -1),
        lambda: calendar.add(later, 0),
        lambda: calendar.add(later, -1),
        lambda: calendar.add(start - timedelta(seconds=1), 1),
        lambda: calendar.elapsed(start, later),
        lambda: calendar.elapsed(start - timedelta(seconds=1), end),
        lambda: calendar.is_open(later),
        lambda: calendar.next_open(later),
        lambda: calendar.next_close(end),
        lambda: calendar.business_days_later(ny(12, 13), 1),
        lambda: calendar.business_days_later(ny(9, 13), 100),
        lambda: calendar.end_of_business_day(ny(13, 10)),
        lambda: list(calendar.open_windows(start, later)),
    ):
        with pytest.raises(HorizonExceeded, match="'short' is frozen from 2025-06-09") as caught:
            ask()
        assert caught.value.horizon_end == end


def test_the_next_opening_after_the_horizon_is_not_known() -> None:
    """The horizon ends over night."""
    calendar = BusinessHours.model_validate(
        {"name": "short", "time_zone": "UTC", "week": {"mon": ["09:00-17:00"], "tue": ["09:00-17:00"]}}
    ).freeze(datetime(2025, 6, 9, tzinfo=UTC), datetime(2025, 6, 10, tzinfo=UTC))
    evening = datetime(2025, 6, 9, 18, tzinfo=UTC)
    assert calendar.next_close(evening.replace(hour=10)) == evening.replace(hour=17)
    questions: tuple[Callable[[], object], ...] = (
        lambda: calendar.next_open(evening),
        lambda: calendar.next_close(evening),
        lambda: calendar.add(evening, 0),
        lambda: calendar.add(evening, 1),
    )
    for ask in questions:
        with pytest.raises(HorizonExceeded):
            ask()


def test_always_needs_its_horizon_for_days_only() -> None:
    """24x7 counts seconds without end."""
    short = ALWAYS.freeze(ny(9, 0), ny(10, 0))
    assert short.add(ny(9, 12), 3650 * 86_400) == ny(9, 12).astimezone(UTC) + timedelta(days=3650)
    with pytest.raises(HorizonExceeded):
        short.business_days_later(ny(9, 12), 10)
    with pytest.raises(HorizonExceeded):
        short.end_of_business_day(ny(20, 12))
    with pytest.raises(HorizonExceeded):
        short.add(ny(9, 12), 10**12)


@pytest.mark.parametrize("calendar", [B, X], ids=["B", "X"])
def test_a_datetime_without_a_zone_is_refused(calendar: FrozenCalendar) -> None:
    """Nobody knows which instant it is."""
    naive = datetime(2025, 6, 9, 12)  # noqa: DTZ001 - the point of the test
    for ask in (
        lambda: calendar.add(naive, 60),
        lambda: calendar.elapsed(ny(9, 12), naive),
        lambda: calendar.is_open(naive),
        lambda: calendar.next_open(naive),
    ):
        with pytest.raises(ValueError, match=r"2025-06-09T12:00:00 has no time zone; .* such as 2025-06-09T12:00:00Z"):
            ask()
