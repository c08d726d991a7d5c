"""The calendar against a slow model of the one rule: open if and only if the local wall-clock time lies in a window.

`HYPOTHESIS_PROFILE=thorough` runs these tests with thousands of examples each; otherwise they take seconds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, cached_property
from itertools import pairwise
from typing import Any, ParamSpec, TypeVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st

from domain.calendar import BusinessHours, FrozenCalendar, HorizonExceeded
from domain.open_time.windows import clock_seconds
from tests.models.specified.slow_calendar import OutOfSightError, SlowCalendar

P = ParamSpec("P")
T = TypeVar("T")

_SLOW_ON_PURPOSE = [HealthCheck.too_slow, HealthCheck.filter_too_much]
settings.register_profile(
    "quick", max_examples=30, deadline=None, derandomize=True, suppress_health_check=_SLOW_ON_PURPOSE
)
settings.register_profile("thorough", max_examples=1_000, deadline=None, suppress_health_check=_SLOW_ON_PURPOSE)
PROFILE = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = timedelta(days=1)
TICK = timedelta.resolution
SIGHT = timedelta(days=10)
"""How much further than the horizon the model looks: beyond the one it may be silent, beyond the other it must be."""

NASTY_YEARS = [
    ("UTC", 2025),
    ("America/New_York", 2025),
    ("Europe/London", 2025),
    ("Australia/Lord_Howe", 2025),  # shifts by 30 minutes
    ("Pacific/Apia", 2011),  # has no 30 December
    ("Pacific/Kwajalein", 1969),  # turned back by 23 hours
    ("Pacific/Kwajalein", 1993),  # has no 21 August
    ("America/Sao_Paulo", 2018),  # springs forward at midnight, falls back into the day before
    ("America/Santiago", 2022),  # the same, on the other side of the year
    ("Asia/Beirut", 2022),
    ("America/Havana", 2025),
    ("America/St_Johns", 2010),  # falls back at 00:01, so that a date begins twice
    ("Africa/Casablanca", 2025),  # winter time in Ramadan
    ("Africa/Cairo", 2010),  # four changes in a year
    ("Asia/Kathmandu", 1986),  # moved from +05:30 to +05:45
    ("Africa/Monrovia", 1972),  # moved from -00:44:30 to UTC
    ("America/Caracas", 2007),
    ("Asia/Pyongyang", 2018),
    ("Antarctica/Troll", 2025),  # shifts by two hours
    ("America/Scoresbysund", 2024),
    ("Europe/Dublin", 2050),  # past the table of changes, by rule
]


@cache
def changes(zone: str, year: int) -> list[datetime]:
    """The instants of `year` at which the zone changes its offset, and one instant at which it does not."""
    tz = ZoneInfo(zone)
    hours = [datetime(year, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(366 * 24)]
    found = [datetime(year, 5, 14, 10, 20, 30, tzinfo=UTC)]
    for low, high in pairwise(hours):
        if low.astimezone(tz).utcoffset() != high.astimezone(tz).utcoffset():
            seconds = [low + timedelta(seconds=second) for second in range(1, 3601)]
            found.append(next(t for t in seconds if t.astimezone(tz).utcoffset() == high.astimezone(tz).utcoffset()))
    return found


# Calendars.


@dataclass
class World:
    """A calendar, an instant at which something happens, and the two that have to agree about it."""

    hours: dict[str, Any]
    focus: datetime
    start: datetime
    end: datetime
    moments: list[datetime]
    seconds: int
    more_seconds: int

    @cached_property
    def slow(self) -> SlowCalendar:
        return SlowCalendar(self.hours, self.start - SIGHT, self.end + SIGHT)

    @cached_property
    def fast(self) -> FrozenCalendar:
        return BusinessHours(**self.hours).freeze(self.start, self.end)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _window(opens: int, closes: int) -> str:
    return f"{_clock(opens)}-{_clock(closes)}"


@st.composite
def day_windows(draw: st.DrawFn, grain: int, most: int = 4) -> list[tuple[int, int]]:
    """Windows of one day, in minutes: apart or adjacent, from 00:00 or up to 24:00."""
    points = st.integers(0, 1440 // grain).map(lambda n: n * grain)
    borders = sorted(draw(st.sets(points, max_size=most + 1)))
    return [pair for pair in pairwise(borders) if draw(st.integers(0, 2))]


@st.composite
def weeks(draw: st.DrawFn, grain: int) -> dict[str, list[tuple[int, int]]]:
    """Windows of a week, some across midnight, none of which overlaps another."""
    kind = draw(st.sampled_from(["office", "night", "any"]))
    if kind == "office":
        windows = draw(day_windows(grain))
        week = {day: list(windows) for day in WEEKDAYS[:5]}
    elif kind == "night":
        week = {day: [] for day in WEEKDAYS}
    else:
        week = {day: draw(day_windows(grain)) for day in WEEKDAYS}
    for today, tomorrow in zip(WEEKDAYS, (*WEEKDAYS[1:], WEEKDAYS[0]), strict=True):
        if kind == "office" or not draw(st.booleans()):
            continue
        earliest = week[today][-1][1] if week[today] else 0
        latest = min([opens for opens, _ in week[tomorrow]], default=1440)
        opens = draw(st.integers(0, 1440 // grain)) * grain
        closes = draw(st.integers(1, 1440 // grain)) * grain
        if earliest <= opens < 1440 and closes <= latest and closes < opens:
            week[today] = [*week[today], (opens, closes)]
    return week


@st.composite
def calendars(draw: st.DrawFn, grain: int, zone: str, around: date) -> dict[str, Any]:
    """Business hours in their YAML form, with exceptions around a date."""
    if draw(st.integers(0, 5)) == 0:
        week: Any = "always"
    else:
        windows = draw(weeks(grain))
        assume(any(windows.values()))
        week = {day: [_window(*window) for window in windows[day]] for day in WEEKDAYS if day in windows}
    hours: dict[str, Any] = {"name": "Support", "time_zone": zone, "week": week}
    near = st.integers(-6, 8).map(lambda days: around + days * DAY)
    added: list[date | str] = [*draw(st.lists(near, max_size=3, unique=True))]
    if not draw(st.integers(0, 3)):
        first = draw(near)
        added.append(f"{first}..{first + draw(st.integers(1, 9)) * DAY}")
    if added:
        hours["holidays"] = {"add": added}
    dated = draw(st.lists(near, max_size=3, unique=True))
    if dated:
        hours["dates"] = {day: [_window(*w) for w in draw(dated_windows(grain))] for day in dated}
    return hours


@st.composite
def dated_windows(draw: st.DrawFn, grain: int) -> list[tuple[int, int]]:
    """Windows of one date; the last may reach into the next day, whatever is open there."""
    windows = draw(day_windows(grain, most=3))
    earliest = windows[-1][1] if windows else 0
    if draw(st.integers(0, 3)) == 0 and earliest < 1440:
        opens = draw(st.integers(earliest // grain, 1440 // grain - 1)) * grain
        if opens > grain:
            windows.append((opens, draw(st.integers(1, opens // grain - 1)) * grain))
    return windows


# The calendars of the worked examples.

NEW_YORK = "America/New_York"


def _office(opens_to_closes: list[str], zone: str = NEW_YORK, days: tuple[str, ...] = WEEKDAYS[:5]) -> dict[str, Any]:
    return {"name": "Office", "time_zone": zone, "week": dict.fromkeys(days, opens_to_closes)}


A = _office(["08:00-17:00"])
B = _office(["09:00-17:00"])
X = {"name": "Always", "time_zone": NEW_YORK, "week": "always"}
LONDON = _office(["09:00-17:00"], "Europe/London")
LUNCH = _office(["08:00-12:00", "13:00-17:00"])
NIGHT = _office(["22:00-06:00"], days=("mon",))
FOURTH_OF_JULY = {**B, "holidays": {"add": [date(2025, 7, 4)]}}
CHRISTMAS = {**B, "holidays": {"add": [date(2025, 12, 25)]}, "dates": {date(2025, 12, 24): ["09:00-13:00"]}}


# Instants.


@st.composite
def instants(draw: st.DrawFn, hours: dict[str, Any], focus: datetime, reach: timedelta) -> datetime:
    """Instants near a change of offset, near the border of a window, or anywhere."""
    tz = ZoneInfo(hours["time_zone"])
    kind = draw(st.sampled_from(["change", "eve", "border", "border", "day", "anywhere"]))
    minutes = st.sampled_from([-90, -60, -30, -15, -1, 0, 1, 15, 30, 60, 90])
    if kind == "change":
        t = focus + timedelta(minutes=draw(minutes))
    elif kind == "eve":  # the same local time one or some days later is skipped, or comes twice
        t = focus - draw(st.integers(1, 4)) * DAY + timedelta(minutes=draw(minutes))
    elif kind == "border":
        days = hours["week"] if isinstance(hours["week"], dict) else {}
        texts = [text for texts in (*days.values(), *hours.get("dates", {}).values()) for text in texts]
        borders = {border for text in texts for border in text.split("-")} - {"24:00"} | {"00:00"}
        border = time.fromisoformat(draw(st.sampled_from(sorted(borders))))
        day = focus.astimezone(tz).date() + draw(st.integers(-4, 4)) * DAY
        t = datetime.combine(day, border, tz).replace(fold=draw(st.integers(0, 1))).astimezone(UTC)
    elif kind == "day":
        t = focus + timedelta(seconds=draw(st.integers(-86_400, 86_400)))
    else:
        t = focus + timedelta(seconds=draw(st.integers(int(-reach.total_seconds()), int(reach.total_seconds()))))
    t += timedelta(seconds=draw(st.sampled_from([0, 0, 0, -1, 1])))
    return t + draw(st.sampled_from([0, 0, 0, 1, 500_000, 999_999])) * TICK


@st.composite
def worlds(draw: st.DrawFn) -> World:
    zone, year = draw(st.sampled_from(NASTY_YEARS))
    focus = draw(st.sampled_from(changes(zone, year)))
    grain, days = draw(st.sampled_from([(60, 200), (60, 200), (30, 100), (15, 50), (1, 8)]))
    hours = draw(calendars(grain, zone, focus.astimezone(ZoneInfo(zone)).date()))
    reach = timedelta(days=days)
    near = instants(hours, focus, reach / 4)
    few = st.sampled_from([0, 1, 59, 60, 61, 900, 1800, 3600, 5400, 7200, 28_800, 86_400])
    span = st.one_of(few, st.integers(0, 200_000), st.integers(0, days * 86_400 // 8))
    return World(
        hours=hours,
        focus=focus,
        start=focus - reach,
        end=focus + reach,
        moments=draw(st.lists(near, min_size=3, max_size=3)),
        seconds=draw(span),
        more_seconds=draw(span),
    )


def agree(world: World, operation: str, *arguments: Any) -> None:
    """Calendar and model answer with the same instant, or both say that it is past the horizon."""
    fast: Callable[..., datetime] = getattr(world.fast, operation)
    slow: Callable[..., datetime] = getattr(world.slow, operation)
    try:
        expected = slow(*arguments)
    except OutOfSightError:
        with pytest.raises(HorizonExceeded):
            fast(*arguments)
        return
    try:
        actual = fast(*arguments)
    except HorizonExceeded:
        assert not world.start + DAY <= expected <= world.end - DAY, f"within the horizon: {expected}"
        return
    assert actual == expected
    assert actual.utcoffset() == timedelta(0)


def known(operation: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """The answer, for a property that says nothing about what lies past the horizon."""
    try:
        return operation(*arguments, **named)
    except HorizonExceeded:
        reject()


# The fast calendar equals the model.


@PROFILE
@given(worlds())
def test_is_open_is_the_one_rule(world: World) -> None:
    """An instant is open if and only if its wall-clock time lies in a window."""
    for t in world.moments:
        for near in (t - TICK, t, t + TICK, t + timedelta(seconds=1)):
            assert world.fast.is_open(near) == world.slow.is_open(near), near


@PROFILE
@given(worlds())
def test_opening_and_closing_times_are_those_of_the_model(world: World) -> None:
    """The next opening and the next closing are the same, and so are those that follow."""
    for t in world.moments:
        agree(world, "next_open", t)
        agree(world, "next_close", t)
    for opening, closing in _stretches(world):
        assert world.slow.next_open(opening - TICK) == world.slow.next_open(opening) == opening
        assert world.slow.next_close(opening) == closing


def _stretches(world: World) -> Iterator[tuple[datetime, datetime]]:
    """The first stretches that the fast calendar finds, each after the closing of the one before."""
    t = world.moments[0]
    for _ in range(6):
        try:
            opening = world.fast.next_open(t)
            closing = world.fast.next_close(opening)
        except HorizonExceeded:
            return
        if opening > t:
            yield opening, closing
        t = closing


@PROFILE
@given(worlds())
def test_elapsed_counts_the_open_seconds_of_the_model(world: World) -> None:
    """Open time between two instants is the same in both directions, fractions dropped."""
    a, b, _ = world.moments
    assert world.fast.elapsed(a, b) == world.slow.elapsed(a, b)
    assert world.fast.elapsed(b, a) == world.slow.elapsed(b, a)


@PROFILE
@given(worlds())
def test_add_arrives_where_the_model_does(world: World) -> None:
    """Open time added, taken away, and none at all lead to the same instants, closing and opening times among them."""
    for t, other in pairwise((*world.moments, world.moments[0])):
        up_to_a_border = world.slow.elapsed(t, other)  # where `other` lies in closed time
        for seconds in (world.seconds, -world.seconds, 0, up_to_a_border, -up_to_a_border):
            agree(world, "add", t, seconds)


@PROFILE
@given(worlds(), st.integers(1, 4))
def test_business_days_are_those_of_the_model(world: World, n: int) -> None:
    """`Nbd` is the same local time n open dates later, or that date's next opening, or else its last closing."""
    for t in world.moments:
        agree(world, "business_days_later", t, n)


