from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.usage.allowance import Allowance, Period
from domain.usage.freezing import first_instant, freeze, horizon
from domain.usage.periods import FrozenPeriods, PeriodUnknown, Term

FAR = datetime(2030, 1, 1, tzinfo=UTC)
ZONES = [
    "America/New_York",
    "America/Sao_Paulo",  # midnights that never were, and ones that came twice, until 2019
    "America/Santiago",
    "America/Havana",
    "Asia/Beirut",
    "Africa/Cairo",
    "Pacific/Apia",
    "Australia/Lord_Howe",
    "America/St_Johns",  # changed at one minute past midnight until 2011
    "Asia/Kathmandu",
    "UTC",
]


def days(
    period: str,
    starts_on: date,
    ends_on: date | None = None,
    aligned: Literal["start", "calendar"] = "start",
    until: datetime = FAR,
) -> list[date]:
    allowance = Allowance(period=Period(period), aligned=aligned)
    term = Term(starts_on=starts_on, ends_on=ends_on, time_zone="UTC")
    return [start.day for start in freeze(allowance, term, until).starts]


def slow_first_instant(day: date, zone: ZoneInfo) -> datetime:
    """The first of all minutes around a date that is in it, or after it."""
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=30)
    while at.astimezone(zone).date() < day:
        at += timedelta(minutes=1)
    return at


def test_periods_run_on_the_start_date_s_day_of_the_month() -> None:
    """15 Feb, 15 May."""
    assert days("quarter", date(2025, 2, 15), date(2025, 12, 31)) == [
        date(2025, 2, 15),
        date(2025, 5, 15),
        date(2025, 8, 15),
        date(2025, 11, 15),
    ]


def test_month_ends_are_clipped_and_always_reckoned_from_the_start() -> None:
    """From 31 January: 28 February, 31 March again; from a leap day, the 28th where there is none."""
    assert days("month", date(2025, 1, 31), date(2025, 5, 31)) == [
        date(2025, 1, 31),
        date(2025, 2, 28),
        date(2025, 3, 31),
        date(2025, 4, 30),
        date(2025, 5, 31),
    ]
    assert days("year", date(2024, 2, 29), date(2028, 12, 31)) == [
        date(2024, 2, 29),
        date(2025, 2, 28),
        date(2026, 2, 28),
        date(2027, 2, 28),
        date(2028, 2, 29),
    ]


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("month", [date(2025, 11, 15), date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1)]),
        ("quarter", [date(2025, 11, 15), date(2026, 1, 1)]),
        ("year", [date(2025, 11, 15), date(2026, 1, 1)]),
        ("term", [date(2025, 11, 15)]),
    ],
)
def test_aligned_periods_run_from_the_calendar_s_firsts(period: str, expected: list[date]) -> None:
    assert days(period, date(2025, 11, 15), date(2026, 2, 28), aligned="calendar") == expected


def test_aligned_periods_of_a_start_on_a_first_are_whole_from_the_beginning() -> None:
    assert days("quarter", date(2025, 4, 1), date(2025, 9, 30), aligned="calendar") == [
        date(2025, 4, 1),
        date(2025, 7, 1),
    ]


def test_the_last_period_ends_with_the_term() -> None:
    """The term's last day belongs to it whole; a period that would begin after it is none."""
    periods = freeze(
        Allowance(period=Period.MONTH),
        Term(starts_on=date(2025, 1, 15), ends_on=date(2025, 3, 14), time_zone="America/New_York"),
        FAR,
    )
    assert [start.day for start in periods.starts] == [date(2025, 1, 15), date(2025, 2, 15)]
    assert periods.ends_before(1) == periods.ends_at == datetime(2025, 3, 15, 4, tzinfo=UTC)
    assert periods.is_last(1)
    assert periods.number(datetime(2025, 3, 15, 3, 59, 59, 999_999, tzinfo=UTC)) == 1
    assert periods.number(datetime(2025, 3, 15, 4, tzinfo=UTC)) is None


def test_periods_change_at_the_first_instant_of_the_date_in_the_zone() -> None:
    """In New York that is 05:00Z in winter, 04:00Z in summer."""
    periods = freeze(
        Allowance(period=Period.MONTH), Term(starts_on=date(2025, 2, 20), time_zone="America/New_York"), FAR
    )
    assert periods.starts[0].at == datetime(2025, 2, 20, 5, tzinfo=UTC)
    assert periods.starts[1].at == datetime(2025, 3, 20, 4, tzinfo=UTC)
    assert periods.number(datetime(2025, 3, 20, 3, 59, 59, 999_999, tzinfo=UTC)) == 0
    assert periods.number(datetime(2025, 3, 20, 4, tzinfo=UTC)) == 1
    assert periods.number(datetime(2025, 2, 20, 4, 59, 59, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        # Midnight never was: the clock went from 23:59:59 to 01:00.
        ("America/Sao_Paulo", date(2018, 11, 4), datetime(2018, 11, 4, 3, tzinfo=UTC)),
        # Midnight came twice: the clock went from 00:59:59 to 00:00.
        ("America/Havana", date(2025, 11, 2), datetime(2025, 11, 2, 4, tzinfo=UTC)),
        # The date began, and one minute later the day before came back for an hour.
        ("America/St_Johns", date(2010, 11, 7), datetime(2010, 11, 7, 2, 30, tzinfo=UTC)),
        # The date never was: the zone went from 29 to 31 December.
        ("Pacific/Apia", date(2011, 12, 30), datetime(2011, 12, 30, 10, tzinfo=UTC)),
        ("Pacific/Apia", date(2011, 12, 31), datetime(2011, 12, 30, 10, tzinfo=UTC)),
        # The gap began before midnight: the clock went from 23:30 to 00:30.
        ("America/Toronto", date(1919, 3, 31), datetime(1919, 3, 31, 4, 30, tzinfo=UTC)),
    ],
)
def test_the_first_instant_of_a_date_whose_midnight_is_odd(zone: str, day: date, expected: datetime) -> None:
    assert first_instant(day, ZoneInfo(zone)) == expected == slow_first_instant(day, ZoneInfo(zone))


