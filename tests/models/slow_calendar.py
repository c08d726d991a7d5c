"""Business time, slowly: a model that the real calendar is held against.

There is one rule: **an instant is open if and only if its local wall-clock time lies in a window.** Everything here
asks that question of one instant after the other and walks on. Nothing is prepared, summed or searched, and every
instant asks `zoneinfo` anew, so that daylight saving needs no thought at all.

To get anywhere, the walk takes the longest step in which the answer cannot change: an hour of the wall clock if all
windows begin and end on full hours, and so on down to a minute; where the zone's offset changes inside such a step it
is cut further, down to single seconds (zones change their offset on whole seconds, windows begin on whole minutes).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import holidays

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
TICK = timedelta.resolution
STEPS = [timedelta(minutes=60), timedelta(minutes=30), timedelta(minutes=15), timedelta(minutes=1), SECOND]


class OutOfSightError(Exception):
    """The answer lies outside the time that the model was asked to look at."""


class Window(NamedTuple):
    """Open from `opens` to `closes`, counted on the wall clock from midnight of the date on which it opens."""

    opens: timedelta
    closes: timedelta


class Stretch(NamedTuple):
    """The instants from `start` up to, not including, `end`."""

    start: datetime
    end: datetime


class SlowCalendar:
    """Business hours in their YAML form, as a dictionary, looked at from `since` to `until`."""

    def __init__(self, hours: Mapping[str, Any], since: datetime, until: datetime) -> None:
        self.zone = ZoneInfo(hours["time_zone"])
        week = hours["week"]
        if week == "always":
            week = {day: ["00:00-24:00"] for day in WEEKDAYS}
        self.week = {day: [_window(text) for text in week.get(day, [])] for day in WEEKDAYS}
        self.dates = {day: [_window(text) for text in texts] for day, texts in hours.get("dates", {}).items()}
        rules = hours.get("holidays", {})
        self.added = [day for entry in rules.get("add", []) for day in _dates(entry)]
        self.removed = [day for entry in rules.get("remove", []) for day in _dates(entry)]
        self.public: Mapping[date, str] = (
            holidays.country_holidays(rules["country"], rules.get("subdivision")) if "country" in rules else {}
        )
        self.since, self.until = since, until
        self.seen: dict[date, list[Stretch]] = {}  # dates already walked through
        borders = [b for windows in (*self.week.values(), *self.dates.values()) for window in windows for b in window]
        self.steps = [step for step in STEPS if not any(border % step for border in borders)]

    # The rule.

    def windows_of(self, day: date) -> list[Window]:
        """The windows that open on `day`: its own if it has any say, none on a holiday, else those of its weekday."""
        if day in self.dates:
            return self.dates[day]
        if day in self.added or (day in self.public and day not in self.removed):
            return []
        return self.week[WEEKDAYS[day.weekday()]]

    def wall(self, t: datetime) -> datetime:
        """What a clock on the wall shows at `t`."""
        return t.astimezone(self.zone).replace(tzinfo=None)

    def open_dates_at(self, t: datetime) -> list[date]:
        """The dates with a window in which the wall-clock time of `t` lies: its own or, in a night, the one before."""
        wall = self.wall(t)
        found = []
        for day in (wall.date() - DAY, wall.date()):
            since_midnight = wall - datetime.combine(day, time())
            if any(opens <= since_midnight < closes for opens, closes in self.windows_of(day)):
                found.append(day)
        return found

    def is_open(self, t: datetime) -> bool:
        return bool(self.open_dates_at(t))

    # Walking.

    def step_around(self, t: datetime) -> Stretch:
        """The longest step around `t` in which the wall clock crosses no possible border and the offset is the same."""
        since_midnight = self.wall(t) - datetime.combine(self.wall(t).date(), time())
        for step in self.steps:
            start = t - since_midnight % step
            end = start + step
            if self.offset(start) == self.offset(t) == self.offset(end - TICK):
                return Stretch(start, end)
        raise AssertionError(f"{self.zone} changes its offset within the second of {t}")

    def offset(self, t: datetime) -> timedelta | None:
        return t.astimezone(self.zone).utcoffset()

    def forwards(self, t: datetime) -> Iterator[Stretch]:
        """Steps from `t` on."""
        while t < self.until:
            end = self.step_around(t).end
            yield Stretch(t, end)
            t = end
        raise OutOfSightError(t)

    def backwards(self, t: datetime) -> Iterator[Stretch]:
        """Steps back from `t`."""
        while t > self.since:
            start = self.step_around(t - TICK).start
            yield Stretch(start, t)
            t = start
        raise OutOfSightError(t)

    # The operations on open time.

    def elapsed(self, a: datetime, b: datetime) -> int:
        """Open seconds from `a` to `b`, fractions dropped."""
        if b < a:
            return -self.elapsed(b, a)
        total = timedelta(0)
        for step in self.forwards(a):
            if step.start >= b:
                break
            if self.is_open(step.start):
                total += min(step.end, b) - step.start
        return total // SECOND

    def add(self, t: datetime, seconds: int) -> datetime:
        """The earliest instant at which `seconds` have passed since `t`; the latest from which they pass until `t`."""
        if seconds == 0:
            return self.next_open(t)
        left = abs(seconds) * SECOND
        for step in self.forwards(t) if seconds > 0 else self.backwards(t):
            if not self.is_open(step.start):
                continue
            length = step.end - step.start
            if left <= length:
                return step.start + left if seconds > 0 else step.end - left
            left -= length
        raise AssertionError("the walk ends by raising")

    def next_open(self, t: datetime) -> datetime:
        return next(step.start for step in self.forwards(t) if self.is_open(step.start))

    def next_close(self, t: datetime) -> datetime:
        opening = self.next_open(t)
        return next(step.start for step in self.forwards(opening) if not self.is_open(step.start))

    # The operations on business days.

    def stretches_of(self, day: date) -> list[Stretch]:
        """The open time that belongs to `day`, in order: its windows, with what lies after midnight of the last."""
        if not self.windows_of(day):
            return []
        if day in self.seen:
            return self.seen[day]
        found: list[Stretch] = []
        for step in self.forwards(datetime.combine(day - DAY, time(), UTC)):
            if step.start >= datetime.combine(day + 3 * DAY, time(), UTC):
                break
            if day in self.open_dates_at(step.start):
                found.append(step)
        self.seen[day] = found
        return found

    def open_date(self, origin: date, n: int) -> date:
        """The n-th date after `origin` that has any open time."""
        day = origin
        while n:
            day += DAY
            if datetime.combine(day, time(), UTC) > self.until:
                raise OutOfSightError(day)
            if self.stretches_of(day):
                n -= 1
        return day

    def first_reading(self, wall: datetime) -> datetime:
        """The first instant at which the clock on the wall shows `wall` or, where that time is skipped, a later one."""
        for step in self.forwards(wall.replace(tzinfo=UTC) - DAY):
            missing = wall - self.wall(step.start)
            if missing < step.end - step.start:
                return step.start + max(missing, timedelta(0))
        raise AssertionError("the walk ends by raising")

    def business_days_later(self, t: datetime, n: int) -> datetime:
        """`Nbd`: n open dates later at the same local time, or that date's next opening, or else its last closing."""
        start = self.next_open(t)
        origin = self.open_dates_at(start)[0]
        day = self.open_date(origin, n)
        same_time = self.first_reading(self.wall(start) + (day - origin))
        for stretch in self.stretches_of(day):
            if same_time < stretch.end:
                return max(same_time, stretch.start)
        return self.stretches_of(day)[-1].end

    def end_of_business_day(self, t: datetime, n: int = 0) -> datetime:
        """`eod`, `Nbd eod`: the last closing of the date to which `t` or the next opening belongs, or n dates later."""
        origin = self.open_dates_at(self.next_open(t))[0]
        return self.stretches_of(self.open_date(origin, n))[-1].end


def _dates(entry: date | str) -> list[date]:
    """A date, or all dates of a range such as 2025-12-24..2026-01-01."""
    if isinstance(entry, date):
        return [entry]
    first, last = (date.fromisoformat(part) for part in entry.split(".."))
    return [first + days * DAY for days in range((last - first).days + 1)]


def _window(text: str) -> Window:
    opens, closes = (_time_of_day(part) for part in text.split("-"))
    return Window(opens, closes if closes > opens else closes + DAY)


def _time_of_day(text: str) -> timedelta:
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))