@PROFILE
@given(worlds(), st.integers(0, 3))
def test_the_end_of_a_business_day_is_that_of_the_model(world: World, n: int) -> None:
    """`eod` and `Nbd eod` are the last closing of an open date."""
    for t in world.moments:
        agree(world, "end_of_business_day", t, n)


CLOCKS = ["00:00", "00:30", "02:15", "05:59", "06:00", "09:00", "14:00", "16:00", "23:30"]


def answered(ask: Callable[..., datetime], *args: Any) -> datetime | None:
    """The answer, or None where it lies out of sight."""
    try:
        return ask(*args)
    except (HorizonExceeded, OutOfSightError):
        return None


@PROFILE
@given(worlds(), st.integers(0, 3), st.sampled_from(CLOCKS))
def test_a_local_time_of_a_business_day_is_that_of_the_model(world: World, n: int, clock: str) -> None:
    """`1bd 16:00` and `0bd 16:00`, moved into the windows of their date."""
    for t in world.moments:
        found = answered(world.fast.business_day_at, t, n, clock_seconds(clock))
        expected = answered(world.slow.business_day_at, t, n, clock)
        assert found is None or expected is None or found == expected, (t, n, clock)


@PROFILE
@given(worlds(), st.sampled_from(CLOCKS))
def test_what_follows_a_cutoff_is_that_of_the_model(world: World, clock: str) -> None:
    """From the opening of the next open date, at or after a local time of an open one."""
    for t in world.moments:
        found = answered(world.fast.counted_from, t, clock_seconds(clock))
        expected = answered(world.slow.after_cutoff, t, clock)
        assert found is None or expected is None or found == expected, (t, clock)