@given(day=st.dates(date(1975, 1, 1), date(2037, 1, 1)), zone=st.sampled_from(ZONES))
def test_the_first_instant_is_that_of_a_search_minute_by_minute(day: date, zone: str) -> None:
    assert first_instant(day, ZoneInfo(zone)) == slow_first_instant(day, ZoneInfo(zone))


@given(
    starts_on=st.dates(date(2005, 1, 1), date(2026, 1, 1)),
    length=st.integers(0, 1200),
    zone=st.sampled_from(ZONES),
    period=st.sampled_from(Period),
    aligned=st.sampled_from(["start", "calendar"]),
    at=st.floats(-0.1, 1.1),
)
def test_every_instant_of_a_term_is_in_exactly_one_period(
    *,
    starts_on: date,
    length: int,
    zone: str,
    period: Period,
    aligned: Literal["start", "calendar"],
    at: float,
) -> None:
    """Periods follow one another without a gap, from the start to the end; before and after it there is none."""
    term = Term(starts_on=starts_on, ends_on=starts_on + timedelta(days=length), time_zone=zone)
    periods = freeze(Allowance(period=period, aligned=aligned), term, FAR)
    periods = FrozenPeriods.model_validate_json(periods.model_dump_json())
    begins, ends = periods.starts_at(0), periods.ends_at
    assert begins is not None
    assert ends is not None
    instant = begins + at * (ends - begins)
    number = periods.number(instant)
    assert (number is None) == (not begins <= instant < ends)
    if number is not None:
        found_from, found_to = periods.starts_at(number), periods.ends_before(number)
        assert found_from is not None
        assert found_to is not None
        assert found_from <= instant < found_to
        assert found_to == (periods.starts_at(number + 1) if number + 1 < periods.count else ends)
    assert all(earlier.at < later.at for earlier, later in pairwise(periods.starts))


def test_a_term_without_start_has_one_period() -> None:
    periods = freeze(Allowance(), Term(ends_on=date(2025, 6, 30), time_zone="UTC"), FAR)
    assert periods.number(datetime(1900, 1, 1, tzinfo=UTC)) == 0
    assert periods.number(datetime(2025, 7, 1, tzinfo=UTC)) is None
    assert periods.starts_at(0) is None
    assert periods.first_day(0) is None


def test_a_period_needs_a_start() -> None:
    with pytest.raises(ValueError, match="an allowance for each month needs a start date"):
        freeze(Allowance(period=Period.MONTH), Term(time_zone="UTC"), FAR)


def test_a_term_ends_after_it_starts() -> None:
    with pytest.raises(ValidationError, match="the term ends on 2024-12-31, before it starts on 2025-01-01"):
        Term(starts_on=date(2025, 1, 1), ends_on=date(2024, 12, 31), time_zone="UTC")


def test_a_term_without_end_is_known_over_a_horizon() -> None:
    """Past it nothing is guessed; the last known period's end is known."""
    term = Term(starts_on=date(2025, 1, 1), time_zone="UTC")
    periods = freeze(Allowance(period=Period.YEAR), term, datetime(2026, 6, 1, tzinfo=UTC))
    assert [start.day.year for start in periods.starts] == [2025, 2026]
    assert periods.ends_before(1) == periods.known_until == datetime(2027, 1, 1, tzinfo=UTC)
    assert not periods.is_last(1)
    with pytest.raises(PeriodUnknown, match="known until Fri 2027-01-01"):
        periods.number(datetime(2027, 1, 1, tzinfo=UTC))


def test_a_longer_horizon_moves_no_period_that_was_known() -> None:
    """Though the zone's rules changed in between: the new ones begin where the old ones end."""
    allowance = Allowance(period=Period.YEAR)
    known = freeze(allowance, Term(starts_on=date(2025, 1, 1), time_zone="UTC"), datetime(2026, 6, 1, tzinfo=UTC))
    changed = Term(starts_on=date(2025, 1, 1), time_zone="Etc/GMT+1")
    longer = known.extended(freeze(allowance, changed, datetime(2029, 6, 1, tzinfo=UTC)))
    assert longer.starts[:2] == known.starts
    assert longer.starts[2].at == known.known_until
    assert longer.starts[3].at == datetime(2028, 1, 1, 1, tzinfo=UTC)
    assert longer.known_until == datetime(2030, 1, 1, 1, tzinfo=UTC)
    assert longer.extended(known) == longer


def test_the_horizon_reaches_ten_years_past_now_or_the_start() -> None:
    now = datetime(2025, 6, 1, tzinfo=UTC)
    assert horizon(Term(time_zone="UTC"), now).year == 2035
    assert horizon(Term(starts_on=date(2030, 1, 1), time_zone="UTC"), now).year == 2040
