"""Days of every year, half days and moved working days against the slow model of the rules.

`HYPOTHESIS_PROFILE=thorough` runs these tests with thousands of examples each; otherwise they take seconds.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import holidays
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from domain.calendar import BusinessHours, FrozenCalendar
from domain.open_time.windows import clock_seconds, window_seconds
from tests.domain import test_calendar_model as plain
from tests.models.specified.slow_calendar import SlowCalendar

DAY = timedelta(days=1)
SECOND, TICK, NOTHING = timedelta(seconds=1), timedelta.resolution, timedelta(0)
HALF_DAYS = ("IS", "GR", "EE", "BG", "TR", "US", "CN", "PR")
"""Countries with a category of half days."""

MOVED = ("HU", "CN", "TW", "KZ", "LV")
"""Countries that work on days in place of others."""

YEARS = (2023, 2024, 2025, 2026)
ZONES = ("Europe/Budapest", "America/New_York", "Asia/Taipei")
WINDOWS = [[], ["09:00-13:00"], ["08:00-12:00", "13:00-15:00"], ["00:00-24:00"], ["20:00-04:00"]]
LOCAL_TIMES = ["00:30", "03:00", "09:00", "12:30", "14:00", "17:00", "22:00"]


class Days(NamedTuple):
    """Hours with days of their own, and a date of which something is said."""

    hours: dict[str, Any]
    around: date

    @property
    def fast(self) -> FrozenCalendar:
        try:
            hours = BusinessHours(**self.hours)
        except ValueError:
            reject()  # what is added is removed as well, or ranges overlap
        return hours.freeze(self.instant(-40), self.instant(60))

    @property
    def slow(self) -> SlowCalendar:
        return SlowCalendar(self.hours, self.instant(-50), self.instant(70))

    def instant(self, days: int) -> datetime:
        return datetime(self.around.year, self.around.month, self.around.day, tzinfo=UTC) + days * DAY


@cache
def said_of(country: str, year: int) -> list[date]:
    """The dates of a year of which the package says anything."""
    known = holidays.country_holidays(country, years=year)
    found = {*known, *(day for day in getattr(known, "weekend_workdays", ()) if day.year == year)}
    if country in HALF_DAYS:
        found |= set(holidays.country_holidays(country, years=year, categories=("half_day",)))
    return sorted(day for day in found if day.year == year)


@st.composite
def days(draw: st.DrawFn) -> Days:
    """Hours of a country, with dates of their own near one of which the package says something."""
    country = draw(st.sampled_from(sorted({*HALF_DAYS, *MOVED})))
    around = draw(st.sampled_from(said_of(country, draw(st.sampled_from(YEARS)))))
    near = st.sampled_from([-3, -1, 0, 0, 0, 1, 2, 7]).map(lambda n: around + n * DAY)
    windows = st.sampled_from(WINDOWS)
    week = {day: ["09:00-17:00"] for day in plain.WEEKDAYS[:5]}
    if draw(st.booleans()):
        week["sat"] = draw(st.sampled_from([["10:00-12:00"], ["22:00-06:00"]]))
    rules: dict[str, Any] = {"country": country}
    if country in HALF_DAYS and draw(st.integers(0, 3)):
        # The model knows a country's moved days only where it asks for holidays as well.
        alone = [] if country in MOVED else [["half_day"]]
        rules["categories"] = draw(st.sampled_from([["public", "half_day"], ["public", "half_day"], *alone]))
        rules["half_days"] = draw(st.sampled_from(WINDOWS[1:]))
    if country in MOVED and draw(st.integers(0, 3)):
        rules["working_weekends"] = draw(st.sampled_from(WINDOWS[1:]))
    for key in ("add", "remove"):
        if draw(st.integers(0, 3)) == 0:
            rules[key] = draw(st.lists(st.one_of(near, near.map(lambda d: f"{d}..{d + 2 * DAY}")), max_size=2))
    own: dict[str, Any] = {}
    for kind in draw(st.lists(st.sampled_from(["single", "range", "yearly", "yearly", "leap"]), max_size=4)):
        day = draw(near)
        last = day + draw(st.integers(1, 5)) * DAY
        key = {"single": f"{day}", "range": f"{day}..{last}", "yearly": f"{day:%m-%d}", "leap": "02-29"}[kind]
        own[key] = draw(windows)
    hours = {
        "name": "Support",
        "time_zone": draw(st.sampled_from(ZONES)),
        "week": week,
        "holidays": rules,
        "dates": own,
    }
    return Days(hours, draw(st.sampled_from([around, date(2024, 2, 28), date(2025, 2, 28)])))


@plain.PROFILE
@given(days())
def test_each_date_has_the_windows_of_the_model(found: Days) -> None:
    """Single dates, ranges, dates of every year, holidays, moved working days, half days, week: in this order."""
    fast, slow = found.fast, found.slow
    for n in range(-35, 50):
        day = found.around + n * DAY
        windows = fast.dates.get(day, fast.week.days[day.weekday()])
        expected = [
            (opens // timedelta(seconds=1), closes // timedelta(seconds=1)) for opens, closes in slow.windows_of(day)
        ]
        assert [window_seconds(window) for window in windows] == expected, day


@plain.PROFILE
@given(days(), st.lists(st.integers(-6 * 86_400, 9 * 86_400), min_size=3, max_size=3), st.sampled_from(LOCAL_TIMES))
def test_time_around_such_dates_is_the_models(found: Days, offsets: list[int], clock: str) -> None:
    """Open seconds, openings, closings, business days and local times on either side of them."""
    fast, slow = found.fast, found.slow
    moments = sorted(found.instant(0) + timedelta(seconds=offset) for offset in offsets)
    for t in moments:
        assert fast.is_open(t) == slow.is_open(t)
        assert fast.next_open(t) == slow.next_open(t)
        assert fast.add(t, 20 * 3600) == slow.add(t, 20 * 3600)
        assert fast.add(t, -20 * 3600) == slow.add(t, -20 * 3600)
    t, _, later = moments
    assert fast.elapsed(t, later) == slow.elapsed(t, later)
    assert fast.end_of_business_day(t, 1) == slow.end_of_business_day(t, 1)
    for n in (0, 1, 2):
        assert fast.business_days_later(t, n) == slow.business_days_later(t, n)
        expected, reached = slow.business_day_at(t, n, clock), fast.business_day_at(t, n, clock_seconds(clock))
        opening = slow.next_open(t)
        # The model looks one date further; where its own window touches the night before, that may not do.
        assert reached == (expected if expected > opening else max(reached, opening + (TICK if n == 0 else NOTHING)))
    assert fast.counted_from(t, clock_seconds(clock)) == slow.after_cutoff(t, clock)


@pytest.mark.parametrize("country", HALF_DAYS)
def test_these_countries_have_half_days(country: str) -> None:
    """Else the tests above would say nothing of them."""
    assert "half_day" in holidays.country_holidays(country).supported_categories
    assert all(said_of(country, year) for year in YEARS)


@pytest.mark.parametrize("country", MOVED)
def test_these_countries_move_working_days(country: str) -> None:
    """Else the tests above would say nothing of them."""
    known = [holidays.country_holidays(country, years=year) for year in YEARS]
    assert any(getattr(one, "weekend_workdays", None) for one in known)
    assert all(said_of(country, year) for year in YEARS)