ROUND_THE_CLOCK: list[dict[str, Any]] = [
    {"week": "always"},
    {"week": {day: ["22:00-06:00"] for day in WEEKDAYS}},
    {"week": {day: ["00:00-00:45", "02:15-02:45", "03:00-23:30"] for day in WEEKDAYS}},
]


@pytest.mark.parametrize("week", ROUND_THE_CLOCK, ids=["always", "nights", "days"])
@pytest.mark.parametrize(("zone", "year"), NASTY_YEARS)
def test_every_change_is_that_of_the_model(zone: str, year: int, week: dict[str, Any]) -> None:
    """All around every change of offset, and at the same local time a day before it, both answer the same."""
    for focus in changes(zone, year):
        own = focus.astimezone(ZoneInfo(zone)).date() + 2 * DAY
        hours = {"name": "Support", "time_zone": zone, **week, "dates": {own: ["04:30-12:00"]}}
        world = World(hours, focus, focus - 20 * DAY, focus + 20 * DAY, [], 0, 0)
        for minutes in range(-120, 121, 30):
            t = focus + timedelta(minutes=minutes, seconds=1)
            assert world.fast.is_open(t) == world.slow.is_open(t), t
            assert world.fast.elapsed(t, focus + 3 * DAY) == world.slow.elapsed(t, focus + 3 * DAY), t
            agree(world, "next_open", t)
            agree(world, "add", t, 3600)
            agree(world, "add", t, -3600)
            agree(world, "business_days_later", t - DAY, 1)
            agree(world, "end_of_business_day", t - DAY, 1)
            agree(world, "business_days_later", t + DAY, 1)


def test_where_a_date_overlaps_the_night_before_the_time_is_one_stretch() -> None:
    """Tuesday's own windows reach into Monday's night: what both hold counts once and belongs to the Monday."""
    tuesday = date(2025, 6, 10)
    hours = {**NIGHT, "dates": {tuesday: ["05:00-12:00"]}}
    focus = datetime(2025, 6, 9, tzinfo=UTC)
    world = World(hours, focus, focus - 30 * DAY, focus + 30 * DAY, [], 0, 0)
    for hour in range(8):
        t = datetime(2025, 6, 10, 2, 30, tzinfo=UTC) + timedelta(hours=hour)
        agree(world, "next_close", t)
        agree(world, "add", t, 8 * 3600)
        agree(world, "end_of_business_day", t)
        agree(world, "business_days_later", t, 1)


# What holds without any model.


@PROFILE
@given(worlds())
def test_add_is_the_earliest_instant_at_which_the_time_has_passed(world: World) -> None:
    """From t to `add(t, s)` exactly s open seconds pass, and one tick before it they have not."""
    t = world.moments[0]
    reached = known(world.fast.add, t, world.seconds)
    assert world.fast.elapsed(t, reached) == world.seconds
    if world.seconds:
        assert world.fast.elapsed(t, reached - TICK) == world.seconds - 1
    else:
        assert world.fast.is_open(reached)
        assert reached == world.fast.next_open(t)


@PROFILE
@given(worlds())
def test_add_of_a_negative_span_is_the_latest_instant(world: World) -> None:
    """From `add(t, -s)` to t exactly s open seconds pass, and one tick after it no longer."""
    t = world.moments[0]
    assume(world.seconds)
    left = known(world.fast.add, t, -world.seconds)
    assert world.fast.elapsed(left, t) == world.seconds
    assert world.fast.elapsed(left + TICK, t) == world.seconds - 1


@PROFILE
@given(worlds())
def test_spans_add_up(world: World) -> None:
    """Two spans one after the other are their sum, forwards and backwards."""
    t = world.moments[0]
    first, second = world.seconds, world.more_seconds
    assume(first and second)
    for sign in (1, -1):
        between = known(world.fast.add, t, sign * first)
        reached = known(world.fast.add, t, sign * (first + second))
        assert world.fast.add(between, sign * second) == reached


@PROFILE
@given(worlds())
def test_elapsed_is_additive(world: World) -> None:
    """The open time from a to c is that from a to b and from b to c, in whatever order they lie."""
    a, b, c = (t.replace(microsecond=0) for t in world.moments)
    assert world.fast.elapsed(a, b) + world.fast.elapsed(b, c) == world.fast.elapsed(a, c)


@PROFILE
@given(worlds())
def test_the_calendar_survives_json(world: World) -> None:
    """Through JSON and back, business hours and a frozen calendar are equal and answer the same."""
    hours = BusinessHours(**world.hours)
    assert BusinessHours.model_validate_json(hours.model_dump_json()) == hours
    thawed = FrozenCalendar.model_validate_json(world.fast.model_dump_json())
    assert thawed == world.fast
    t = world.moments[0]
    reached = known(world.fast.add, t, world.seconds)
    assert thawed.add(t, world.seconds) == reached
    assert thawed.elapsed(t, reached) == world.seconds


# The model itself does what the worked examples say.


def _model(hours: dict[str, Any]) -> SlowCalendar:
    return SlowCalendar(hours, datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("example", "hours", "start", "minutes", "expected"),
    [
        ("E1", X, "2025-06-11T10:00-04:00", 240, "2025-06-11T14:00-04:00"),
        ("E2", B, "2025-06-11T15:00-04:00", 16 * 60, "2025-06-13T15:00-04:00"),
        ("E2", B, "2025-06-11T15:00-04:00", 32 * 60, "2025-06-17T15:00-04:00"),
        ("E3", A, "2025-06-11T16:00-04:00", 120, "2025-06-12T09:00-04:00"),
        ("E4", A, "2025-06-13T16:45-04:00", 60, "2025-06-16T08:45-04:00"),
        ("E4", X, "2025-06-13T16:45-04:00", 60, "2025-06-13T17:45-04:00"),
        ("E5", B, "2025-06-14T12:00-04:00", 240, "2025-06-16T13:00-04:00"),
        ("E6", FOURTH_OF_JULY, "2025-07-03T16:00-04:00", 240, "2025-07-07T12:00-04:00"),
        ("E7", CHRISTMAS, "2025-12-24T11:00-05:00", 240, "2025-12-26T11:00-05:00"),
        ("E8", X, "2025-03-09T01:30-05:00", 60, "2025-03-09T07:30Z"),
        ("E9", X, "2025-11-02T00:30-04:00", 120, "2025-11-02T06:30Z"),
        ("E17", LONDON, "2025-06-13T12:00-04:00", 240, "2025-06-16T12:00Z"),
        ("E17", LONDON, "2025-03-28T16:00Z", 120, "2025-03-31T09:00Z"),
        ("E22", B, "2025-06-09T16:00-04:00", 60, "2025-06-09T17:00-04:00"),
        ("E22", B, "2025-06-09T16:00-04:00", 61, "2025-06-10T09:01-04:00"),
        ("E22", B, "2025-06-09T18:00-04:00", 0, "2025-06-10T09:00-04:00"),
        ("E23", LUNCH, "2025-06-09T11:30-04:00", 60, "2025-06-09T13:30-04:00"),
        ("E24", NIGHT, "2025-06-09T23:00-04:00", 240, "2025-06-10T03:00-04:00"),
    ],
)
def test_the_model_adds_as_the_examples_say(
    example: str, hours: dict[str, Any], start: str, minutes: int, expected: str
) -> None:
    """E1-E9, E17, E22-E24: the model that judges the calendar is right about them."""
    assert _model(hours).add(datetime.fromisoformat(start), minutes * 60) == datetime.fromisoformat(expected), example


@pytest.mark.parametrize(
    ("example", "start", "end", "minutes"),
    [
        ("E1", "2025-06-11T10:00-04:00", "2025-06-11T13:00-04:00", 180),
        ("E8", "2025-03-09T00:00-05:00", "2025-03-10T00:00-04:00", 1380),
        ("E8", "2025-03-09T01:00-05:00", "2025-03-09T05:00-04:00", 180),
        ("E9", "2025-11-02T00:00-04:00", "2025-11-03T00:00-05:00", 1500),
    ],
)
def test_the_model_counts_as_the_examples_say(example: str, start: str, end: str, minutes: int) -> None:
    """E1, E8, E9: on the days of the change the model counts 1,380 and 1,500 minutes."""
    a, b = datetime.fromisoformat(start), datetime.fromisoformat(end)
    assert _model(X).elapsed(a, b) == minutes * 60, example


@pytest.mark.parametrize(
    ("hours", "start", "expected"),
    [
        (B, "2025-06-14T12:00-04:00", "2025-06-17T09:00-04:00"),
        (B, "2025-06-13T15:20-04:00", "2025-06-16T15:20-04:00"),
        (LUNCH, "2025-06-14T12:00-04:00", "2025-06-17T08:00-04:00"),
        (CHRISTMAS, "2025-12-23T15:00-05:00", "2025-12-24T13:00-05:00"),
        (FOURTH_OF_JULY, "2025-07-03T10:00-04:00", "2025-07-07T10:00-04:00"),
        (NIGHT, "2025-06-10T03:00-04:00", "2025-06-17T03:00-04:00"),
    ],
)
def test_the_model_moves_by_a_business_day(hours: dict[str, Any], start: str, expected: str) -> None:
    """`1bd`: the same local time on the next open date, clipped to its windows."""
    reached = _model(hours).business_days_later(datetime.fromisoformat(start), 1)
    assert reached == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    ("hours", "start", "n", "expected"),
    [
        (B, "2025-06-09T14:00-04:00", 0, "2025-06-09T17:00-04:00"),
        (B, "2025-06-09T18:00-04:00", 0, "2025-06-10T17:00-04:00"),
        (B, "2025-06-12T14:00-04:00", 2, "2025-06-16T17:00-04:00"),
        (NIGHT, "2025-06-10T03:00-04:00", 0, "2025-06-10T06:00-04:00"),
        (X, "2025-06-09T14:00-04:00", 0, "2025-06-10T00:00-04:00"),
    ],
)
def test_the_model_ends_a_business_day(hours: dict[str, Any], start: str, n: int, expected: str) -> None:
    """`eod`: the last closing of the date, where the part after midnight belongs to the date on which it opened."""
    reached = _model(hours).end_of_business_day(datetime.fromisoformat(start), n)
    assert reached == datetime.fromisoformat(expected)


def test_the_model_takes_public_holidays() -> None:
    """A holiday of the country closes its date, unless it is removed by hand."""
    hours = {**B, "holidays": {"country": "US", "subdivision": "NY", "remove": [date(2025, 11, 27)]}}
    assert not _model(hours).is_open(datetime.fromisoformat("2025-07-04T12:00-04:00"))
    assert _model(hours).is_open(datetime.fromisoformat("2025-11-27T12:00-05:00"))


def test_the_model_does_not_take_the_night_before_from_a_holiday() -> None:
    """A holiday takes away what opens on its date, not the tail of the night before."""
    hours = {**_office(["22:00-06:00"], days=("mon", "tue")), "holidays": {"add": [date(2025, 6, 10)]}}
    model = _model(hours)
    assert model.is_open(datetime.fromisoformat("2025-06-10T05:59-04:00"))
    assert not model.is_open(datetime.fromisoformat("2025-06-10T22:00-04:00"))
